/**
 * What a client needs of a connection, and nothing more; and the connection of choice, a WebSocket.
 *
 * @module
 */
import type { Command, Event } from "../../server/protocol/messages.ts";

/** Close codes (`CLOSE` of the protocol). They are single constants, so that bundlers inline them. */
export const CLOSE_DONE = 1000;
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_RESTART = 1012;
/** The connection ended without a close frame. This code is never sent (RFC 6455 §7.4.1). */
export const CLOSE_LOST = 1006;

/** A connection that is being opened, or open. */
export interface Transport {
  /** Sends commands together, in order. Only called after `opened`. */
  send(commands: readonly Command[]): void;
  /** Lets go of the connection: after this no handler is called. */
  close(): void;
}

/** What a transport tells its client. */
export interface TransportHandlers {
  opened(): void;
  received(events: readonly Event[]): void;
  closed(code: number, reason: string): void;
}

/** Begins to open a connection to `url` (ws: or wss:). */
export type OpenTransport = (url: string, handlers: TransportHandlers) => Transport;

/** A WebSocket that speaks `parley.v1.batched`. */
export const webSocket: OpenTransport = (url, { opened, received, closed }) => {
  const socket = new WebSocket(url, "parley.v1.batched");
  socket.onopen = opened;
  socket.onmessage = ({ data }) => received([JSON.parse(data)].flat());
  socket.onclose = ({ code, reason }) => closed(code, reason);
  return {
    send: (commands) => socket.send(JSON.stringify(commands)),
    close() {
      // A dead peer's close event may be minutes away: nobody waits for it.
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(CLOSE_DONE);
    },
  };
};
