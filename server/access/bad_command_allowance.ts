/**
 * `BadCommandAllowance` counts the refusals that one client was sent, and says when they are too many.
 *
 * An honest client is never sent too many. It waits as long as a `rate_limited` error says; and the
 * commands that it had sent before it received that error are not counted, up to a bound.
 *
 * @module
 */
import { type Clock, TokenBucket } from "./allowances.ts";
import { type ErrorCode, ERRORS } from "../protocol/tables.ts";
import type { Refusal } from "../protocol/refusal.ts";

/** What a bad command costs. The bucket holds `badCommands` of them. */
const BAD_COST = 10;
/** How many seconds it takes until one bad command is forgiven. */
const FORGIVEN_SECONDS = 10;
/** How long commands that follow an error may have been sent before it; at most half of the wait. */
const IN_FLIGHT_MS = 1000;
/** How many such commands are not counted: more than an honest client has sent. */
const MAX_IN_FLIGHT = 500;

export class BadCommandAllowance {
  readonly #bucket: TokenBucket;
  readonly #now: Clock;
  /** When the first command of a row was refused, and how long the client was told to wait. */
  #refusedAt = -Infinity;
  #waitMs = 0;
  /** Commands that were refused since then and had been sent before it. */
  #inFlight = 0;

  constructor(badCommands: number, now: Clock) {
    this.#bucket = new TokenBucket(BAD_COST / FORGIVEN_SECONDS, badCommands * BAD_COST, now);
    this.#now = now;
  }

  /**
   * Counts commands that were refused.
   *
   * @returns whether they were too many.
   */
  charge({ code, retryAfterMs = 0 }: Refusal, count = 1): boolean {
    if (code === "rate_limited" && this.#wereInFlight(retryAfterMs, count)) return false;
    return this.#bucket.take(costOf(code) * count) > 0;
  }

  /** Says whether the commands were probably sent before the client received the first error. */
  #wereInFlight(retryAfterMs: number, count: number): boolean {
    const now = this.#now();
    if (now >= this.#refusedAt + this.#waitMs) {
      this.#refusedAt = now;
      this.#waitMs = retryAfterMs;
      this.#inFlight = 0;
    }
    this.#inFlight += count;
    if (this.#inFlight > MAX_IN_FLIGHT) return false;
    return now <= this.#refusedAt + Math.min(this.#waitMs / 2, IN_FLIGHT_MS);
  }
}

/** Server failures cost nothing and retriable refusals little: an honest client meets both. */
function costOf(code: ErrorCode): number {
  if (code === "unavailable") return 0;
  return ERRORS[code].retry ? 1 : BAD_COST;
}
