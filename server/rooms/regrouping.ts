/**
 * `Regrouping` says whether the next commit waits for the senders that the last one has answered, because
 * they may send again at once. Where the thread that serves commits too, everybody waits for it, and what all
 * of them have sent meanwhile is the next batch. Where another thread commits, the first sender that comes
 * back would begin a commit without the others: they would part into groups that take turns, and each would
 * wait for the commits of the others.
 *
 * A commit waits only while fewer messages came than the last one has answered, and for half as long as the
 * last one took. If less than half of them came, the next commits do not wait: one at first, and twice as many
 * each time.
 *
 * @module
 */

/** How long a commit waits, as a part of the time that the last one took. */
const PART = 0.5;
/** The bounds of that. No timer is finer than the first. */
const MIN_MS = 1;
const MAX_MS = 5;
/** So many commits in a row do not wait, at most. */
const MAX_SKIPPED = 63;

export class Regrouping {
  readonly #now: () => number;
  readonly #resume: () => void;
  /** How many messages the last commit had, and how many had arrived when it ended. */
  #answered = 0;
  #early = 0;
  /** Until when the next commit may wait. */
  #until = -Infinity;
  #isWaiting = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How many commits do not wait after a wait that was not worth it, and how many of them are still to come. */
  #skipped = 0;
  #toSkip = 0;

  /**
   * @param now a clock in milliseconds.
   * @param resume is called when a commit that waits should ask again.
   */
  constructor(now: () => number, resume: () => void) {
    this.#now = now;
    this.#resume = resume;
  }

  /**
   * Is told that a commit has ended.
   *
   * @param answered how many messages it had.
   * @param early how many have arrived meanwhile.
   */
  committed(answered: number, early: number, tookMs: number): void {
    this.close(); // a whole batch, or a stop, may have ended a wait
    this.#answered = answered;
    this.#early = early;
    const waitMs = Math.min(MAX_MS, Math.max(MIN_MS, PART * tookMs));
    this.#until = this.#toSkip > 0 ? -Infinity : this.#now() + waitMs;
    if (this.#toSkip > 0) this.#toSkip--;
  }

  /** Says whether the next commit waits, which would have so many messages now. */
  isWaiting(messages: number): boolean {
    const arrived = messages - this.#early;
    const leftMs = this.#until - this.#now();
    if (arrived < this.#answered && leftMs > 0) {
      this.#isWaiting = true;
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#resume();
      }, leftMs);
      return true;
    }
    if (this.#isWaiting) this.#learn(2 * arrived >= this.#answered);
    return false;
  }

  /** Ends a wait. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isWaiting = false;
  }

  /** The wait is over. */
  #learn(wasWorthIt: boolean): void {
    this.close();
    this.#skipped = wasWorthIt ? 0 : Math.min(MAX_SKIPPED, 2 * this.#skipped + 1);
    this.#toSkip = this.#skipped;
  }
}
