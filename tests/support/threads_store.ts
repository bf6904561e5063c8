/**
 * A folder with a database in it, for one test, which a storing thread has open.
 *
 * @module
 */
import type { StoringOptions } from "../../server/broker/threads/storing_options.ts";
import { StoringThread } from "../../server/broker/threads/storing_thread.ts";
import { ThreadBroker } from "../../server/broker/threads/thread_broker.ts";
import { type Log, silentLog } from "../../server/log.ts";
import type { Store } from "./broker_suite.ts";
import { Directory } from "./sqlite_directory.ts";

export class ThreadsStore implements Store {
  readonly directory = new Directory();

  /** Starts a storing thread alone. */
  start(options: Partial<StoringOptions> = {}, log: Log = silentLog): Promise<StoringThread> {
    return StoringThread.start({
      path: this.directory.file,
      retainMessages: 0,
      retainDays: 0,
      dedupeMessages: 1000,
      ...options,
    }, log);
  }

  /** Starts a storing thread and one that is served by it, here. The two end together. */
  async open(options: Partial<StoringOptions> = {}): Promise<ThreadBroker> {
    const storing = await this.start(options);
    const broker = await ThreadBroker.open(storing.connect(), { readsJournal: true });
    const leave = broker[Symbol.asyncDispose].bind(broker);
    return Object.assign(broker, {
      async [Symbol.asyncDispose]() {
        await leave();
        await storing[Symbol.asyncDispose]();
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}
