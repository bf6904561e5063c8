/**
 * A `Lifeline` notices that another thread is gone. A `MessagePort` itself never tells, on either side: what
 * is sent to a thread that was terminated just vanishes. The ports of `node:worker_threads` have the event
 * `close`. So each thread makes a channel of those and hands one end to the other thread, which only keeps
 * it. If that changes, the test of a dying port in tests/threads_broker_test.ts fails.
 *
 * @module
 */
import { MessageChannel } from "node:worker_threads";

export class Lifeline {
  /** The end for the other thread, which must keep it and close it with `close()` at its own end. */
  readonly farEnd: MessagePort;
  readonly #channel = new MessageChannel();
  #isClosed = false;

  /** @param cut is called when the other thread is gone, or has closed its end. */
  constructor(cut: () => void) {
    const { port1, port2 } = this.#channel;
    port1.on("message", () => {}); // without a listener it does not notice anything
    port1.on("close", () => {
      if (!this.#isClosed) cut();
      this.#isClosed = true;
    });
    // A cast: to the runtime they are the same, and only the types of Node differ.
    this.farEnd = port2 as unknown as MessagePort;
  }

  close(): void {
    this.#isClosed = true;
    this.#channel.port1.close();
  }
}
