/**
 * The options of `connect`.
 *
 * @module
 */
import type { KeyValue } from "./storage.ts";
import type { OpenTransport } from "./transport.ts";

/** The options of `connect`. Each of them can be left out. */
export interface ClientOptions {
  /** The user's name at the first visit. A name that was saved at an earlier visit is used instead. */
  readonly name?: string;
  /**
   * Saves the user's token and name. Clients that share it are the same user.
   *
   * @default localStorage in a browser, and memory elsewhere
   */
  readonly identity?: KeyValue;
  /**
   * Saves the messages that are not acknowledged yet. Two clients that run at the same time must not
   * share it: both would send what is in it.
   *
   * @default sessionStorage in a browser, and memory elsewhere
   */
  readonly outbox?: KeyValue;
  /**
   * The maximum number of unacknowledged messages. `send` refuses more with the code `full`.
   *
   * @default 256
   */
  readonly maxUnsent?: number;
  /**
   * The bounds of the exponential back-off between attempts to connect, in milliseconds. Each wait is
   * a random part of the bound (full jitter), so that many clients do not return at the same moment.
   *
   * @default { min: 500, max: 20_000 }
   */
  readonly backoffMs?: { readonly min: number; readonly max: number };
  /**
   * Opens a connection.
   *
   * @default a WebSocket, or HTTP where WebSocket is blocked
   */
  readonly transport?: OpenTransport;
}
