/**
 * Pages of a room's log. Their events are encoded once for many readers.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** A page holds consecutive events of a log: `first`, `first + 1`, … `last`. */
export interface Page {
  readonly first: number;
  readonly last: number;
  readonly batch: Batch;
}

/**
 * A batch is several events, encoded once for many readers. It has two forms: the JSON array that
 * batched clients get and the log stores, and the single events that all others get. A comma and a
 * line feed separate the events. A line feed cannot occur inside JSON text (RFC 8259 §7), so each form
 * is made from the other by splitting or joining.
 */
export class Batch {
  #array: string | undefined;
  #events: readonly string[] | undefined;
  #bytes: number | undefined;

  private constructor(array: string | undefined, events: readonly string[] | undefined) {
    this.#array = array;
    this.#events = events;
  }

  /** @param array an earlier value of {@linkcode Batch.array}. */
  static fromArray(array: string): Batch {
    return new Batch(array, undefined);
  }

  static fromEvents(events: readonly string[]): Batch {
    return new Batch(undefined, events);
  }

  static of(event: string): Batch {
    return new Batch(`[${event}]`, [event]);
  }

  /** Joins several batches into one. */
  static join(batches: readonly Batch[]): Batch {
    const first = batches[0];
    if (batches.length === 1 && first !== undefined) return first;
    return Batch.fromArray(`[${batches.map(({ list }) => list).join(SEPARATOR)}]`);
  }

  /** `[event,⏎event]` */
  get array(): string {
    return this.#array ??= arrayOf(this.#events ?? []);
  }

  /** `event,⏎event` */
  get list(): string {
    return this.array.slice(1, -1);
  }

  get events(): readonly string[] {
    return this.#events ??= this.list.split(SEPARATOR);
  }

  /** The length in characters. In bytes it is the same for ASCII, and at most three times as much. */
  get size(): number {
    return this.array.length;
  }

  /** The length of the array in bytes of UTF-8. It is counted once for all readers. */
  get bytes(): number {
    return this.#bytes ??= Buffer.byteLength(this.array);
  }
}

const SEPARATOR = ",\n";

/** Writes events as an array. Brackets around a joined text would have all of it copied once more. */
function arrayOf(events: readonly string[]): string {
  let text = "[";
  for (const event of events) text += text === "[" ? event : SEPARATOR + event;
  return `${text}]`;
}

/** Returns the part of a page with `after < seq <= upTo`. */
export function cut(page: Page, after: number, upTo = Infinity): Page | undefined {
  if (page.first > after && page.last <= upTo) return page;
  const first = Math.max(page.first, after + 1);
  const last = Math.min(page.last, upTo);
  if (first > last) return undefined;
  const events = page.batch.events.slice(first - page.first, last - page.first + 1);
  return { first, last, batch: Batch.fromEvents(events) };
}

/** Joins pages that follow each other into one. */
export function concat(pages: readonly Page[]): Page | undefined {
  const [first, last] = [pages[0], pages.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  if (first === last) return first;
  return {
    first: first.first,
    last: last.last,
    batch: Batch.join(pages.map((page) => page.batch)),
  };
}
