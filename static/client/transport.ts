/**
 * The interface between a client and a connection, and the usual connection: a WebSocket.
 *
 * @module
 */
import type { Command, Event } from "../../server/protocol/messages.ts";

/** Close codes (`CLOSE` of the protocol). They are single constants, so that bundlers inline them. */
export const CLOSE_DONE = 1000;
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_RESTART = 1012;
export const CLOSE_UNAUTHORIZED = 3000;
export const CLOSE_FORBIDDEN = 3003;
/** The connection ended without a close frame. This code is never sent (RFC 6455 §7.4.1). */
export const CLOSE_LOST = 1006;

/** A connection that is open, or being opened. */
export interface Transport {
  /** Sends commands together, in order. The client calls it only after `opened`. */
  send(commands: readonly Command[]): void;
  /** Closes the connection. No handler is called after this. */
  close(): void;
}

/** The functions that a transport calls. */
export interface TransportHandlers {
  /** The connection is open: the client may send. */
  opened(): void;
  /**
   * The server sent events.
   *
   * @param isAnswer whether they answer a request, and may have overtaken those before them.
   */
  received(events: readonly Event[], isAnswer?: boolean): void;
  /** The connection is lost, and the transport opens another: `opened` follows. */
  reopening?(): void;
  /** The connection is lost, or could not be opened; with a WebSocket close code. */
  closed(code: number, reason?: string): void;
}

/** Begins to open a connection to `url` (ws: or wss:). */
export type OpenTransport = (url: string, handlers: TransportHandlers) => Transport;

/** Opens a WebSocket that speaks `parley.v1.batched`. */
export function webSocket(
  url: string,
  { opened, received, closed }: TransportHandlers,
): Transport {
  const socket = new WebSocket(url, "parley.v1.batched");
  socket.onopen = opened;
  socket.onmessage = ({ data }) => {
    try {
      received([JSON.parse(data)].flat());
    } catch {
      // What cannot be read may have held messages. They come again on another connection.
      close();
      closed(CLOSE_LOST);
    }
  };
  socket.onclose = ({ code, reason }) => closed(code, reason);
  function close(): void {
    // The close event of a dead peer may come minutes later, so the client does not wait for it.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(CLOSE_DONE);
  }
  return {
    send(commands) {
      // While it closes, nothing arrives any more, and browsers complain of it.
      if (socket.readyState === 1) socket.send(JSON.stringify(commands));
    },
    close,
  };
}
