/**
 * Pages of a room's log, read from its rows.
 *
 * @module
 */
import { Batch, concat, cut, type Page } from "../page.ts";
import type { Range } from "../broker.ts";
import type { Log } from "./known_logs.ts";
import type { Statements } from "./statements.ts";

/** Reads a stretch of a log; `undefined` where there is nothing. */
export function readPage(sql: Statements, log: Log, range: Range): Page | undefined {
  if (log.id === 0 || range.limit < 1) return undefined;
  return range.after === undefined
    ? readBefore(sql, log, Math.min(range.before ?? Infinity, log.head + 1), range)
    : readAfter(sql, log, range.after, range);
}

function readAfter(
  sql: Statements,
  log: Log,
  after: number,
  { limit, chars = Infinity }: Range,
): Page | undefined {
  if (after >= log.head) return undefined; // and far beyond it lie the rows of other rooms
  const rows: Page[] = [];
  const start = Number(sql.rowAt.get(log.id, log.id, after + 1)?.first ?? after + 1);
  let upTo = 0;
  let size = 0;
  for (const row of sql.after.iterate(log.id, start, log.id)) {
    const page = pageOf(row);
    upTo ||= Math.max(after, page.first - 1) + limit;
    rows.push(page);
    size += page.batch.size;
    if (page.last >= upTo || size >= chars) break;
  }
  const whole = concat(rows);
  return whole && cut(whole, after, upTo);
}

function readBefore(
  sql: Statements,
  log: Log,
  before: number,
  { limit, chars = Infinity }: Range,
): Page | undefined {
  const rows: Page[] = [];
  let after = 0;
  let size = 0;
  for (const row of sql.before.iterate(log.id, log.id, before)) {
    const page = pageOf(row);
    if (rows.length === 0) after = Math.min(before - 1, page.last) - limit;
    rows.unshift(page);
    size += page.batch.size;
    if (page.first <= after + 1 || size >= chars) break;
  }
  const whole = concat(rows);
  return whole && cut(whole, after, before - 1);
}

function pageOf(row: Record<string, unknown>): Page {
  const first = Number(row.first);
  return {
    first,
    last: first + Number(row.count) - 1,
    batch: Batch.fromArray(String(row.events)),
  };
}
