/**
 * What a batch adds to the log and changes in it, until it is committed.
 *
 * @module
 */
import type { RevisedMessage } from "../revisions.ts";
import type { Log } from "./log_cache.ts";
import type { Hashes, RefWindow } from "./ref_window.ts";

/** The new messages of one room in a batch, until they are committed. */
export interface Addition {
  readonly log: Log;
  /** Undefined if none of the messages has a `ref`. */
  readonly refs: RefWindow | undefined;
  readonly first: number;
  readonly events: string[];
  readonly hashes: Hashes;
}

/** A reaction that a batch has added or removed. */
export interface ReactionChange {
  readonly userId: string;
  readonly reaction: string;
  readonly on: boolean;
}

/** A message that a batch has revised, to be stored. */
export interface RevisedRow extends RevisedMessage {
  readonly log: Log;
  /** Whether the message is stored by the same batch, and as it is now. */
  readonly isNew: boolean;
  /** Whether its text was replaced. */
  readonly hasLostText: boolean;
  /** Whether the message has no reactions any more. */
  readonly isDeleted: boolean;
  readonly reactions: Iterable<ReactionChange>;
}
