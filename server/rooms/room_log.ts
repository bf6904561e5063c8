/**
 * A `RoomLog` is this node's view of a room's log: its epoch, its head, and its newest pages in memory.
 * Older pages are read from the broker.
 *
 * @module
 */
import type { Broker, LogState } from "../broker/broker.ts";
import { epochOf, markOf } from "../broker/epoch.ts";
import { cut, type Page } from "../broker/page.ts";
import type { Cursor } from "../protocol/messages.ts";
import { Tail } from "./tail.ts";

/** The size of a page, in characters and in messages. */
const PAGE_CHARS = 65_536;
const PAGE_MESSAGES = 256;

export class RoomLog {
  readonly #room: string;
  readonly #broker: Broker;
  readonly #tail: Tail;
  /** Settles when the broker has said where the log stands. */
  #opened: Promise<void> | undefined;
  #epoch = "";
  #head = 0;

  constructor(room: string, broker: Broker, tailBytes: number) {
    this.#room = room;
    this.#broker = broker;
    this.#tail = new Tail(tailBytes);
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** The newest `seq`. */
  get head(): number {
    return this.#head;
  }

  /** Opens the log, unless it is open. From then on the broker calls back with new messages. */
  open(): Promise<void> {
    return this.#opened ??= this.#open();
  }

  async #open(): Promise<void> {
    try {
      const state = await this.#broker.open(this.#room);
      this.#epoch = epochOf(state, this.#room);
      // What was committed while the answer was on its way has been delivered already.
      this.#head = Math.max(this.#head, state.head);
    } catch (thrown) {
      this.#opened = undefined;
      throw thrown;
    }
  }

  /** Appends the page that was committed. */
  push(page: Page): void {
    this.#head = page.last;
    this.#tail.push(page);
  }

  /** Goes on from another state: the log was lost, or goes on elsewhere. */
  replace(state: LogState): void {
    this.#epoch = epochOf(state, this.#room);
    this.#head = state.head;
    this.#tail.clear();
  }

  /** Says whether the log still holds everything after a cursor. */
  async holdsAllSince({ epoch, seq }: Cursor): Promise<boolean> {
    if (seq > this.#head) await this.#broker.catchUpTo?.(this.#room, seq, 0);
    if (seq > this.#head || !await this.#isSameLog(epoch, seq)) return false;
    return seq === this.#head || (await this.read(seq))?.first === seq + 1;
  }

  /** Says whether what a client was sent up to `seq` under that epoch is what the log holds now. */
  async #isSameLog(epoch: string, seq: number): Promise<boolean> {
    if (epoch === this.#epoch) return true;
    const mark = markOf(epoch, this.#epoch);
    if (mark === undefined) return false;
    return await this.#broker.canResume?.(this.#room, mark, seq, 0) ?? false;
  }

  /**
   * Reads the page that follows `after`.
   *
   * @returns `undefined` if there is nothing up to the head.
   */
  async read(after: number): Promise<Page | undefined> {
    const page = this.#tail.after(after, PAGE_CHARS) ??
      await this.#broker.read(this.#room, { after, limit: PAGE_MESSAGES, chars: PAGE_CHARS });
    return page && cut(page, after, this.#head);
  }
}
