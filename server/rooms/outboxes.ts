/**
 * `Outboxes` are what the connections have to write, in the order in which they first had something.
 *
 * @module
 */

/** An outbox gathers what it is given during a turn, and writes it when it is flushed. */
export interface Outbox {
  /**
   * Writes what was gathered, or a piece of it. Never throws.
   *
   * @returns whether there is another piece.
   */
  flush(): boolean;
}

export class Outboxes {
  #waiting: Outbox[] = [];

  /** Puts an outbox behind the others. */
  add(outbox: Outbox): void {
    this.#waiting.push(outbox);
  }

  /**
   * Writes one piece to each connection in turn. So a client that is sent one event a frame does not get
   * all of its frames before the next client gets its first. It is also faster: see (e) of the benchmark.
   *
   * @param max how many pieces are written at most.
   * @returns whether there are more.
   */
  write(max: number): boolean {
    let left = max;
    while (left > 0 && this.#waiting.length > 0) {
      const next = this.#waiting.splice(0, left);
      left -= next.length;
      for (const outbox of next) if (outbox.flush()) this.#waiting.push(outbox);
    }
    return this.#waiting.length > 0;
  }
}
