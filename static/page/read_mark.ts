/**
 * `ReadMark` knows how far the user has read a room, how many messages are unread, and where the line
 * "New" stands. The messages need not be loaded for that: `seq` has no holes, so it is a subtraction.
 *
 * @module
 */
import { create } from "./dom.ts";
import { strings } from "./strings.ts";

/** With more unread messages than these the list does not go to the first: it would take too many pages. */
const MAX_SOUGHT = 1_000;

/** The mark of one room. */
export class ReadMark {
  /** The latest `seq` that was in sight; undefined before the room was ever entered. */
  readSeq: number | undefined;
  /** How many messages were not in sight yet. */
  unread = 0;
  /** Whether the list still has to go to the line. Until it has, nothing more counts as read. */
  isSought = false;
  /** The line above the first new message; undefined while that message is not shown. */
  line: HTMLElement | undefined;
  /** The line belongs above the first message after this `seq`. */
  #after: number | undefined;
  /** The room's latest `seq`. */
  #head = 0;

  constructor(readSeq: number | undefined) {
    this.readSeq = readSeq;
  }

  /**
   * Notes that the room was entered.
   *
   * @param isAtEnd whether the list shows the latest messages: then it goes to the first new one.
   * @param read how far the user has read on any device, if the server knows.
   */
  joined(head: number, isFresh: boolean, isAtEnd: boolean, read?: number): void {
    this.#head = head;
    if (read !== undefined) this.readSeq = Math.max(this.readSeq ?? 0, read);
    // To a newcomer nothing is new. After a loss the log may be shorter than it was.
    this.readSeq = isFresh ? Math.min(this.readSeq ?? head, head) : this.readSeq ?? head;
    const isNews = this.unread === 0;
    this.unread = Math.max(0, head - this.readSeq);
    if (isFresh || isNews) this.#moveLine(this.unread ? this.readSeq : undefined);
    this.isSought = isAtEnd && this.unread > 0 && this.unread <= MAX_SOUGHT;
  }

  /** Notes a message that arrived. */
  arrived(seq: number, isOwn: boolean, isUnseen: boolean): void {
    const isLive = seq > this.#head;
    this.#head = Math.max(this.#head, seq);
    if (isOwn) return this.said(seq);
    if (!isLive || !isUnseen) return; // what came before was counted when the room was entered
    if (++this.unread === 1) this.#moveLine(seq - 1);
  }

  /** Notes that everything is in sight up to `seq`. */
  readAll(seq: number): void {
    this.unread = 0;
    if (this.readSeq !== undefined) this.readSeq = Math.max(this.readSeq, seq);
  }

  /** Notes that the user read up to `seq` in another tab, or on another device. */
  readElsewhere(seq: number): void {
    if (this.readSeq === undefined || seq <= this.readSeq) return;
    this.readSeq = seq;
    this.unread = Math.min(this.unread, Math.max(0, this.#head - seq));
    if (!this.unread) this.isSought = false;
  }

  /** Notes that the user said something, and so has read what was there before. */
  said(seq: number): void {
    this.readElsewhere(seq);
    this.#moveLine(this.unread ? seq : undefined);
  }

  /** Removes the line: the user has begun to write. */
  removeLine(): void {
    this.#moveLine(undefined);
    this.isSought = false;
  }

  /** Returns the line if it belongs between two neighbours of the list, and is not there yet. */
  lineBetween(seq: number, next: number): HTMLElement | undefined {
    if (this.#after === undefined || seq > this.#after || next <= this.#after) return undefined;
    if (this.line !== undefined) return undefined;
    this.line = create("div", { class: "new" }, create("span", {}, strings.newMessages));
    return this.line;
  }

  /** Notes that old messages were removed from the list. The line comes again with them. */
  trimmed(): void {
    if (!this.line?.isConnected) this.line = undefined;
  }

  #moveLine(after: number | undefined): void {
    this.#after = after;
    this.line?.remove();
    this.line = undefined;
  }
}
