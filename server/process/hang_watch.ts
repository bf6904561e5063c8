/**
 * A `HangWatch` finds the threads that hang: those that have said nothing for a long time, although they
 * should. It trusts no clock: if the machine sleeps or the process is stopped, time passes in which no thread
 * could say anything. So only the intervals count in which the watching thread itself ran on time.
 *
 * @module
 */

/**
 * A thread hangs that was silent for so long. A collection of garbage takes a second or two where the heap is
 * large, and nothing else in a serving thread takes as long.
 */
export const MAX_SILENCE_MS = 10_000;

export class HangWatch<Thread extends object> {
  readonly #intervalMs: number;
  readonly #now: () => number;
  /** For how long each thread has been silent, in intervals that count. */
  readonly #silenceMs = new Map<Thread, number>();
  #checkedAt: number;

  /**
   * @param intervalMs how often `check` is called.
   * @param now a clock in milliseconds that is never set back.
   */
  constructor(intervalMs: number, now: () => number = () => performance.now()) {
    this.#intervalMs = intervalMs;
    this.#now = now;
    this.#checkedAt = now();
  }

  /** A thread has said something. It is watched from the first time on, because its start may take long. */
  heard(thread: Thread): void {
    this.#silenceMs.set(thread, 0);
  }

  /** Watches a thread no more. */
  forget(thread: Thread): void {
    this.#silenceMs.delete(thread);
  }

  /** Returns the threads that hang, and counts one more interval of silence for each thread. */
  check(): readonly Thread[] {
    const elapsed = this.#now() - this.#checkedAt;
    this.#checkedAt += elapsed;
    if (elapsed >= 2 * this.#intervalMs) return [];
    const hanging: Thread[] = [];
    for (const [thread, silenceMs] of this.#silenceMs) {
      if (silenceMs >= MAX_SILENCE_MS) hanging.push(thread);
      this.#silenceMs.set(thread, silenceMs + this.#intervalMs);
    }
    return hanging;
  }
}
