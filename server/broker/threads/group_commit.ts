/**
 * `GroupCommit` commits the batches of all serving threads: those that have arrived by one turn in one
 * transaction, so that they wait for the disk once. While it commits, the next batches gather.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Broker, Receipt } from "../broker.ts";
import { BrokerError } from "../broker_error.ts";
import { Gathering } from "./gathering.ts";
import type { ReceivedDraft } from "./sent_batch.ts";

/** A batch of one serving thread. */
export interface ReceivedBatch {
  readonly thread: object;
  /** How long the thread took for it since its last batch was answered. */
  readonly pauseMs: number;
  /** Each names this batch as its owner. */
  readonly drafts: readonly ReceivedDraft[];
  /** Is called when the batch is durable. */
  committed(receipts: readonly Receipt<ReceivedDraft>[]): void;
  /** Is called when nothing of it was stored. */
  failed(thrown: unknown): void;
}

/** What `GroupCommit` needs of the storing thread. */
export interface GroupContext {
  readonly broker: Pick<Broker, "publish">;
  /** Returns what the next transaction waits for, if it has to. */
  ready(): Promise<void> | undefined;
  /** Is called when each batch of a transaction was answered. */
  answered(): void;
}

export class GroupCommit {
  readonly #context: GroupContext;
  readonly #gathering = new Gathering();
  #waiting: ReceivedBatch[] = [];
  /** Settles when no batch waits; `undefined` if none does. */
  #committing: Promise<void> | undefined;
  #isClosed = false;
  /** How long it has committed, in seconds. */
  busySeconds = 0;

  constructor(context: GroupContext) {
    this.#context = context;
  }

  /** Adds a batch to the next transaction. Those of one thread are committed in the order in which they came. */
  add(batch: ReceivedBatch): void {
    if (this.#isClosed) return batch.failed(new BrokerError("The store is closed."));
    this.#waiting.push(batch);
    this.#gathering.arrived(batch.thread, batch.pauseMs);
    this.#committing ??= this.#run();
  }

  /** Settles when the batches that were added before are committed or have failed. */
  async settled(): Promise<void> {
    if (this.#committing === undefined) return;
    await new Promise<void>((resolve) => {
      const isOver = () => resolve();
      this.#waiting.push({
        ...{ thread: this, pauseMs: Infinity, drafts: [] },
        ...{ committed: isOver, failed: isOver },
      });
    });
  }

  /** Takes no more batches, and settles when those that were taken are committed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#committing;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await new Promise<void>((resolve) => setImmediate(resolve)); // others arrive in this turn
      await this.#gathering.wait();
      await this.#context.ready();
      const batches = this.#waiting;
      this.#waiting = [];
      const begin = performance.now();
      try {
        await this.#commit(batches);
        this.#context.answered();
      } catch (thrown) {
        reportError(thrown); // for the safety net; the next batches are committed all the same
      }
      this.#gathering.committed(batches.map(({ thread }) => thread), performance.now() - begin);
    }
    this.#committing = undefined;
  }

  async #commit(batches: readonly ReceivedBatch[]): Promise<void> {
    const [first, ...others] = batches;
    if (first === undefined) return;
    const drafts = others.length === 0 ? first.drafts : batches.flatMap(({ drafts }) => drafts);
    let receipts: readonly Receipt<ReceivedDraft>[];
    try {
      receipts = await this.#publish(drafts);
    } catch (thrown) {
      if (others.length === 0) return first.failed(thrown);
      return await this.#commitEach(batches);
    }
    if (others.length === 0) return first.committed(receipts);
    const byOwner = Map.groupBy(receipts, ({ draft }) => draft.owner);
    for (const batch of batches) {
      const [one] = batch.drafts;
      batch.committed(one === undefined ? [] : byOwner.get(one.owner) ?? []);
    }
  }

  async #publish(drafts: readonly ReceivedDraft[]): Promise<readonly Receipt<ReceivedDraft>[]> {
    const begin = performance.now();
    try {
      return await this.#context.broker.publish(drafts);
    } finally {
      this.busySeconds += (performance.now() - begin) / 1000;
    }
  }

  /** Commits batches one by one that could not be committed together, so that one cannot fail the others. */
  async #commitEach(batches: readonly ReceivedBatch[]): Promise<void> {
    for (const batch of batches) {
      for (const draft of batch.drafts) draft.seq = 0;
      await this.#commit([batch]);
    }
  }
}
