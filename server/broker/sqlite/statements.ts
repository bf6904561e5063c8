/**
 * All the SQL there is. `place` is `room << 32 | first`: an index in the order that is read. The rows
 * themselves lie in the order that is written: to put those of many rooms each into its own place
 * would touch and split pages all over the file.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";

export type Statements = ReturnType<typeof prepare>;

/** Prepares the statements, once for each open database. */
export function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  const SEQ = "place & 0xffffffff AS first";
  const within = (low: string, high: string) =>
    `place >= (? << 32) + ${low} AND place < (? << 32) + ${high}`;
  const ALL = within("0", "0x100000000");
  return {
    begin: sql("BEGIN IMMEDIATE"),
    commit: sql("COMMIT"),
    era: sql("SELECT era FROM log"),
    newEra: sql("UPDATE log SET era = era + 1"),
    startOf: sql("SELECT id FROM starts WHERE mark = ? ORDER BY id DESC LIMIT 1"),
    startAfter: sql("SELECT batches FROM starts WHERE id > ? ORDER BY id LIMIT 1"),
    room: sql("SELECT id, head, era, size FROM rooms WHERE name = ?"),
    rooms: sql("SELECT id, name FROM rooms WHERE id > ? ORDER BY id LIMIT ?"),
    nameOf: sql("SELECT name FROM rooms WHERE id = ?"),
    addRoom: sql("INSERT INTO rooms (name, era) VALUES (?, ?)"),
    removeRoom: sql("DELETE FROM rooms WHERE id = ?"),
    keepHead: sql("UPDATE rooms SET head = ? WHERE id = ?"),
    keepSize: sql("UPDATE rooms SET size = ? WHERE id = ?"),
    addRow: sql(
      `INSERT INTO batches (id, place, count, at, refs, events)
       VALUES (?, (? << 32) + ?, ?, ?, ?, ?)`,
    ),
    rowAt: sql(
      `SELECT id, ${SEQ}, count FROM batches
       WHERE ${within("0", "? + 1")} ORDER BY place DESC LIMIT 1`,
    ),
    after: sql(
      `SELECT ${SEQ}, count, events FROM batches
       WHERE ${within("?", "0x100000000")} ORDER BY place`,
    ),
    before: sql(
      `SELECT ${SEQ}, count, events FROM batches WHERE ${within("0", "?")} ORDER BY place DESC`,
    ),
    refs: sql(
      `SELECT ${SEQ}, count, refs FROM batches
       WHERE ${within("?", "0x100000000")} ORDER BY place LIMIT ?`,
    ),
    oldest: sql(`SELECT id, ${SEQ}, at FROM batches WHERE ${ALL} ORDER BY place LIMIT 1`),
    newest: sql(
      `SELECT ${SEQ}, count, octet_length(events) AS size FROM batches
       WHERE ${ALL} ORDER BY place DESC LIMIT 1`,
    ),
    newestAt: sql("SELECT at FROM batches ORDER BY id DESC LIMIT 1"),
    sizes: sql(
      `SELECT ${SEQ}, count, octet_length(events) AS size FROM batches
       WHERE ${ALL} ORDER BY place LIMIT ?`,
    ),
    inOrder: sql("SELECT id, place >> 32 AS room FROM batches WHERE id > ? ORDER BY id"),
    pruneUpTo: sql(`DELETE FROM batches WHERE ${within("0", "? + 1")}`),
    pruneByCount: sql(
      `DELETE FROM batches WHERE id IN (SELECT id FROM batches
       WHERE ${ALL} AND (place & 0xffffffff) + count <= ? ORDER BY place LIMIT ?)`,
    ),
    // From the oldest on, and none behind one that is kept: where the clock was put back, `at` falls.
    pruneByAge: sql(
      `DELETE FROM batches WHERE id IN (SELECT id FROM (
         SELECT id, max(at) OVER (ORDER BY place) AS newest FROM (SELECT id, place, at FROM batches
         WHERE ${ALL} ORDER BY place LIMIT ?)) WHERE newest < ?)`,
    ),
    pageCount: sql("PRAGMA page_count"),
    freePages: sql("PRAGMA freelist_count"),
  };
}

/** SQLITE_FULL (https://sqlite.org/rescode.html#full). */
const DISK_FULL = 13;

/** Whether SQLite threw this because the disk is full. */
export function isDiskFull(thrown: unknown): boolean {
  return thrown instanceof Error && "errcode" in thrown && thrown.errcode === DISK_FULL;
}

/** Does something in one transaction: all of it is durable when this returns, or nothing was done. */
export function transact(database: DatabaseSync, sql: Statements, work: () => void): void {
  sql.begin.run();
  try {
    work();
    sql.commit.run();
  } catch (thrown) {
    // A full disk has rolled back by itself; a second ROLLBACK would hide why.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw thrown;
  }
}
