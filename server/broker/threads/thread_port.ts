/**
 * A `ThreadPort` is one end of the port between a serving thread and the storing thread. What is said in one
 * turn of the event loop crosses in one message: a message costs more than what is in it.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** A table of what may be said, as functions that hear it. */
type Sayings<T> = { readonly [K in keyof T]: (...args: never[]) => void };

/** Something that was said: its name, and what it takes. */
type Saying = readonly [name: string, ...args: unknown[]];

/** The parameters of what may be said under a name. */
type Args<T, K extends keyof T> = T[K] extends (...args: infer A) => void ? A : never;

export class ThreadPort<Said extends Sayings<Said>, Heard extends Sayings<Heard>> {
  readonly #port: MessagePort;
  #queue: Saying[] = [];
  #isScheduled = false;
  #isClosed = false;

  /** @param hear is called with what the other thread says, in the order in which it was said. */
  constructor(port: MessagePort, hear: Heard) {
    this.#port = port;
    // Only threads of this program have the other end.
    port.onmessage = ({ data }: MessageEvent<readonly Saying[]>) => {
      for (const saying of data) if (!this.#isClosed) this.#hear(hear, saying);
    };
  }

  /** Says something, at the latest at the end of this turn. */
  say<K extends keyof Said & string>(name: K, ...args: Args<Said, K>): void {
    if (this.#isClosed) return;
    this.#queue.push([name, ...args]);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /** Sends what was said so far. */
  flush(): void {
    if (this.#queue.length === 0 || this.#isClosed) return;
    const queue = this.#queue;
    this.#queue = [];
    this.#port.postMessage(queue);
  }

  #hear(hear: Heard, [name, ...args]: Saying): void {
    try {
      const act: unknown = Reflect.get(hear, name);
      if (typeof act === "function") Reflect.apply(act, hear, args);
    } catch (thrown) {
      reportError(thrown); // for the safety net; what comes after it is heard all the same
    }
  }

  /** Hears and says nothing any more. What was said and not sent yet is lost. */
  close(): void {
    this.#isClosed = true;
    this.#port.close();
  }
}
