/**
 * A `StoringThread` runs the store in a thread of its own, so that no thread that serves people ever waits
 * for the disk.
 *
 * @module
 */
import type { Log } from "../../log.ts";
import type { StoringOptions } from "./storing_options.ts";

export class StoringThread implements AsyncDisposable {
  /** Settles with the reason when the thread dies by itself; never after it was disposed of. */
  readonly died: Promise<string> = new Promise(() => {});

  /**
   * Starts the thread and opens the file there.
   *
   * @throws {BrokerError} what `SqliteBroker.open` would throw.
   */
  static start(_options: StoringOptions, _log: Log): Promise<StoringThread> {
    return Promise.reject(new Error("not built yet"));
  }

  /** Makes a port for one serving thread: give it to `ThreadBroker.open`, here or in a Worker. */
  connect(): MessagePort {
    throw new Error("not built yet");
  }

  /** Commits what has arrived, closes the database, and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {}
}
