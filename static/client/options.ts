/**
 * The options of `connect`.
 *
 * @module
 */
import type { KeyValue } from "./storage.ts";
import type { OpenTransport } from "./transport.ts";

/**
 * A token, or a function that gives the current one. `undefined` connects as a guest.
 *
 * The function is called before every connection, and when the server says that the last token ended.
 * If it throws before a connection, the client tries again later. If it throws in place of a token
 * that ended, or returns that one again, the client is closed with the code 3000.
 */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

/** The options of `connect`. Each of them can be left out. */
export interface ClientOptions {
  /** The user's name at the first visit. A name that was saved at an earlier visit is used instead. */
  readonly name?: string;
  /** The application's token, which says who the user is. A guest's saved token and name stay unused. */
  readonly token?: TokenSource;
  /**
   * Saves a guest's token and name. Clients that share it are the same user.
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
   * Whether the tabs of a browser share one connection. One of them holds it, and when it goes, another
   * takes over. They must be one user: they share the `identity`, or have tokens of the same user. Where
   * users may change, give a string that tells them apart: only tabs with the same string share. Where a
   * browser cannot share (it needs Web Locks, and so TLS), each tab has a connection of its own.
   *
   * @default false
   */
  readonly shared?: boolean | string;
  /**
   * Opens a connection.
   *
   * @default a WebSocket, or HTTP where WebSocket is blocked
   */
  readonly transport?: OpenTransport;
}
