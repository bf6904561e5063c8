/** Counts the commands that the server allows, so that the client stays within them. */
import type { AnnouncedLimits } from "../../server/protocol/messages.ts";
import { now } from "./clock.ts";

export class Allowance {
  readonly #rate: number;
  readonly #burst: number;
  #left: number;
  #filledAt = now();

  constructor({ rate, burst }: AnnouncedLimits) {
    this.#rate = rate;
    this.#burst = burst;
    this.#left = burst - 1; // the hello
  }

  /** Takes one command, or says in how many milliseconds there is one. */
  spend(time: number): number {
    if (!this.#rate || !this.#burst) return 0;
    const refill = Math.max(0, time - this.#filledAt) * this.#rate / 1000;
    this.#left = Math.min(this.#burst, this.#left + refill);
    this.#filledAt = time;
    if (this.#left < 1) return Math.ceil((1 - this.#left) * 1000 / this.#rate);
    this.#left--;
    return 0;
  }
}
