/**
 * `ForgottenUsers` remembers who was erased a moment ago. What they had said or read before may still be on
 * its way, and must leave nothing of them.
 *
 * @module
 */
import type { Clock } from "../access/allowances.ts";

/** A commit is given up after 5 seconds, and marks are written within one more. */
const REMEMBERED_MS = 10_000;

export class ForgottenUsers {
  readonly #now: Clock;
  /** When each may be remembered no more, the oldest first. */
  readonly #until = new Map<string, number>();

  constructor(now: Clock) {
    this.#now = now;
  }

  add(userId: string): void {
    const now = this.#now();
    for (const [id, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(id);
    }
    this.#until.delete(userId);
    this.#until.set(userId, now + REMEMBERED_MS);
  }

  has(userId: string): boolean {
    const until = this.#until.get(userId);
    return until !== undefined && until > this.#now();
  }
}
