/**
 * `Gathering` lets a transaction wait for the serving threads that will have a batch in a moment. Where a
 * commit takes long, two threads that talk as fast as they are answered would else take turns: while the batch
 * of one is committed, the other's waits, and each is answered in every second commit only.
 *
 * It waits for a thread only if that thread has lately taken less than half a commit from an answer to its
 * next batch. So waiting takes less time than the commit that it saves, and where the disk is quick, or the
 * threads have long to deliver, nothing waits.
 *
 * @module
 */

/** Nothing waits where a commit is quicker: a timer is no finer. */
const MIN_COMMIT_MS = 1;
/** How much later than expected a batch may come. */
const SLACK_MS = 1;

export class Gathering {
  readonly #now: () => number;
  /** How long each thread took last from an answer to its next batch. */
  readonly #pauses = new WeakMap<object, number>();
  /** The threads that the last transaction has answered, and that have sent nothing since. */
  #answered = new Set<object>();
  #answeredAt = 0;
  #commitMs = 0;
  /** Lets the transaction go on that waits. */
  #resume: (() => void) | undefined;

  /** @param now a clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A batch has come. @param pauseMs how long the thread took for it since it was answered last. */
  arrived(thread: object, pauseMs: number): void {
    this.#pauses.set(thread, pauseMs);
    this.#answered.delete(thread);
    if (this.#answered.size === 0) this.#resume?.();
  }

  /** A transaction has ended. */
  committed(threads: Iterable<object>, tookMs: number): void {
    this.#answered = new Set(threads);
    this.#answeredAt = this.#now();
    this.#commitMs = tookMs;
  }

  /** Returns what the next transaction waits for; `undefined` if it need not wait. One may wait at a time. */
  wait(): Promise<void> | undefined {
    const maxMs = this.#commitMs / 2;
    if (this.#commitMs < MIN_COMMIT_MS || this.#answered.size === 0) return undefined;
    const elapsed = this.#now() - this.#answeredAt;
    let latest = 0;
    for (const thread of this.#answered) {
      const pause = this.#pauses.get(thread) ?? Infinity;
      const left = pause - elapsed;
      if (pause > maxMs || left < -SLACK_MS) this.#answered.delete(thread);
      else latest = Math.max(latest, left);
    }
    if (this.#answered.size === 0) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#resume?.(), latest + SLACK_MS);
    this.#resume = () => {
      this.#resume = undefined;
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }
}
