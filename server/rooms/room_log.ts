/**
 * A `RoomLog` is this node's view of a room's log: its epoch, its head, and its newest pages in memory.
 * Older pages are read from the broker.
 *
 * @module
 */
import type { Broker, LogState } from "../broker/broker.ts";
import { epochOf, markOf } from "../broker/epoch.ts";
import { type Batch, cut, type Page } from "../broker/page.ts";
import { type ReactionRange, revisedBatch, type RevisedMessage } from "../broker/revisions.ts";
import type { Cursor } from "../protocol/messages.ts";
import { Tail } from "./tail.ts";

/** The size of a page, in characters and in messages. */
const PAGE_CHARS = 65_536;
const PAGE_MESSAGES = 256;
/** Revisions that are read at once. */
const PAGE_REVISIONS = 64;
/** A cursor that misses more revisions of older messages than this is of no use. */
const MAX_MISSED = 200;
const MAX_MISSED_CHARS = 262_144;

/** Pages of revisions that are kept in memory: those who are behind ask for the same ones. */
const MAX_REVISION_PAGES = 16;

/** What became of messages. */
interface RevisionPage {
  /** The events, if there are any. */
  readonly batch?: Batch;
  /** The `rev` up to which they go. */
  readonly rev: number;
}

/** Where a room's log stands. */
export type Position = Pick<RoomLog, "epoch" | "head">;

export class RoomLog {
  readonly room: string;
  readonly #broker: Broker;
  readonly #tail: Tail;
  /** Settles when the broker has said where the log stands. */
  #opened: Promise<void> | undefined;
  /** Whether the log was replaced since it was asked to open. */
  #isReplaced = false;
  #epoch = "";
  #head = 0;
  #rev = 0;
  /** What is being read, for all who ask for the same: a thousand may fall behind at one place. */
  #reading: { readonly key: string; readonly page: Promise<Page | undefined> } | undefined;
  /** By the `rev` that they come after; none is from before the newest revision. */
  readonly #revisionPages = new Map<number, Promise<RevisionPage>>();

  constructor(room: string, broker: Broker, tailBytes: number) {
    this.room = room;
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

  /** The newest `rev`. */
  get rev(): number {
    return this.#rev;
  }

  /** Opens the log, unless it is open. From then on the broker calls back with new messages. */
  open(): Promise<void> {
    return this.#opened ??= this.#open();
  }

  async #open(): Promise<void> {
    this.#isReplaced = false;
    try {
      const state = await this.#broker.open(this.room);
      // A newer state of the log came while this answer was on its way.
      if (this.#isReplaced) return;
      this.#epoch = epochOf(state, this.room);
      this.#head = Math.max(this.#head, state.head);
      this.#rev = Math.max(this.#rev, state.rev);
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

  /** Takes over what became of messages, in the order of `rev`. */
  revise(messages: readonly RevisedMessage[]): void {
    this.#rev = messages.at(-1)?.rev ?? this.#rev;
    this.#revisionPages.clear();
    this.#tail.revise(messages);
  }

  /** Goes on from further on, if it is not there yet. What is between is read from the broker. */
  skipTo(head: number, rev: number): void {
    this.#head = Math.max(this.#head, head);
    this.#rev = Math.max(this.#rev, rev);
    this.#revisionPages.clear();
    this.#tail.clear();
  }

  /** Goes on from another state: the log was lost, or goes on elsewhere. */
  replace(state: LogState): void {
    this.#isReplaced = true;
    this.#epoch = epochOf(state, this.room);
    this.#head = state.head;
    this.#rev = state.rev;
    this.#reading = undefined;
    this.#revisionPages.clear();
    this.#tail.clear();
  }

  /** Says whether the log still holds everything after a cursor. */
  async holdsAllSince({ epoch, seq, rev = 0 }: Cursor): Promise<boolean> {
    const isAhead = () => seq > this.#head || rev > this.#rev;
    if (isAhead()) await this.#broker.catchUpTo?.(this.room, seq, rev);
    if (isAhead() || !await this.#isSameLog(epoch, seq, rev)) return false;
    return seq === this.#head || (await this.read(seq))?.first === seq + 1;
  }

  /**
   * Reads what became of the messages up to a cursor since then, in the order of `rev`. The last one is
   * the newest revision of all, which is the `rev` of the client's cursor from then on; unless its message
   * was pruned.
   *
   * Where another thread or machine stores, the answer may show what was revised after the question. That is
   * left out: it comes again to whoever goes on from the `rev` of the question, and would come twice.
   *
   * @returns `undefined` if it is too much.
   */
  async missedSince({ seq, rev }: Cursor): Promise<readonly RevisedMessage[] | undefined> {
    if (rev === undefined || rev === this.#rev) return [];
    const newest = this.#rev;
    const limit = MAX_MISSED + 1;
    const range = { after: rev, upToSeq: seq, limit, chars: MAX_MISSED_CHARS + 1 };
    const missed = await this.#broker.revisedSince(this.room, range);
    const chars = missed.reduce((sum, { message }) => sum + message.length, 0);
    if (missed.length === limit || chars > MAX_MISSED_CHARS) return undefined;
    const isNewestThere = (missed.at(-1)?.rev ?? 0) >= newest;
    const last = isNewestThere ? [] : await this.#revisedAfter(newest - 1, 1);
    return [...missed, ...last].filter(({ rev }) => rev <= newest);
  }

  /** Reads what became of messages after a `rev`, in the order of `rev`. */
  readRevisions(after: number): Promise<RevisionPage> {
    const known = this.#revisionPages.get(after);
    if (known !== undefined) return known;
    const page = this.#readRevisions(after);
    const [oldest = 0] = this.#revisionPages.keys();
    if (this.#revisionPages.size >= MAX_REVISION_PAGES) this.#revisionPages.delete(oldest);
    this.#revisionPages.set(after, page);
    page.catch(() => this.#revisionPages.delete(after)); // it is read again
    return page;
  }

  async #readRevisions(after: number): Promise<RevisionPage> {
    const newest = this.#rev;
    const messages = await this.#revisedAfter(after, PAGE_REVISIONS);
    const last = messages.at(-1)?.rev;
    if (last === undefined) return { rev: newest };
    const chars = messages.reduce((sum, { message }) => sum + message.length, 0);
    // With fewer than it may be, there are no more up to the newest.
    const isAll = messages.length < PAGE_REVISIONS && chars < PAGE_CHARS;
    return {
      batch: revisedBatch(this.room, messages),
      rev: isAll ? Math.max(newest, last) : last,
    };
  }

  #revisedAfter(rev: number, limit: number): Promise<readonly RevisedMessage[]> {
    return this.#broker.revisedSince(this.room, { after: rev, limit, chars: PAGE_CHARS });
  }

  /** Reads a user's own reactions. */
  reactionsOf(
    userId: string,
    range: ReactionRange,
  ): Promise<ReadonlyMap<number, readonly string[]>> {
    return this.#broker.reactionsOf(this.room, userId, range);
  }

  /** Says whether what a client was sent up to there under that epoch is what the log holds now. */
  async #isSameLog(epoch: string, seq: number, rev: number): Promise<boolean> {
    if (epoch === this.#epoch) return true;
    const mark = markOf(epoch, this.#epoch);
    if (mark === undefined) return false;
    return await this.#broker.canResume?.(this.room, mark, seq, rev) ?? false;
  }

  /**
   * Reads the page that follows `after`.
   *
   * @returns `undefined` if there is nothing up to the head.
   */
  async read(after: number): Promise<Page | undefined> {
    const page = this.#tail.after(after, PAGE_CHARS) ?? await this.#readFromBroker(after);
    return page && cut(page, after, this.#head);
  }

  #readFromBroker(after: number): Promise<Page | undefined> {
    // Whoever asks when the log has moved on needs a page that was read after that.
    const key = `${after} ${this.#head} ${this.#rev}`;
    if (this.#reading?.key === key) return this.#reading.page;
    const range = { after, limit: PAGE_MESSAGES, chars: PAGE_CHARS };
    const page = this.#broker.read(this.room, range).finally(() => {
      if (this.#reading?.page === page) this.#reading = undefined;
    });
    this.#reading = { key, page };
    return page;
  }
}
