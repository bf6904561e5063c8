/**
 * Chooses between WebSocket and HTTP. A proxy may refuse the upgrade, or accept it and then swallow
 * every frame, so a WebSocket counts as working only after the server has sent something over it.
 * While HTTP is used, a WebSocket is tried from time to time. When it works, the client reconnects from
 * its cursors, as after any lost connection, and neither loses nor repeats a message.
 *
 * The code for HTTP is loaded when it is needed: most clients never do.
 *
 * @module
 */
import { CLOSE_GOING_AWAY, CLOSE_LOST, webSocket } from "./transport.ts";
import type { OpenTransport, Transport, TransportHandlers } from "./transport.ts";

/** When to change between WebSocket and HTTP. */
export interface FallbackOptions {
  /**
   * How long a WebSocket may be silent at its start before HTTP is used, in milliseconds.
   *
   * @default 3_000
   */
  readonly webSocketTimeoutMs?: number;
  /**
   * How often WebSocket is tried while HTTP is used, in milliseconds.
   *
   * @default 30_000
   */
  readonly webSocketRetryMs?: number;
  /**
   * How long an event stream may be silent at its start before it counts as buffered by a proxy, in
   * milliseconds.
   *
   * @default 5_000
   */
  readonly streamTimeoutMs?: number;
}

/** Opens a WebSocket, or HTTP where that is blocked. */
export const automatic: OpenTransport = (url, handlers) => withFallback({}, url, handlers);

/** Opens a WebSocket, or HTTP where that is blocked, with times of its own. */
export function withFallback(
  { webSocketTimeoutMs = 3_000, webSocketRetryMs = 30_000, streamTimeoutMs = 5_000 }:
    FallbackOptions,
  url: string,
  handlers: TransportHandlers,
): Transport {
  let hasReceived = false;
  let isClosed = false;
  let timer: ReturnType<typeof setTimeout>;
  let probe: Transport | undefined;

  const socket = webSocket(url, {
    opened: handlers.opened,
    received(events) {
      hasReceived = true;
      clearTimeout(timer);
      handlers.received(events);
    },
    closed: (code, reason) => hasReceived ? handlers.closed(code, reason) : void useHttp(),
  });
  let transport = socket;
  timer = setTimeout(useHttp, webSocketTimeoutMs);

  async function useHttp(): Promise<void> {
    clearTimeout(timer);
    socket.close(); // and what is sent until HTTP is there is not sent: `opened` comes again
    try {
      const { overHttp } = await import("./http_transport.ts");
      if (isClosed) return;
      // `opened` may be called a second time. The client then says hello again, which is all it sent.
      transport = overHttp(streamTimeoutMs, url, handlers);
      timer = setTimeout(tryWebSocket, webSocketRetryMs);
    } catch {
      if (!isClosed) handlers.closed(CLOSE_LOST);
    }
  }

  function tryWebSocket(): void {
    probe?.close();
    timer = setTimeout(tryWebSocket, webSocketRetryMs);
    probe = webSocket(url, {
      opened: () => probe?.send([{ type: "hello" }]),
      // It works: the client reconnects, and gets a WebSocket then.
      received: () => handlers.closed(CLOSE_GOING_AWAY),
      closed() {},
    });
  }

  return {
    send: (commands) => transport.send(commands),
    close() {
      isClosed = true;
      clearTimeout(timer);
      probe?.close();
      transport.close();
    },
  };
}
