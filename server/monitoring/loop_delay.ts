/**
 * `LoopDelay` measures how much later than they should timers run. Whatever keeps the event loop busy, all
 * clients wait that long.
 *
 * @module
 */
import type { Clock } from "../access/allowances.ts";
import type { Histogram } from "../metrics.ts";

const EVERY_MS = 100;

export class LoopDelay {
  readonly #timer: ReturnType<typeof setInterval>;

  /** Begins to measure. The timer does not keep the process alive. */
  constructor(histogram: Histogram, now: Clock) {
    let last = now();
    this.#timer = setInterval(() => {
      const passedMs = now() - last;
      last += passedMs;
      histogram.observe(Math.max(0, passedMs - EVERY_MS) / 1000);
    }, EVERY_MS);
    Deno.unrefTimer(Number(this.#timer));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
