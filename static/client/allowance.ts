/**
 * `Allowance` counts the commands that the server still allows, so that the client stays within the
 * limits that it was told.
 *
 * @module
 */
import type { AnnouncedLimits } from "../../server/protocol/messages.ts";
import { now } from "./clock.ts";

/** The allowance of one connection. */
export class Allowance {
  readonly #limits: AnnouncedLimits;
  #left: number;
  #refilledAt = now();

  constructor(limits: AnnouncedLimits) {
    this.#limits = limits;
    this.#left = limits.burst - 1; // the `hello` was one
  }

  /**
   * Takes one command.
   *
   * @returns 0, or in how many milliseconds the server allows one.
   */
  spend(time: number): number {
    const { rate, burst } = this.#limits;
    if (!rate || !burst) return 0;
    const refill = Math.max(0, time - this.#refilledAt) * rate / 1000;
    this.#left = Math.min(burst, this.#left + refill);
    this.#refilledAt = time;
    if (this.#left < 1) return Math.ceil((1 - this.#left) * 1000 / rate);
    this.#left--;
    return 0;
  }
}
