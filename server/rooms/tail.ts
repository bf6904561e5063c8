/**
 * The newest pages of one room's log, in memory, so that feeding those who are behind rarely touches
 * the disk. Bounded in bytes; what falls out is read from the broker.
 *
 * @module
 */
import { Batch, concat, cut, type Page } from "../broker/page.ts";

export class Tail {
  readonly #bytes: number;
  readonly #pages: Page[] = [];
  #held = 0;
  /** The last answer: after a restart a thousand members ask for the same stretch. */
  #answer: { readonly after: number; readonly page: Page } | undefined;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Appends the page that follows the last. */
  push(page: Page): void {
    this.#answer = undefined;
    // The text alone: thousands of single events that live on would be the collector's work.
    this.#pages.push({ ...page, batch: Batch.fromArray(page.batch.array) });
    this.#held += page.batch.size;
    while (this.#held > this.#bytes) this.#held -= this.#pages.shift()?.batch.size ?? 0;
  }

  /** Forgets everything: the log is another. */
  clear(): void {
    this.#answer = undefined;
    this.#pages.length = 0;
    this.#held = 0;
  }

  /** What follows `seq`, about `chars` of it; `undefined` if it lies, or begins, further back. */
  after(seq: number, chars: number): Page | undefined {
    if (this.#answer?.after === seq) return this.#answer.page;
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
    if (page !== undefined) this.#answer = { after: seq, page };
    return page;
  }

  /** Where the page lies that holds `seq + 1`: most who ask are only a little behind. */
  #indexAfter(seq: number): number {
    let index = this.#pages.length;
    while (index > 0 && (this.#pages[index - 1]?.last ?? 0) > seq) index--;
    return index;
  }
}
