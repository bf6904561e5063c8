/**
 * A `Subscriber` is a session in a room, and a `ClientConnection` is what it is written to.
 *
 * @module
 */
import type { Batch } from "../broker/page.ts";
import type { Refusal } from "../protocol/refusal.ts";
import type { CloseCode, Right } from "../protocol/tables.ts";
import type { Sender } from "./pending.ts";
import type { ConnectedUser } from "./user.ts";

/** The part of a connection that rooms and sessions use. */
export interface ClientConnection {
  /** What the log calls it. */
  readonly id: string;
  /** Whether it takes more now. If not, it tells its session when it does again. */
  readonly ready: boolean;
  /** Queues a batch, to be written at the end of this turn. */
  send(batch: Batch): void;
  /**
   * Queues an answer to what the client asked. It goes out even if much is queued, but a client that
   * asks and asks without reading is closed.
   */
  reply(batch: Batch): void;
  close(code: CloseCode): void;
}

/** What a room needs of a session. */
export interface Subscriber extends Sender {
  readonly user: ConnectedUser;
  readonly connection: ClientConnection;
  /** Returns what the user may do in a room that the session is in. */
  rightIn(room: string): Right;
  /**
   * Is called when a join failed after all.
   *
   * @param ref the `ref` of that `join`.
   */
  joinFailed(room: string, refusal: Refusal, ref: string | undefined): void;
}
