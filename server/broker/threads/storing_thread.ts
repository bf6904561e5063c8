/**
 * A `StoringThread` runs the store in a thread of its own, so that no thread that serves people ever waits
 * for the disk.
 *
 * A hop to another thread costs some microseconds, and a little delay that splits the batches of a busy room.
 * So it pays where the disk is slow or one core is not enough, and a server without it stores in the thread
 * that serves.
 *
 * @module
 */
import type { Log } from "../../log.ts";
import { BrokerError } from "../broker_error.ts";
import { assertNotOpen, noteOpen } from "../sqlite/database_file.ts";
import { receiveError } from "./sent_error.ts";
import type { StoringOptions } from "./storing_options.ts";
import type { StoringOrder, StoringReport } from "./storing_worker.ts";

export class StoringThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #died = Promise.withResolvers<string>();
  readonly #log: Log;
  /** Is called with the answer to the last order. */
  #answered: (answer: StoringReport) => void = () => {};
  /** Notes that the file is not open any more. */
  #closed: () => void = () => {};
  #isDead = false;
  #ending: Promise<void> | undefined;

  /**
   * Starts the thread and opens the file there.
   *
   * @param log gets the lines of the thread.
   * @throws {BrokerError} if the file cannot be opened, for the reasons of `SqliteBroker.open`.
   */
  static async start(options: StoringOptions, log: Log): Promise<StoringThread> {
    assertNotOpen(options.path); // another thread cannot know what this one has open
    const thread = new StoringThread(log);
    try {
      await thread.#ask({ start: options });
      thread.#closed = noteOpen(options.path);
      return thread;
    } catch (thrown) {
      thread.#worker.terminate();
      throw thrown;
    }
  }

  private constructor(log: Log) {
    this.#log = log;
    const script = new URL("./storing_worker.ts", import.meta.url);
    this.#worker = new Worker(script, { type: "module", name: "storing" });
    this.#worker.onmessage = ({ data }: MessageEvent<StoringReport>) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault(); // an error that is not handled here would end the whole process
      this.#die(event.message);
    };
  }

  /** Settles with the reason when the thread dies by itself, or is unsound; never after it was disposed of. */
  get died(): Promise<string> {
    return this.#died.promise;
  }

  /**
   * Makes a port for one serving thread: give it to `ThreadBroker.open` here, or transfer it to a `Worker`.
   *
   * @throws {BrokerError} if the thread is gone.
   */
  connect(): MessagePort {
    if (this.#isDead || this.#ending !== undefined) {
      throw new BrokerError("The storing thread is gone.");
    }
    const { port1, port2 } = new MessageChannel();
    const order: StoringOrder = { connect: port2 };
    this.#worker.postMessage(order, [port2]);
    return port1;
  }

  /** Commits what has arrived, closes the database, and ends the thread. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#ending ??= this.#end();
  }

  async #end(): Promise<void> {
    try {
      if (!this.#isDead) await this.#ask("stop");
    } finally {
      this.#worker.terminate();
      if (!this.#isDead) this.#closed();
    }
  }

  /** Gives an order, and waits until it is carried out. */
  async #ask(order: StoringOrder): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<StoringReport>();
    this.#answered = resolve;
    this.#worker.postMessage(order);
    const answer = await promise;
    if (typeof answer === "object" && "failed" in answer) throw receiveError(answer.failed);
  }

  #take(report: StoringReport): void {
    if (typeof report === "string" || "failed" in report) return this.#answered(report);
    if ("unsound" in report) return this.#tell(report.unsound);
    this.#log[report.level](report.event, report.facts);
  }

  #die(why: string): void {
    this.#isDead = true;
    this.#worker.terminate();
    this.#closed();
    this.#answered({ failed: { kind: "BrokerError", message: `The storing thread died: ${why}` } });
    this.#tell(why);
  }

  #tell(why: string): void {
    if (this.#ending === undefined) this.#died.resolve(why);
  }
}
