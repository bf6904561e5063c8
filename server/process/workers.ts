/**
 * `Workers` runs more nodes on the machine's other cores. Each is a thread that listens on the same port,
 * and the kernel divides the connections among them. They share nothing but the thread that stores, or Redis.
 * They are threads and not processes, because the program would need the permission to run other programs.
 *
 * @module
 */
import { type Log, reason } from "../log.ts";
import type { StoringThread } from "../broker/threads/storing_thread.ts";
import type { Options } from "../options.ts";
import type { Monitor } from "../monitoring/monitor.ts";
import { MAX_SILENCE_MS } from "./hang_watch.ts";
import { ThreadNumbers } from "./thread_numbers.ts";
import type { Answer, FilesRead, Order } from "./worker.ts";

/** How long to wait before a thread that failed is replaced. */
const REPLACE_MS = 1000;

/**
 * What only the first node does: `--metrics-port` answers for all, and the webhook has one reader of the log.
 */
const FIRST_ONLY = { metricsPort: 0, webhook: "", webhookSecret: "", webhookSecretFile: "" };

export interface WorkersHow {
  /** Where the threads store. With Redis there is none. */
  readonly storing?: StoringThread | undefined;
  /** What was read of files at the start. */
  readonly files?: FilesRead | undefined;
  /** The monitor of the first node, which adds up the metrics of all. Without it nobody does. */
  readonly monitor?: Monitor;
  /** Whether the runtime exports metrics with OpenTelemetry. */
  readonly isExporting?: boolean;
  /** @default {new URL("./worker.ts", import.meta.url)} */
  readonly script?: URL | undefined;
}

export class Workers {
  readonly #options: Options;
  readonly #log: Log;
  readonly #script: URL;
  readonly #storing: StoringThread | undefined;
  readonly #numbers: ThreadNumbers<Worker> | undefined;
  readonly #files: FilesRead | undefined;
  readonly #isExporting: boolean;
  /** Those who wait for the answers of each thread, which come in the order of the questions. */
  readonly #threads = new Map<Worker, ((answer: Answer) => void)[]>();
  #started = 0;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #hung = Promise.withResolvers<void>();
  #isDraining = false;
  #isStopping = false;

  /** @param options those of the first node, with the port that it listens on. */
  constructor(options: Options, log: Log, how: WorkersHow = {}) {
    const { storing, files, monitor, isExporting = false } = how;
    this.#options = { ...options, ...FIRST_ONLY };
    this.#log = log;
    this.#script = how.script ?? new URL("./worker.ts", import.meta.url);
    this.#storing = storing;
    this.#files = files;
    const hangs = (thread: Worker) => this.#hangs(thread);
    this.#numbers = monitor && options.workers > 1 ? new ThreadNumbers(monitor, hangs) : undefined;
    this.#isExporting = isExporting;
  }

  /** Settles when a thread hangs. It cannot be replaced, so the program has to end. */
  get hung(): Promise<void> {
    return this.#hung.promise;
  }

  /** Starts the threads: one less than the option says, because the caller is a node itself. */
  async start(): Promise<void> {
    const started = Array.from({ length: this.#options.workers - 1 }, () => this.#start());
    await Promise.all(started);
  }

  /** Lets all threads read the certificate again, one after the other. */
  async renewCertificate(): Promise<void> {
    for (const thread of [...this.#threads.keys()]) await this.#ask(thread, "renew certificate");
  }

  /** Stops all threads in order. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#threads.keys()].map(async (thread) => {
      await this.#ask(thread, "stop");
      this.#remove(thread);
    }));
    // Last: a thread that gets no numbers for ten seconds concludes that this one hangs, and kills the program.
    this.#numbers?.stop();
  }

  /** Has all threads say that they are about to stop. */
  drain(): void {
    this.#isDraining = true;
    for (const thread of this.#threads.keys()) void this.#ask(thread, "drain");
  }

  async #start(): Promise<void> {
    let thread: Worker;
    try {
      thread = new Worker(this.#script, { type: "module" });
    } catch (thrown) {
      return this.#replace(reason(thrown)); // the system has no thread or file left
    }
    this.#threads.set(thread, []);
    thread.onmessage = ({ data }: MessageEvent<Answer>) => {
      this.#threads.get(thread)?.shift()?.(data);
    };
    thread.onerror = (event) => {
      event.preventDefault(); // an error that is not handled here would end the whole process
      this.#failed(thread, event.message);
    };
    const numbers = this.#numbers?.open(thread);
    const store = this.#storing?.connect();
    const order = {
      start: this.#options,
      files: this.#files,
      thread: ++this.#started,
      numbers,
      store,
      isExporting: this.#isExporting,
    };
    const started = this.#ask(thread, order, [numbers, store]);
    if (this.#isDraining) void this.#ask(thread, "drain"); // it takes another's place that was told
    const { error } = await started;
    if (error !== undefined) this.#failed(thread, error);
  }

  /** Sends an order to a thread and waits for its answer, which is empty if the thread dies. */
  #ask(thread: Worker, order: Order, ports: (MessagePort | undefined)[] = []): Promise<Answer> {
    const waiting = this.#threads.get(thread);
    if (waiting === undefined) return Promise.resolve({});
    const { promise, resolve } = Promise.withResolvers<Answer>();
    waiting.push(resolve);
    thread.postMessage(order, ports.filter((port) => port !== undefined));
    return promise;
  }

  #failed(thread: Worker, why: string): void {
    if (this.#remove(thread)) this.#replace(why);
  }

  /**
   * A thread that runs in a loop does not end, and the kernel goes on dealing connections to it: in Deno 2.9.6
   * `terminate` takes effect when the thread is done with what it does. So there is no use in another thread.
   */
  #hangs(thread: Worker): void {
    if (!this.#remove(thread)) return;
    this.#log.error("worker hangs", { silentSeconds: MAX_SILENCE_MS / 1000 });
    this.#hung.resolve();
  }

  /** Lets go of a thread. Nobody waits for its answers any more. @returns whether it was there. */
  #remove(thread: Worker): boolean {
    const waiting = this.#threads.get(thread);
    if (waiting === undefined) return false;
    this.#threads.delete(thread);
    this.#numbers?.close(thread);
    thread.terminate();
    for (const answer of waiting) answer({});
    return true;
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
