/**
 * The rows of a room's log: a batch is cut into pages to be stored as rows, and rows are read as pages.
 *
 * @module
 */
import { Batch, concat, cut, type Page } from "../page.ts";
import type { Range } from "../broker.ts";
import type { Log } from "./log_cache.ts";
import type { Statements } from "./statements.ts";

/** A page of a room's log, to be stored as a row. */
export interface NewRow {
  readonly log: Log;
  readonly page: Page;
  /** The hashes of the events' `ref`s, 8 bytes for each event; `undefined` if no event has one. */
  readonly refs: Uint8Array | undefined;
}

/**
 * About the most characters in a page. A page becomes a row and a batch: small enough to be cut when
 * only a part is asked for, and to stay in the processor's cache while it is sent to a thousand members.
 */
const PAGE_CHARS = 65_536;

/** Makes pages of new events: one page, unless they are long. */
export function pagesOf(first: number, events: readonly string[]): Page[] {
  if (events.length === 0) return [];
  const whole = { first, last: first + events.length - 1, batch: Batch.fromEvents(events) };
  if (whole.batch.size <= PAGE_CHARS) return [whole];
  const pages: Page[] = [];
  let chars = 0;
  let start = 0;
  events.forEach((event, index) => {
    chars += event.length;
    if (chars < PAGE_CHARS && index < events.length - 1) return;
    const batch = Batch.fromEvents(events.slice(start, index + 1));
    pages.push({ first: first + start, last: first + index, batch });
    start = index + 1;
    chars = 0;
  });
  return pages;
}

/** Reads a part of a log; `undefined` where there is nothing. */
export function readPage(sql: Statements, log: Log, range: Range): Page | undefined {
  if (log.id === 0 || range.limit < 1) return undefined;
  return range.after === undefined
    ? readBefore(sql, log, Math.min(range.before ?? Infinity, log.head + 1), range)
    : readAfter(sql, log, range.after, range);
}

function readAfter(
  sql: Statements,
  { id, head }: Log,
  after: number,
  { limit, chars = Infinity }: Range,
): Page | undefined {
  if (after >= head) return undefined; // far above it lie the rows of other rooms
  const pages: Page[] = [];
  let upTo = 0;
  let size = 0;
  for (
    const row of sql.after.iterate(id, Number(sql.rowAt.get(id, after + 1)?.first ?? after + 1))
  ) {
    const page = pageOf(row);
    upTo ||= Math.max(after, page.first - 1) + limit;
    pages.push(page);
    size += page.batch.size;
    if (page.last >= upTo || size >= chars) break;
  }
  const whole = concat(pages);
  return whole && cut(whole, after, upTo);
}

function readBefore(
  sql: Statements,
  { id }: Log,
  before: number,
  { limit, chars = Infinity }: Range,
): Page | undefined {
  const pages: Page[] = [];
  let after = 0;
  let size = 0;
  for (const row of sql.before.iterate(id, before)) {
    const page = pageOf(row);
    if (pages.length === 0) after = Math.min(before - 1, page.last) - limit;
    pages.unshift(page);
    size += page.batch.size;
    if (page.first <= after + 1 || size >= chars) break;
  }
  const whole = concat(pages);
  return whole && cut(whole, after, before - 1);
}

function pageOf(row: Record<string, unknown>): Page {
  const first = Number(row.first);
  const last = first + Number(row.count) - 1;
  return { first, last, batch: Batch.fromArray(String(row.events)) };
}
