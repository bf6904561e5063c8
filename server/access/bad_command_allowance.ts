/**
 * `Patience` counts the refusals that one client was sent, and says when they are too many.
 *
 * An honest client is never sent too many: of the commands that are refused for now it sends none
 * again before it may. Those that were under way when it was told are not counted, however many.
 *
 * @module
 */
import { type Clock, TokenBucket } from "./allowances.ts";
import { type ErrorCode, ERRORS } from "../protocol/tables.ts";
import type { Refusal } from "../protocol/refusal.ts";

/** What a bad command takes from a bucket that holds `badCommands` of them. */
const BAD = 10;
/** One bad command is forgiven in so many seconds. */
const FORGIVEN_SECONDS = 10;
/** How long a command may be under way, at most; and never more than half of the wait. */
const UNDER_WAY_MS = 1000;

export class BadCommandAllowance {
  readonly #bucket: TokenBucket;
  readonly #now: Clock;
  #toldAt = -Infinity;
  #waitMs = 0;

  constructor(badCommands: number, now: Clock) {
    this.#bucket = new TokenBucket(BAD / FORGIVEN_SECONDS, badCommands * BAD, now);
    this.#now = now;
  }

  /** Counts a refusal, and says whether it was one too many. */
  charge(refusal: Refusal): boolean {
    if (refusal.code === "rate_limited" && this.#isUnderWay(refusal.retryAfterMs ?? 0)) {
      return false;
    }
    return this.#bucket.take(costOf(refusal.code)) > 0;
  }

  #isUnderWay(retryAfterMs: number): boolean {
    const now = this.#now();
    if (now >= this.#toldAt + this.#waitMs) {
      this.#toldAt = now;
      this.#waitMs = retryAfterMs;
    }
    return now <= this.#toldAt + Math.min(this.#waitMs / 2, UNDER_WAY_MS);
  }
}

/** Server failures cost nothing and retriable refusals little: an honest client meets both. */
function costOf(code: ErrorCode): number {
  if (code === "unavailable") return 0;
  return ERRORS[code].retry ? 1 : BAD;
}
