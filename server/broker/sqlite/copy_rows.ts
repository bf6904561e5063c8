/**
 * `copyRows` copies all that a database holds into a new one, row by row. So nothing comes along that SQLite
 * leaves behind in the unused space of pages: copies of texts that were deleted.
 *
 * @module
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite";
import { pragma } from "./statements.ts";

/** What must be set before a database has its first page, and what names it. */
const SETTINGS = ["page_size", "auto_vacuum", "application_id", "user_version"];

/**
 * Copies into a database that is empty, in one transaction.
 *
 * @param step is called now and then, with the bytes that were copied since it was called last.
 */
export function copyRows(
  from: DatabaseSync,
  to: DatabaseSync,
  step: (bytes: number) => void,
): void {
  for (const name of SETTINGS) to.exec(`PRAGMA ${name} = ${pragma(from, name)}`);
  // `ANALYZE`, which an operator may have run, makes tables that only SQLite may make.
  const parts = from.prepare(
    `SELECT type, name, sql FROM sqlite_schema
     WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type = 'table' DESC`,
  ).all();
  to.exec("BEGIN");
  for (const { type, name, sql } of parts) {
    to.exec(String(sql));
    if (type === "table") copyTable(from, to, String(name), step);
  }
  to.exec("COMMIT");
}

/** How many bytes are copied before the next step. */
const STEP_BYTES = 262_144;

function copyTable(
  from: DatabaseSync,
  to: DatabaseSync,
  table: string,
  step: (bytes: number) => void,
): void {
  const columns = from.prepare(`PRAGMA table_info("${table}")`).all();
  // Text goes as bytes: as a string it would end at its first U+0000.
  const read = columns.map(({ name, type }) =>
    type === "TEXT" ? `CAST("${name}" AS BLOB)` : `"${name}"`
  );
  const written = columns.map(({ type }) => type === "TEXT" ? "CAST(? AS TEXT)" : "?");
  const rows = from.prepare(`SELECT ${read} FROM "${table}"`);
  rows.setReadBigInts(true); // a place is a large number
  const insert = to.prepare(`INSERT INTO "${table}" VALUES (${written})`);
  let bytes = 0;
  for (const row of rows.iterate()) {
    const values = Object.values(row);
    insert.run(...values);
    bytes += values.reduce((sum: number, value) => sum + sizeOf(value), 0);
    if (bytes < STEP_BYTES) continue;
    step(bytes);
    bytes = 0;
  }
  step(bytes);
}

function sizeOf(value: SQLInputValue | SQLOutputValue): number {
  return value instanceof Uint8Array ? value.length : 8;
}
