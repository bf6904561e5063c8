/**
 * `History` keeps what the charts show of the last ten minutes, and tells those who watch of each new
 * sample.
 *
 * @module
 */
import { type Value, valuesOf } from "./charts.ts";
import type { Snapshot } from "./snapshot.ts";
import { TROUBLES } from "./readiness.ts";

/** The time between two samples. */
export const SAMPLE_MS = 2000;
/** How many samples are kept: those of ten minutes. */
const MAX_SAMPLES = 300;

/** What is known of one moment. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Why the server was not ready, in a sentence; empty if it was. */
  readonly trouble: string;
  /** A value for each line of the charts, in their order. */
  readonly values: readonly Value[];
}

/** A `Watcher` is told of samples. Neither function may throw. */
export interface Watcher {
  taken(sample: Sample): void;
  /** The server stops. */
  closed(): void;
}

export class History {
  readonly #samples: Sample[] = [];
  readonly #watchers = new Set<Watcher>();
  #before: Snapshot | undefined;

  /** The samples, the oldest first. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** How many watch. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** Tells a watcher of each new sample, until the returned function is called. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Tells all watchers that the server stops. */
  close(): void {
    for (const watcher of this.#watchers) watcher.closed();
  }

  /** Adds a sample of the numbers of now. */
  add(now: Snapshot, at: number): void {
    const last = this.#samples.at(-1);
    const seconds = last === undefined ? 0 : (at - last.at) / 1000;
    // Without a time in between, or when the clock was put back, there are no rates.
    const before = seconds > 0 ? this.#before : undefined;
    const sample = { at, trouble: troubleOf(now), values: valuesOf(now, before, seconds) };
    this.#before = now;
    this.#samples.push(sample);
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
    for (const watcher of this.#watchers) watcher.taken(sample);
  }
}

function troubleOf(snapshot: Snapshot): string {
  const reasons = snapshot["parley.not_ready"] ?? {};
  return Object.entries(TROUBLES).find(([reason]) => reasons[reason] === 1)?.[1] ?? "";
}
