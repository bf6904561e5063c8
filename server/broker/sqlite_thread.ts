/**
 * The store as seen from the event loop: every call is a message to the worker and a promise of its
 * answer. While one batch waits for the disk, the next one gathers.
 *
 * @module
 */
import { BrokerError, type Range } from "./broker.ts";
import type { Answer, Request } from "./sqlite_messages.ts";
import type { RawPage, Row, StoreOptions } from "./sqlite_store.ts";

interface Caller {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What a log is known by. */
export interface Opened {
  readonly epoch: string;
  readonly secret: Uint8Array;
}

export class StoreThread {
  readonly #worker = new Worker(new URL("./sqlite_worker.ts", import.meta.url), { type: "module" });
  /** Those who wait for an answer: the worker answers in order. */
  #callers: Caller[] = [];
  #dead: Error | undefined;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const caller = this.#callers.shift();
      if ("value" in data) caller?.resolve(data.value);
      else caller?.reject(data.isOurs ? new BrokerError(data.error) : new Error(data.error));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(new BrokerError(`The thread of the database failed: ${event.message}`));
    };
  }

  open(options: StoreOptions): Promise<Opened> {
    return this.#ask({ call: "open", options });
  }

  head(room: string): Promise<number> {
    return this.#ask({ call: "head", room });
  }

  append(rows: readonly Row[]): Promise<void> {
    return this.#ask({ call: "append", rows });
  }

  read(room: string, range: Range): Promise<RawPage | undefined> {
    return this.#ask({ call: "read", room, range });
  }

  prune(now: number): Promise<void> {
    return this.#ask({ call: "prune", now });
  }

  /** Closes the file and ends the thread. */
  async close(): Promise<void> {
    try {
      await this.#ask({ call: "close" });
    } finally {
      this.end();
    }
  }

  /** Ends the thread, whatever it is doing. */
  end(): void {
    this.#worker.terminate();
    this.#die(new BrokerError("The database is closed."));
  }

  /** The types of the answers are those of the store's methods: see `carryOut` in the worker. */
  #ask<T>(request: Request): Promise<T> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    return new Promise<T>((resolve, reject) => {
      this.#callers.push({ resolve: (value) => resolve(value as T), reject });
      this.#worker.postMessage(request);
    });
  }

  #die(error: Error): void {
    this.#dead ??= error;
    for (const { reject } of this.#callers) reject(error);
    this.#callers = [];
  }
}
