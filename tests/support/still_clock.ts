/**
 * The clock that only ever grows, and all timers of this process, which stand still until a test moves them. So
 * a client that gives up after a tenth of a second does so when the test says, however slow the machine is.
 *
 * Nothing that waits for the world works meanwhile, neither `until` nor a socket's events that a test waits for.
 *
 * @module
 */

interface Timer {
  readonly act: () => void;
  readonly due: number;
}

/** Stops `performance.now()` and the timers. Make it before whatever sets them. */
export class StillClock implements Disposable {
  readonly #originals = [
    [performance, "now", performance.now],
    [globalThis, "setTimeout", globalThis.setTimeout],
    [globalThis, "clearTimeout", globalThis.clearTimeout],
  ] as const;
  readonly #timers = new Map<number, Timer>();
  #now = performance.now();
  #lastId = 0;

  constructor() {
    replace(performance, "now", () => this.#now);
    replace(globalThis, "setTimeout", (act: () => void, wait = 0) => {
      this.#timers.set(++this.#lastId, { act, due: this.#now + wait });
      return this.#lastId;
    });
    replace(globalThis, "clearTimeout", (id: number) => void this.#timers.delete(id));
  }

  /** Moves the clock on, and calls the timers whose time has come, each at its time. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      const [id, next] = [...this.#timers].toSorted(([, a], [, b]) => a.due - b.due)[0] ?? [];
      if (id === undefined || next === undefined || next.due > end) break;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, next.due);
      next.act();
      await Promise.resolve(); // what comes in one turn goes in one frame
    }
    this.#now = end;
  }

  [Symbol.dispose](): void {
    for (const [object, name, original] of this.#originals) replace(object, name, original);
  }
}

function replace(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
}
