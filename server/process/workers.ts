/**
 * More nodes on this machine's other cores: threads that listen on the port of the first, among which
 * the kernel shares out the connections. Threads rather than processes: the program then needs no
 * permission to run others. Each is a whole node, and they know of each other through Redis alone.
 *
 * @module
 */
import { type Log, reason } from "../log.ts";
import type { Options } from "../options.ts";
import type { Answer, Order } from "./worker.ts";

/** A thread that failed is replaced, but not more often than that. */
const REPLACE_MS = 1000;

export class Workers {
  readonly #options: Options;
  readonly #log: Log;
  readonly #script: URL;
  readonly #threads = new Set<Worker>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #stopping = false;

  /** @param options those of the first node, with the port that it has got. */
  constructor(options: Options, log: Log, script = new URL("./worker.ts", import.meta.url)) {
    this.#options = options;
    this.#log = log;
    this.#script = script;
  }

  /** Starts all but the first, which is the caller. */
  async start(): Promise<void> {
    const started = Array.from({ length: this.#options.workers - 1 }, () => this.#start());
    await Promise.all(started);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#threads].map(async (thread) => {
      await ask(thread, "stop");
      thread.terminate();
    }));
    this.#threads.clear();
  }

  async #start(): Promise<void> {
    let thread: Worker;
    try {
      thread = new Worker(this.#script, { type: "module" });
    } catch (thrown) {
      return this.#replace(reason(thrown)); // the system has no more threads or files for now
    }
    this.#threads.add(thread);
    thread.onerror = (event) => {
      event.preventDefault(); // or all the others would go with it
      this.#failed(thread, event.message);
    };
    const { error } = await ask(thread, { start: this.#options });
    if (error !== undefined) this.#failed(thread, error);
  }

  #failed(thread: Worker, why: string): void {
    if (!this.#threads.delete(thread)) return;
    thread.terminate();
    this.#replace(why);
  }

  #replace(why: string): void {
    if (this.#stopping) return;
    this.#log.error("worker failed", { reason: why });
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#start();
    }, REPLACE_MS);
    this.#timers.add(timer);
  }
}

/** One order at a time, answered once; one that fails meanwhile is never heard of again. */
function ask(thread: Worker, order: Order): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  thread.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
  thread.addEventListener("error", () => resolve({}), { once: true });
  thread.postMessage(order);
  return promise;
}
