/**
 * `SlowMode` lets a user store one message in `slowSeconds` in the rooms whose rule says so. Each node
 * counts for itself.
 *
 * @module
 */
import { Refusal } from "../protocol/refusal.ts";
import type { Right } from "../protocol/tables.ts";
import type { Clock } from "./allowances.ts";
import type { Rules } from "./rules.ts";

/** A user's last message in a room. */
interface Last {
  readonly at: number;
  readonly ref: string | undefined;
}

/** How many last messages are remembered at most. The oldest is forgotten first. */
const MAX_REMEMBERED = 65_536;

export class SlowMode {
  readonly #rules: Rules;
  readonly #now: Clock;
  readonly #last = new Map<string, Last>();

  constructor(rules: Rules, now: Clock) {
    this.#rules = rules;
    this.#now = now;
  }

  /** How many last messages are remembered. */
  get size(): number {
    return this.#last.size;
  }

  /**
   * Takes the user's turn in a room, unless the user has to wait.
   *
   * A message with the `ref` of the last one may always be sent: it is a retry, whose first try may have
   * failed, and else it is not stored again.
   *
   * @throws {Refusal} `rate_limited`
   */
  take(userId: string, room: string, right: Right, ref: string | undefined): void {
    const seconds = this.#rules.of(room)?.slowSeconds ?? 0;
    if (seconds === 0 || right === "manage") return;
    const now = this.#now();
    const key = `${userId}\n${room}`;
    const last = this.#last.get(key);
    if (last !== undefined) {
      const retryAfterMs = last.at + seconds * 1000 - now;
      if (ref !== undefined && ref === last.ref) return;
      if (retryAfterMs > 0) {
        const sentence = `You may send one message in ${seconds} seconds here.`;
        const details = { field: "room", limit: "slow_seconds", retryAfterMs } as const;
        throw new Refusal("rate_limited", sentence, details);
      }
    }
    this.#last.delete(key);
    this.#last.set(key, { at: now, ref });
    if (this.#last.size <= MAX_REMEMBERED) return;
    const [oldest = ""] = this.#last.keys();
    this.#last.delete(oldest);
  }
}
