/**
 * The broker of one serving thread. It asks the storing thread over a port.
 *
 * @module
 */
import type { Broker } from "../broker.ts";

/** What a serving thread wants besides the store. */
export interface ThreadBrokerOptions {
  /**
   * Whether the thread reads the journal. One thread at a time may.
   *
   * @default {false}
   */
  readonly readsJournal?: boolean;
}

export abstract class ThreadBroker implements Broker {
  /**
   * Connects a serving thread.
   *
   * @param port from `StoringThread.connect`.
   * @throws {BrokerError} if the storing thread is gone.
   */
  static open(_port: MessagePort, _options: ThreadBrokerOptions = {}): Promise<ThreadBroker> {
    return Promise.reject(new Error("not built yet"));
  }
}
export interface ThreadBroker extends Broker {}
