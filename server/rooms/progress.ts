/**
 * The progress of a subscriber that is behind the head of its room's log.
 *
 * @module
 */
import type { HeldMessages } from "./pending.ts";

/** How far a subscriber has come that is behind. */
export interface Progress {
  /** The last `seq` that it was sent. */
  seq: number;
  /** True until its first page: it had no cursor, so that page may start at any `seq`. */
  isFresh: boolean;
  /** Whether `joined` has to be sent first, because it starts afresh. */
  isStartDue?: boolean;
  /** Whether the retained events have yet to be sent. */
  isRetainedDue?: boolean;
  /** A page is being read for it, or it is not let in yet. */
  isBusy: boolean;
  /** What it said before it was let in; `undefined` from then on. */
  held?: HeldMessages | undefined;
}
