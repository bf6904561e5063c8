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
 * About how many characters a page has at most. A page becomes a row and a batch: small enough to be cut when
 * only a part is asked for, and to stay in the processor's cache while it is sent to a thousand members.
 */
const PAGE_CHARS = 65_536;

/** Makes pages of new events: one page, unless they are long. */
export function pagesOf(first: number, events: readonly string[]): Page[] {
  const pages: Page[] = [];
  let chars = 0;
  let start = 0;
  for (let index = 0; index < events.length; index++) {
    chars += events[index]?.length ?? 0;
    if (chars < PAGE_CHARS && index < events.length - 1) continue;
    const batch = Batch.fromEvents(events.slice(start, index + 1));
    pages.push({ first: first + start, last: first + index, batch });
    start = index + 1;
    chars = 0;
  }
  return pages;
}

/** Reads a part of a log; `undefined` where there is nothing. */
export function readPage(
  sql: Statements,
  { id, head }: Log,
  { after, before = Infinity, limit, chars = Infinity }: Range,
): Page | undefined {
  // Far above the head lie the rows of other rooms.
  if (id === 0 || limit < 1 || (after ?? 0) >= head) return undefined;
  let [from, upTo] = [after ?? 0, Math.min(before - 1, head)];
  const rows = after === undefined
    ? sql.before.iterate(id, upTo + 1)
    : sql.after.iterate(id, Number(sql.rowAt.get(id, after + 1)?.first ?? after + 1));
  const pages: Page[] = [];
  let size = 0;
  for (const row of rows) {
    const page = pageOf(row);
    if (pages.length === 0 && after === undefined) from = Math.min(upTo, page.last) - limit;
    if (pages.length === 0 && after !== undefined) upTo = Math.max(after, page.first - 1) + limit;
    const part = cut(page, from, upTo); // only what is returned counts towards `chars`
    if (part !== undefined) pages.push(part);
    size += part?.batch.size ?? 0;
    const isEnough = after === undefined ? page.first <= from + 1 : page.last >= upTo;
    if (isEnough || size >= chars) break;
  }
  return concat(after === undefined ? pages.reverse() : pages);
}

/** Reads one message; `undefined` if it is not stored, or not any more. */
export function readEvent(sql: Statements, log: Log, seq: number): string | undefined {
  const page = readPage(sql, log, { after: seq - 1, limit: 1 });
  return page?.first === seq ? page.batch.events[0] : undefined;
}

/**
 * Replaces messages of a room, within the caller's transaction. Those of one row are replaced together.
 *
 * @returns by how many characters the room has grown.
 */
export function rewrite(
  sql: Statements,
  { id }: Log,
  messages: readonly { readonly seq: number; readonly message: string }[],
): number {
  let grown = 0;
  const left = messages.toSorted((a, b) => a.seq - b.seq);
  while (left.length > 0) {
    const row = sql.rowOf.get(id, left[0]?.seq ?? 0);
    if (row === undefined) throw new Error("A message that was read is not there.");
    const { first, last, batch } = pageOf(row);
    const events = [...batch.events];
    let count = 0;
    for (const { seq, message } of left) {
      if (seq > last) break;
      events[seq - first] = message;
      count++;
    }
    left.splice(0, count);
    const { array } = Batch.fromEvents(events);
    sql.rewriteRow.run(array, Number(row.id));
    grown += array.length - batch.array.length;
  }
  return grown;
}

/** The hashes of a row's `ref`s; `undefined` if the row was stored before there were hashes. */
export interface StoredRefs {
  readonly first: number;
  readonly last: number;
  readonly hashes: Uint8Array | undefined;
}

/** Rows whose `ref`s are read in one step. It takes about a millisecond. */
const REF_ROWS = 256;

/** Reads the `ref`s of some rows from a `seq` on; none at the end of the log. */
export function readRefs(sql: Statements, { id, head }: Log, from: number): readonly StoredRefs[] {
  if (from > head) return [];
  const start = Number(sql.rowAt.get(id, from)?.first ?? from);
  return sql.refs.all(id, start, REF_ROWS).map(({ first, count, refs }) => ({
    first: Number(first),
    last: Number(first) + Number(count) - 1,
    hashes: refs instanceof Uint8Array ? refs : undefined,
  }));
}

function pageOf(row: Record<string, unknown>): Page {
  const first = Number(row.first);
  const last = first + Number(row.count) - 1;
  return { first, last, batch: Batch.fromArray(String(row.events)) };
}
