/**
 * The SQL statements of the store.
 *
 * A row's `place` is `room << 32 | first`, so that its index is in the order of reading. The rows
 * themselves lie in the order of writing: sorting the rows of many rooms by room would write to pages
 * all over the file.
 *
 * @module
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";

export type Statements = ReturnType<typeof prepare>;

/** Prepares the statements, once for each open database. `?1` is always the room's id. */
export function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  const SEQ = "place & 0xffffffff AS first";
  const SIZE = "octet_length(events) AS size";
  const within = (from: string, to: string) =>
    `FROM batches WHERE place >= (?1 << 32) + ${from} AND place < (?1 << 32) + ${to}`;
  const END = "0x100000000";
  const ALL = within("0", END);
  const [begin, commit] = [sql("BEGIN IMMEDIATE"), sql("COMMIT")];
  return {
    /** Runs `work` in one transaction: it is durable when this returns, and undone if it throws. */
    transact(work: () => void): void {
      begin.run();
      try {
        work();
        commit.run();
      } catch (thrown) {
        // A full disk has rolled back already. A second ROLLBACK would throw and hide the reason.
        if (database.isTransaction) database.exec("ROLLBACK");
        throw thrown;
      }
    },
    era: sql("SELECT era FROM log"),
    /** Adds to a number that only start reads. */
    touch: sql("UPDATE log SET last = last + ?"),
    newEra: sql("UPDATE log SET era = era + 1"),
    startOf: sql("SELECT id FROM starts WHERE mark = ? ORDER BY id DESC LIMIT 1"),
    startAfter: sql("SELECT id, batches FROM starts WHERE id > ? ORDER BY id LIMIT 1"),
    room: sql("SELECT id, head, era, cut, size, rev FROM rooms WHERE name = ?"),
    rooms: sql("SELECT id, name FROM rooms WHERE id > ? ORDER BY id LIMIT ?"),
    nameOf: sql("SELECT name FROM rooms WHERE id = ?"),
    addRoom: sql("INSERT INTO rooms (name, era) VALUES (?, ?)"),
    removeRoom: sql("DELETE FROM rooms WHERE id = ?"),
    saveHead: sql("UPDATE rooms SET head = ?2 WHERE id = ?1"),
    saveSize: sql("UPDATE rooms SET size = ?2 WHERE id = ?1"),
    addRow: sql(
      `INSERT INTO batches (place, id, count, at, refs, events)
       VALUES ((?1 << 32) + ?2, ?3, ?4, ?5, ?6, ?7)`,
    ),
    /** The row that holds a `seq`, or the last one before it. */
    rowOf: sql(
      `SELECT id, ${SEQ}, count, events ${within("0", "?2 + 1")} ORDER BY place DESC LIMIT 1`,
    ),
    rewriteRow: sql("UPDATE batches SET events = ? WHERE id = ?"),
    rowAt: sql(`SELECT id, ${SEQ}, count ${within("0", "?2 + 1")} ORDER BY place DESC LIMIT 1`),
    after: sql(`SELECT ${SEQ}, count, events ${within("?2", END)} ORDER BY place`),
    before: sql(`SELECT ${SEQ}, count, events ${within("0", "?2")} ORDER BY place DESC`),
    refs: sql(`SELECT ${SEQ}, count, refs ${within("?2", END)} ORDER BY place LIMIT ?3`),
    oldest: sql(`SELECT id, ${SEQ}, at ${ALL} ORDER BY place LIMIT 1`),
    newest: sql(`SELECT ${SEQ}, count, ${SIZE} ${ALL} ORDER BY place DESC LIMIT 1`),
    newestAt: sql("SELECT at FROM batches ORDER BY id DESC LIMIT 1"),
    sizes: sql(`SELECT ${SEQ}, count, ${SIZE} ${ALL} ORDER BY place LIMIT ?2`),
    inOrder: sql("SELECT id, place >> 32 AS room FROM batches WHERE id > ? ORDER BY id"),
    pruneUpTo: sql(`DELETE ${within("0", "?2 + 1")}`),
    pruneByCount: sql(
      `DELETE FROM batches WHERE id IN (
         SELECT id ${ALL} AND (place & 0xffffffff) + count <= ?2 ORDER BY place LIMIT ?3)`,
    ),
    // `at` falls where the clock was put back. `max(at)` keeps every row behind one that is kept.
    pruneByAge: sql(
      `DELETE FROM batches WHERE id IN (SELECT id FROM (
         SELECT id, max(at) OVER (ORDER BY place) AS newest
         FROM (SELECT id, place, at ${ALL} ORDER BY place LIMIT ?2)) WHERE newest < ?3)`,
    ),
    saveLastRow: sql(
      "UPDATE log SET last = max(last, (SELECT coalesce(max(id), 0) FROM batches))",
    ),
    taken: sql("SELECT id, at, revision FROM webhook"),
    addTaken: sql("INSERT INTO webhook (id, at, revision) VALUES (?, ?, ?)"),
    saveTaken: sql("UPDATE webhook SET id = ?, at = ?, revision = ?"),
    oldestAfter: sql("SELECT at FROM batches WHERE id > ? ORDER BY id LIMIT 1"),
    rowsAfter: sql("SELECT id, at, events FROM batches WHERE id > ? AND id <= ? ORDER BY id"),
    pageCount: sql("PRAGMA page_count"),
    freePages: sql("PRAGMA freelist_count"),
  };
}

/** SQLITE_FULL (https://sqlite.org/rescode.html#full). */
const DISK_FULL = 13;

/** Whether SQLite has thrown this because the disk is full. */
export function isDiskFull(thrown: unknown): boolean {
  return thrown instanceof Error && "errcode" in thrown && thrown.errcode === DISK_FULL;
}

/** Reads the value of a PRAGMA. */
export function pragma(database: DatabaseSync, name: string): SQLOutputValue | undefined {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}
