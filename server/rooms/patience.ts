/**
 * `Patience` counts the refusals that one client was sent, and says when they are too many.
 *
 * An honest client is never sent too many: of the commands that are refused for now it sends none
 * again before it may. Those that were under way when it was told are not counted, up to more than an
 * honest client has under way.
 *
 * @module
 */
import { type Clock, TokenBucket } from "../access/allowances.ts";
import { type ErrorCode, ERRORS } from "../protocol/tables.ts";
import type { Refusal } from "../protocol/refusal.ts";

/** What a bad command takes from a bucket that holds `badCommands` of them. */
const BAD = 10;
/** One bad command is forgiven in so many seconds. */
const FORGIVEN_SECONDS = 10;
/** How long a command may be under way, at most; and never more than half of the wait. */
const UNDER_WAY_MS = 1000;
/** How many commands may be under way. Refusals cost their sender nothing, and the server a little. */
const MAX_UNDER_WAY = 500;

export class Patience {
  readonly #bucket: TokenBucket;
  readonly #now: Clock;
  #toldAt = -Infinity;
  #waitMs = 0;
  /** Commands that were under way when it was told so. */
  #underWay = 0;

  constructor(badCommands: number, now: Clock) {
    this.#bucket = new TokenBucket(BAD / FORGIVEN_SECONDS, badCommands * BAD, now);
    this.#now = now;
  }

  /** Counts the refusal of so many commands, and says whether it was one too many. */
  endsWith({ code, retryAfterMs = 0 }: Refusal, count = 1): boolean {
    if (code === "rate_limited" && this.#isUnderWay(retryAfterMs, count)) return false;
    return this.#bucket.take(costOf(code) * count) > 0;
  }

  #isUnderWay(retryAfterMs: number, count: number): boolean {
    const now = this.#now();
    if (now >= this.#toldAt + this.#waitMs) {
      this.#toldAt = now;
      this.#waitMs = retryAfterMs;
      this.#underWay = 0;
    }
    this.#underWay += count;
    if (this.#underWay > MAX_UNDER_WAY) return false;
    return now <= this.#toldAt + Math.min(this.#waitMs / 2, UNDER_WAY_MS);
  }
}

/** Server failures cost nothing and retriable refusals little: an honest client meets both. */
function costOf(code: ErrorCode): number {
  if (code === "unavailable") return 0;
  return ERRORS[code].retry ? 1 : BAD;
}
