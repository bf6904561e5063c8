/**
 * A `Tail` keeps the newest pages of one room's log in memory, so that subscribers who are behind rarely
 * need the disk. It is bounded in bytes; older pages are read from the broker.
 *
 * @module
 */
import { Batch, concat, cut, type Page } from "../broker/page.ts";
import type { RevisedMessage } from "../broker/revisions.ts";

export class Tail {
  readonly #maxBytes: number;
  readonly #pages: Page[] = [];
  #bytes = 0;
  /**
   * The last answers, by what they come after. After a restart a thousand subscribers ask for the same few
   * pages, each for one after the other. Together they are no longer than the tail.
   */
  readonly #answers = new Map<number, Page>();
  #answersBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Appends the page that follows the last one. */
  push(page: Page): void {
    this.#forgetAnswers();
    // Thousands of long-lived events would slow down garbage collection, so only the array's text is kept.
    this.#pages.push({ ...page, batch: Batch.fromArray(page.batch.array) });
    this.#bytes += page.batch.size;
    while (this.#bytes > this.#maxBytes) this.#bytes -= this.#pages.shift()?.batch.size ?? 0;
  }

  /** Replaces messages, as far as they are here. */
  revise(messages: readonly RevisedMessage[]): void {
    this.#forgetAnswers();
    const byPage = Map.groupBy(messages, ({ seq }) => this.#indexAfter(seq - 1));
    for (const [index, revised] of byPage) {
      const page = this.#pages[index];
      if (page === undefined) continue;
      // A batch keeps the events that it was split into, and this page stays.
      const events = [...Batch.fromArray(page.batch.array).events];
      for (const { seq, message } of revised) {
        if (seq >= page.first) events[seq - page.first] = message;
      }
      const batch = Batch.fromArray(Batch.fromEvents(events).array);
      this.#bytes += batch.size - page.batch.size;
      this.#pages[index] = { ...page, batch };
    }
  }

  /** Forgets all pages. */
  clear(): void {
    this.#forgetAnswers();
    this.#pages.length = 0;
    this.#bytes = 0;
  }

  /**
   * Returns about `chars` characters of what follows `seq`.
   *
   * @returns `undefined` if the message after `seq` is not in memory.
   */
  after(seq: number, chars: number): Page | undefined {
    const known = this.#answers.get(seq);
    if (known !== undefined) return known;
    const oldest = this.#pages[0];
    if (oldest === undefined || oldest.first > seq + 1) return undefined;
    const found: Page[] = [];
    let size = 0;
    for (let index = this.#indexAfter(seq); index < this.#pages.length && size < chars; index++) {
      const page = this.#pages[index];
      const part = page && cut(page, seq);
      if (part === undefined) continue;
      found.push(part);
      size += part.batch.size;
    }
    const page = concat(found);
    if (page !== undefined) this.#rememberAnswer(seq, page);
    return page;
  }

  #rememberAnswer(after: number, page: Page): void {
    this.#answers.set(after, page);
    this.#answersBytes += page.batch.size;
    for (const [oldest, { batch }] of this.#answers) {
      if (this.#answersBytes <= this.#maxBytes) break;
      this.#answers.delete(oldest);
      this.#answersBytes -= batch.size;
    }
  }

  #forgetAnswers(): void {
    if (this.#answers.size === 0) return; // `clear` would make a new table all the same
    this.#answers.clear();
    this.#answersBytes = 0;
  }

  /** Finds the page that holds `seq + 1`, from the end: most subscribers are only a little behind. */
  #indexAfter(seq: number): number {
    let index = this.#pages.length;
    while (index > 0 && (this.#pages[index - 1]?.last ?? 0) > seq) index--;
    return index;
  }
}
