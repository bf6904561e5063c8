/**
 * `StateWrites` changes the retained events, the sanctions and the read marks in the file, and then tells
 * the broker's listener what has changed.
 *
 * @module
 */
import type { BrokerListener } from "../broker.ts";
import { isImposing, isLifting, type Order } from "../orders.ts";
import type { RetainedEvent } from "../retained.ts";
import { GatheredWrites } from "./gathered_writes.ts";
import type { MarkTable } from "./mark_table.ts";
import type { SqliteStore } from "./store.ts";

export class StateWrites {
  readonly marks: MarkTable;
  readonly #store: SqliteStore;
  readonly #open: ReadonlySet<string>;
  readonly #writes: GatheredWrites;
  #listener: BrokerListener = { committed() {}, signalled() {} };

  /** @param open the rooms that have members. */
  constructor(store: SqliteStore, open: ReadonlySet<string>) {
    this.#store = store;
    this.#open = open;
    this.#writes = new GatheredWrites((work) => store.changeTables(work));
    this.marks = store.markTable(this.#writes);
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  /** Calls back what a room retains, if it retains something. */
  opened(room: string): void {
    const events = this.#store.tables.retained(room);
    if (events.size > 0) this.#listener.retainedChanged?.(room, { kind: "all", events });
  }

  async retain(room: string, event: RetainedEvent): Promise<void> {
    if (!event.isRemoval) this.#store.makeRoom(event.event.length);
    await this.#writes.add(
      () => this.#store.tables.retain(room, event),
      () => {
        this.#store.loseText(); // of an earlier event of that name
        if (!this.#open.has(room)) return;
        this.#listener.retainedChanged?.(room, { kind: "one", ...event });
      },
    );
  }

  async order(order: Order): Promise<void> {
    const { tables } = this.#store;
    const carryOut = () => this.#listener.ordered?.(order);
    if (isImposing(order)) await this.#writes.add(() => tables.impose(order), carryOut);
    else if (isLifting(order)) await this.#writes.add(() => tables.lift(order), carryOut);
    else carryOut();
  }

  /** Commits what was gathered in this turn. */
  flush(): void {
    this.#writes.flush();
  }
}
