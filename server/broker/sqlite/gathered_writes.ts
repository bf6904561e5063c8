/**
 * `GatheredWrites` gathers what is to be written in one turn of the event loop, and commits it in one
 * transaction. So many small writes wait for the disk only once.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { BrokerError } from "../broker_error.ts";

interface Write {
  readonly work: () => void;
  readonly committed: () => void;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class GatheredWrites {
  readonly #transact: (work: () => void) => void;
  #queue: Write[] = [];

  /** @param transact runs work in a transaction, which is durable when it returns. */
  constructor(transact: (work: () => void) => void) {
    this.#transact = transact;
  }

  /**
   * Adds a write to the transaction at the end of this turn.
   *
   * @param work runs within the transaction. It may refuse with a `BrokerError` before it changes
   * anything; then the other writes are committed nevertheless.
   * @param committed is called when the write is durable, in the order of the writes.
   */
  add(work: () => void, committed: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#queue.length === 0) setImmediate(() => this.flush());
    this.#queue.push({ work, committed, resolve, reject });
    return promise;
  }

  /** Commits what was gathered. */
  flush(): void {
    const queue = this.#queue;
    this.#queue = [];
    if (queue.length === 0) return;
    const refused = new Map<Write, BrokerError>();
    try {
      this.#transact(() => {
        refused.clear(); // after a full disk the transaction is tried twice
        for (const write of queue) {
          try {
            write.work();
          } catch (thrown) {
            if (!(thrown instanceof BrokerError)) throw thrown;
            refused.set(write, thrown);
          }
        }
      });
    } catch (thrown) {
      for (const { reject } of queue) reject(thrown);
      return;
    }
    for (const write of queue) {
      const refusal = refused.get(write);
      if (refusal !== undefined) {
        write.reject(refusal);
        continue;
      }
      write.committed();
      write.resolve();
    }
  }
}
