/**
 * `BadCommandAllowance` counts the refusals that one client was sent, and says when they are too many.
 *
 * An honest client is never sent too many. It waits as long as a `rate_limited` error says; and the
 * commands that it had sent before it received that error are not counted.
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

export class BadCommandAllowance {
  readonly #bucket: TokenBucket;
  readonly #now: Clock;
  #refusedAt = -Infinity;
  #waitMs = 0;

  constructor(badCommands: number, now: Clock) {
    this.#bucket = new TokenBucket(BAD_COST / FORGIVEN_SECONDS, badCommands * BAD_COST, now);
    this.#now = now;
  }

  /**
   * Counts a refusal.
   *
   * @returns whether it was one too many.
   */
  charge(refusal: Refusal): boolean {
    if (refusal.code === "rate_limited" && this.#wasInFlight(refusal.retryAfterMs ?? 0)) {
      return false;
    }
    return this.#bucket.take(costOf(refusal.code)) > 0;
  }

  /** Says whether the refused command was probably sent before the client received the first error. */
  #wasInFlight(retryAfterMs: number): boolean {
    const now = this.#now();
    if (now >= this.#refusedAt + this.#waitMs) {
      this.#refusedAt = now;
      this.#waitMs = retryAfterMs;
    }
    return now <= this.#refusedAt + Math.min(this.#waitMs / 2, IN_FLIGHT_MS);
  }
}

/** Server failures cost nothing and retriable refusals little: an honest client meets both. */
function costOf(code: ErrorCode): number {
  if (code === "unavailable") return 0;
  return ERRORS[code].retry ? 1 : BAD_COST;
}
