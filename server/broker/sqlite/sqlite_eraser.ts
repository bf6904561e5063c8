/**
 * `SqliteEraser` erases rooms and users from the file, one after the other and in steps, and calls back what
 * has changed.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { BrokerListener } from "../broker.ts";
import { type Eraser, type Erasure, removalOf } from "../eraser.ts";
import type { RefWindows } from "./ref_windows.ts";
import type { StateWrites } from "./state_writes.ts";
import type { SqliteStore } from "./store.ts";

export class SqliteEraser implements Eraser {
  readonly #store: SqliteStore;
  readonly #refs: RefWindows;
  readonly #state: StateWrites;
  readonly #open: ReadonlySet<string>;
  #listener: BrokerListener = { committed() {}, signalled() {} };
  #last: Promise<unknown> = Promise.resolve();

  /** @param open the rooms that have members. */
  constructor(
    store: SqliteStore,
    refs: RefWindows,
    state: StateWrites,
    open: ReadonlySet<string>,
  ) {
    this.#store = store;
    this.#refs = refs;
    this.#state = state;
    this.#open = open;
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  room(room: string): Promise<void> {
    return this.#next(() => this.#eraseRoom(room));
  }

  user(erasure: Erasure): Promise<void> {
    return this.#next(() => this.#eraseUser(erasure));
  }

  /** Settles when nothing is being erased. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #next(erase: () => Promise<void>): Promise<void> {
    const erasing = this.#last.then(erase);
    this.#last = erasing.catch(() => {});
    return erasing;
  }

  async #eraseRoom(room: string): Promise<void> {
    const { erasing, tables } = this.#store;
    this.#store.check();
    erasing.detach(room);
    this.#replaced(room);
    for (const [name, event] of tables.retained(room)) {
      await this.#state.retain(room, removalOf(name, event));
    }
    while (erasing.removeErased()) await turn();
    for (const _ of erasing.removeMarks(room)) await turn();
    while (this.#store.forgetErased()) await turn();
  }

  async #eraseUser(erasure: Erasure): Promise<void> {
    const { erasing } = this.#store;
    this.#store.check();
    for (const room of erasing.user(erasure)) {
      if (room !== undefined) this.#replaced(room);
      await turn();
    }
    for (const retained of erasing.retainedBy(erasure.userId)) {
      if (retained === undefined) await turn();
      else await this.#state.retain(retained.room, removalOf(retained.name, retained.event));
    }
    if (erasure.isWhole) erasing.removeMarksOf(erasure.userId);
    while (this.#store.forgetErased()) await turn();
  }

  #replaced(room: string): void {
    this.#refs.forget(room);
    if (this.#open.has(room)) this.#listener.logReplaced?.(room, this.#store.state(room));
  }
}

/** Lets the event loop serve others. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
