/**
 * `Unprepared` keeps messages for rooms that the broker has to prepare first, because nobody has written
 * there for long. They wait in the order in which they came, and no message of another room waits for
 * them.
 *
 * @module
 */
import type { Broker } from "../broker/broker.ts";
import { charsOf, type Pending } from "./pending.ts";

/** Text that may wait here. Above it, senders are told to try again later. */
const MAX_CHARS = 4_194_304;

/** What `Unprepared` needs of the tick. */
export interface UnpreparedContext {
  readonly broker: Broker;
  /** Puts messages back into the queue, before all others. */
  requeue(pending: readonly Pending[]): void;
  /** Tells a sender that its message is not stored. */
  refuse(pending: Pending): void;
}

export class Unprepared {
  readonly #context: UnpreparedContext;
  readonly #waiting = new Map<string, Pending[]>();
  readonly #preparing = new Set<Promise<void>>();
  #chars = 0;

  constructor(context: UnpreparedContext) {
    this.#context = context;
  }

  /** Returns the part of a batch that can be published now. The rest waits until `requeue`. */
  sift(batch: readonly Pending[]): readonly Pending[] {
    const unprepared = this.#context.broker.prepare?.(batch);
    if (unprepared === undefined && this.#waiting.size === 0) return batch;
    for (const [room, prepared] of unprepared ?? []) this.#prepare(room, prepared);
    return batch.filter((pending) => !this.#keep(pending));
  }

  /** Settles when no message waits any more. */
  async settled(): Promise<void> {
    while (this.#preparing.size > 0) await Promise.all(this.#preparing);
  }

  #prepare(room: string, prepared: Promise<void>): void {
    if (this.#waiting.has(room)) return;
    this.#waiting.set(room, []);
    const preparing = prepared.then(
      () => this.#context.requeue(this.#take(room)),
      () => this.#take(room).forEach((pending) => this.#context.refuse(pending)),
    ).finally(() => this.#preparing.delete(preparing));
    this.#preparing.add(preparing);
  }

  /** Keeps a message whose room is not prepared. @returns whether it is such a message. */
  #keep(pending: Pending): boolean {
    const waiting = this.#waiting.get(pending.room);
    if (waiting === undefined) return false;
    if (this.#chars > MAX_CHARS) {
      this.#context.refuse(pending);
      return true;
    }
    waiting.push(pending);
    this.#chars += charsOf(pending);
    return true;
  }

  #take(room: string): readonly Pending[] {
    const waiting = this.#waiting.get(room) ?? [];
    this.#waiting.delete(room);
    for (const pending of waiting) this.#chars -= charsOf(pending);
    return waiting;
  }
}
