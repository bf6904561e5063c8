/** Durations, counted in steps of 10 µs up to 2 s: a percentile without keeping each. */
const STEP_MS = 0.01;
const STEPS = 200_000;

export class Histogram {
  readonly #counts = new Uint32Array(STEPS + 1);
  #total = 0;

  add(ms: number): void {
    this.#total++;
    this.#counts[Math.min(STEPS, Math.max(0, Math.round(ms / STEP_MS)))]!++;
  }

  /** The duration that a share of all (0 to 1) did not exceed, in milliseconds. */
  percentile(share: number): number {
    let left = this.#total * share;
    let step = 0;
    while (step < STEPS && (left -= this.#counts[step]!) > 0) step++;
    return step * STEP_MS;
  }
}
