/**
 * WebSocket where it works, HTTP where it does not: a proxy may refuse the upgrade, or let it
 * through and then swallow every frame, so what counts is that something was heard. It looks from
 * time to time whether WebSocket works by now; the client then moves over as after any lost
 * connection, from its cursors, and neither loses nor repeats a message.
 *
 * @module
 */
import { overHttp } from "./http_transport.ts";
import {
  CLOSE_GOING_AWAY,
  type OpenTransport,
  type Transport,
  type TransportHandlers,
  webSocket,
} from "./transport.ts";

/** When to turn from WebSocket to HTTP and back, in milliseconds. */
export interface FallbackOptions {
  /** A WebSocket on which nothing was heard for so long is not waited for. @default 3_000 */
  readonly patienceMs?: number;
  /** How often WebSocket is tried again. @default 30_000 */
  readonly againMs?: number;
  /** An event stream on which nothing was heard for so long is held back on its way. @default 5_000 */
  readonly heldBackMs?: number;
}

/** WebSocket, or HTTP where that is blocked. */
export const automatic: OpenTransport = (url, handlers) => withFallback({}, url, handlers);

export function withFallback(
  { patienceMs = 3_000, againMs = 30_000, heldBackMs = 5_000 }: FallbackOptions,
  url: string,
  handlers: TransportHandlers,
): Transport {
  let heard = false;
  let timer: ReturnType<typeof setTimeout>;
  let probe: Transport | undefined;

  const socket = webSocket(url, {
    opened: handlers.opened,
    received(events) {
      heard = true;
      clearTimeout(timer);
      handlers.received(events);
    },
    closed: (code, reason) => heard ? handlers.closed(code, reason) : giveUp(),
  });
  let transport = socket;
  timer = setTimeout(giveUp, patienceMs);

  function giveUp(): void {
    clearTimeout(timer);
    socket.close();
    // Opened for a second time perhaps: the client then says its hello again, which is all it said.
    transport = overHttp(heldBackMs, url, handlers);
    timer = setTimeout(tryAgain, againMs);
  }

  function tryAgain(): void {
    probe?.close();
    timer = setTimeout(tryAgain, againMs);
    probe = webSocket(url, {
      opened: () => probe?.send([{ type: "hello" }]),
      received: () => handlers.closed(CLOSE_GOING_AWAY, "WebSocket works"),
      closed() {},
    });
  }

  return {
    send: (commands) => transport.send(commands),
    close() {
      clearTimeout(timer);
      probe?.close();
      transport.close();
    },
  };
}
