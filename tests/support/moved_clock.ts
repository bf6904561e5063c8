/**
 * The wall clock and the long timers of this process, which a test moves on. So what happens in hours is
 * seen at once, and nothing depends on how quick the machine is.
 *
 * @module
 */

/** Timers that are shorter than this run by the real clock. */
const LONG_MS = 25_000;

interface Timer {
  readonly act: () => void;
  readonly due: number;
}

/** Moves `Date.now()` and long timers. Make it before whatever reads the clock. */
export class MovedClock implements Disposable {
  readonly #now = Date.now;
  readonly #set = globalThis.setTimeout;
  readonly #clear = globalThis.clearTimeout;
  readonly #timers = new Map<unknown, Timer>();
  #offsetMs = 0;
  /** The longest wait that a timer was set for. */
  longestMs = 0;

  constructor() {
    Date.now = () => this.#now.call(Date) + this.#offsetMs;
    replace("setTimeout", (act: () => void, wait = 0) => {
      const timer = this.#set(act, wait);
      this.longestMs = Math.max(wait, this.longestMs);
      if (wait >= LONG_MS) this.#timers.set(timer, { act, due: Date.now() + wait });
      return timer;
    });
    replace("clearTimeout", (timer: ReturnType<typeof setTimeout> | undefined) => {
      this.#timers.delete(timer);
      this.#clear(timer);
    });
  }

  /** Moves the clock on, and calls the timers whose time has come. */
  pass(milliseconds: number): void {
    this.#offsetMs += milliseconds;
    for (const [timer, { act, due }] of [...this.#timers]) {
      if (due > Date.now() || !this.#timers.delete(timer)) continue;
      this.#clear(Number(timer));
      act();
    }
  }

  [Symbol.dispose](): void {
    Date.now = this.#now;
    replace("setTimeout", this.#set);
    replace("clearTimeout", this.#clear);
  }
}

function replace(name: "setTimeout" | "clearTimeout", value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
