/**
 * Stretches of a room's log, encoded once for many readers.
 *
 * @module
 */

/** The events of a stretch of a log, without holes: `first`, `first + 1`, … `last`. */
export interface Page {
  readonly first: number;
  readonly last: number;
  readonly batch: Batch;
}

/**
 * Several events encoded once, for many readers: as the JSON array that a batched client is sent and
 * that the log stores, and one by one for all others. Between events stands a line feed, which
 * cannot occur inside JSON text (RFC 8259 §7), so either form is made from the other by cutting.
 */
export class Batch {
  #array: string | undefined;
  #events: readonly string[] | undefined;

  private constructor(array: string | undefined, events: readonly string[] | undefined) {
    this.#array = array;
    this.#events = events;
  }

  /** @param array what {@linkcode Batch.array} once was. */
  static fromArray(array: string): Batch {
    return new Batch(array, undefined);
  }

  static fromEvents(events: readonly string[]): Batch {
    return new Batch(undefined, events);
  }

  static of(event: string): Batch {
    return new Batch(`[${event}]`, [event]);
  }

  /** Several frames as one. */
  static join(frames: readonly Batch[]): Batch {
    const first = frames[0];
    if (frames.length === 1 && first !== undefined) return first;
    return Batch.fromArray(`[${frames.map((frame) => frame.array.slice(1, -1)).join(SEPARATOR)}]`);
  }

  /** `[event,⏎event]` */
  get array(): string {
    return this.#array ??= `[${(this.#events ?? []).join(SEPARATOR)}]`;
  }

  get events(): readonly string[] {
    return this.#events ??= this.array.slice(1, -1).split(SEPARATOR);
  }

  /** About how many bytes: exact for ASCII, at least a third of the truth for anything. */
  get size(): number {
    return this.array.length;
  }
}

const SEPARATOR = ",\n";

/** The part of a page that lies above `after` and not above `upTo`. */
export function cut(page: Page, after: number, upTo = Infinity): Page | undefined {
  if (page.first > after && page.last <= upTo) return page;
  const first = Math.max(page.first, after + 1);
  const last = Math.min(page.last, upTo);
  if (first > last) return undefined;
  const events = page.batch.events.slice(first - page.first, last - page.first + 1);
  return { first, last, batch: Batch.fromEvents(events) };
}

/** Pages that follow each other, as one. */
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
