/**
 * A `Heartbeat` repeats an asynchronous act, one run after the other.
 *
 * @module
 */

export class Heartbeat {
  readonly #act: () => Promise<void>;
  readonly #everyMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last: Promise<void> = Promise.resolve();
  #isStopped = false;

  /** @param act if it fails, the next run does all of it. */
  constructor(act: () => Promise<void>, everyMs: number) {
    this.#act = act;
    this.#everyMs = everyMs;
    this.#schedule(everyMs);
  }

  /** Runs the act as soon as possible. */
  hasten(): void {
    this.#schedule(0);
  }

  /** Begins no more runs. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Settles when the present run has ended. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #schedule(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#last = this.#last.then(() => this.#act()).catch(() => {
        // Redis is away. The next run does all of it, or the one after a reconnect.
      }).then(() => this.#schedule(this.#everyMs));
    }, milliseconds);
  }
}
