/**
 * `Workers` runs more nodes on the machine's other cores. Each is a thread that listens on the same port,
 * and the kernel divides the connections among them. They share nothing but Redis. They are threads and
 * not processes, because the program would need the permission to run other programs.
 *
 * @module
 */
import { type Log, reason } from "../log.ts";
import type { Options } from "../options.ts";
import type { Monitor } from "../monitoring/monitor.ts";
import { ThreadNumbers } from "./thread_numbers.ts";
import type { Answer, Order } from "./worker.ts";

/** How long to wait before a thread that failed is replaced. */
const REPLACE_MS = 1000;

export class Workers {
  readonly #options: Options;
  readonly #log: Log;
  readonly #script: URL;
  readonly #numbers: ThreadNumbers | undefined;
  readonly #isExporting: boolean;
  readonly #threads = new Set<Worker>();
  #started = 0;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isStopping = false;

  /**
   * @param options those of the first node, with the port that it listens on.
   * @param monitor of the first node, if it shows the metrics of all.
   * @param isExporting whether the runtime exports metrics with OpenTelemetry.
   */
  constructor(
    options: Options,
    log: Log,
    script: URL = new URL("./worker.ts", import.meta.url),
    monitor?: Monitor,
    isExporting: boolean = false,
  ) {
    // `--metrics-port` is the first node's: it answers for all.
    this.#options = { ...options, metricsPort: 0 };
    this.#log = log;
    this.#script = script;
    this.#numbers = monitor && options.workers > 1 ? new ThreadNumbers(monitor) : undefined;
    this.#isExporting = isExporting;
  }

  /** Starts the threads: one less than the option says, because the caller is a node itself. */
  async start(): Promise<void> {
    const started = Array.from({ length: this.#options.workers - 1 }, () => this.#start());
    await Promise.all(started);
  }

  /** Lets all threads read the certificate again, one after the other. */
  async renewCertificate(): Promise<void> {
    for (const thread of [...this.#threads]) await ask(thread, "renew certificate");
  }

  /** Stops all threads in order. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#numbers?.stop();
    await Promise.all([...this.#threads].map(async (thread) => {
      await ask(thread, "stop");
      thread.terminate();
    }));
    this.#threads.clear();
  }

  /** Has all threads say that they are about to stop. */
  drain(): void {
    for (const thread of this.#threads) void ask(thread, "drain");
  }

  async #start(): Promise<void> {
    let thread: Worker;
    try {
      thread = new Worker(this.#script, { type: "module" });
    } catch (thrown) {
      return this.#replace(reason(thrown)); // the system has no thread or file left
    }
    this.#threads.add(thread);
    const numbers = this.#numbers?.open(thread);
    thread.onerror = (event) => {
      event.preventDefault(); // an error that is not handled here would end the whole process
      this.#failed(thread, event.message);
    };
    const order = {
      start: this.#options,
      thread: ++this.#started,
      numbers,
      isExporting: this.#isExporting,
    };
    const { error } = await ask(thread, order, numbers);
    if (error !== undefined) this.#failed(thread, error);
  }

  #failed(thread: Worker, why: string): void {
    if (!this.#threads.delete(thread)) return;
    this.#numbers?.close(thread);
    thread.terminate();
    this.#replace(why);
  }

  #replace(why: string): void {
    if (this.#isStopping) return;
    this.#log.error("worker failed", { reason: why });
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#start();
    }, REPLACE_MS);
    this.#timers.add(timer);
  }
}

/** Sends an order to a thread and waits for its answer, which is empty if the thread dies. */
function ask(thread: Worker, order: Order, port?: MessagePort): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  thread.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
  thread.addEventListener("error", () => resolve({}), { once: true });
  thread.postMessage(order, port === undefined ? [] : [port]);
  return promise;
}
