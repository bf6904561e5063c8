/**
 * The log as rows of a SQLite file: appending, paging, pruning. It knows rooms and rows; numbering,
 * `ref`s and everything live are not its business.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { concat, cut, Frame, type Page, type Range } from "./broker.ts";
import { openDatabase, type Stored } from "./sqlite_file.ts";

/** How to open a store. */
export interface StoreOptions {
  /** Path of the file, or `:memory:`. */
  readonly path: string;
  /** Messages kept in each room; 0 keeps all. */
  readonly retainMessages: number;
  /** Days that a message is kept; 0 is for ever. */
  readonly retainDays: number;
}

/** A page of a room's log, to be stored as a row. */
export interface Row {
  readonly room: string;
  readonly page: Page;
}

interface Log {
  /** The room's number in the file; 0 until its first message is stored. */
  id: number;
  /** The lowest `seq` that is stored, or `head + 1`. */
  floor: number;
  head: number;
}

/** Rows that one step of pruning removes: a few hundred microseconds. */
const PRUNE_ROWS = 64;
/** Rooms that one step of pruning by age looks at. */
const PRUNE_ROOMS = 100;
/** Logs that stay known without asking the file; the least lately used is forgotten. */
const KNOWN_LOGS = 16_384;

export class SqliteStore {
  readonly epoch: string;
  readonly secret: Uint8Array;
  readonly #options: StoreOptions;
  readonly #stored: Stored;
  readonly #sql: Statements;
  readonly #logs = new Map<string, Log>();
  /** The last room looked at for messages that are too old. */
  #agedUpTo = 0;

  /** @throws {BrokerError} if the file cannot be used. */
  constructor(options: StoreOptions) {
    this.#options = options;
    this.#stored = openDatabase(options.path);
    this.#sql = prepare(this.#stored.database);
    this.epoch = this.#stored.epoch;
    this.secret = this.#stored.secret;
  }

  /** The newest `seq` of a room, 0 if nothing was ever said in it. */
  head(room: string): number {
    return this.#log(room).head;
  }

  /**
   * Appends pages in one transaction, durable when this returns.
   *
   * @param at milliseconds since 1970.
   */
  append(rows: readonly Row[], at: number): void {
    this.#stored.mustStillBeThere();
    const before = new Map<Log, Log>();
    try {
      this.#transaction(() => {
        for (const { room, page } of rows) {
          const log = this.#log(room);
          if (!before.has(log)) before.set(log, { ...log });
          if (log.id === 0) log.id = Number(this.#sql.addRoom.run(room).lastInsertRowid);
          const count = page.last - page.first + 1;
          this.#sql.addRow.run(log.id, page.first, count, at, page.frame.array);
          log.head = page.last;
        }
        for (const log of before.keys()) this.#pruneByCount(log);
      });
    } catch (thrown) {
      for (const [log, old] of before) Object.assign(log, old);
      throw thrown;
    }
  }

  /** A stretch of a room's log; `undefined` where there is nothing. */
  read(room: string, range: Range): Page | undefined {
    const log = this.#log(room);
    if (log.id === 0 || range.limit < 1) return undefined;
    return range.after === undefined
      ? this.#readBefore(log, Math.min(range.before ?? Infinity, log.head + 1), range)
      : this.#readAfter(log, range.after, range);
  }

  /** @throws {BrokerError} if what is written would be lost, or nothing can be written. */
  check(): void {
    this.#stored.mustStillBeThere();
    this.#transaction(() => {});
  }

  /** One small step through the rooms, removing what is older at that moment than is kept. */
  prune(now: number): void {
    this.#stored.mustStillBeThere();
    if (this.#options.retainDays === 0) return;
    const before = now - this.#options.retainDays * 86_400_000;
    const rooms = this.#sql.rooms.all(this.#agedUpTo, PRUNE_ROOMS);
    this.#agedUpTo = rooms.length < PRUNE_ROOMS ? 0 : Number(rooms.at(-1)?.id);
    for (const { id, name } of rooms) {
      const oldest = this.#sql.oldest.get(id ?? null, id ?? null);
      if (oldest === undefined || Number(oldest.at) >= before) continue;
      this.#pruneByAge(this.#log(String(name)), before);
    }
  }

  close(): void {
    this.#stored.close();
  }

  /** Removes a little of what is too much, in the transaction that made it too much. */
  #pruneByCount(log: Log): void {
    const keep = this.#options.retainMessages;
    if (keep === 0 || log.head - log.floor < keep * 1.1) return;
    this.#sql.pruneByCount.run(log.id, log.id, log.head - keep + 1, PRUNE_ROWS);
    log.floor = this.#floorOf(log.id, log.head);
  }

  #pruneByAge(log: Log, before: number): void {
    this.#transaction(() => {
      // The head outlives the messages: a room that was emptied goes on counting.
      this.#sql.keepHead.run(log.head, log.id);
      this.#sql.pruneByAge.run(log.id, log.id, PRUNE_ROWS, before);
    });
    log.floor = this.#floorOf(log.id, log.head);
  }

  #transaction(work: () => void): void {
    const { database } = this.#stored;
    this.#sql.begin.run();
    try {
      work();
      this.#sql.commit.run();
    } catch (thrown) {
      // A full disk has rolled back by itself; a second ROLLBACK would hide why.
      if (database.isTransaction) database.exec("ROLLBACK");
      throw thrown;
    }
  }

  #readAfter(log: Log, after: number, { limit, chars = Infinity }: Range): Page | undefined {
    if (after >= log.head) return undefined; // and far beyond it lie the rows of other rooms
    const rows: Page[] = [];
    const start = Number(this.#sql.rowAt.get(log.id, log.id, after + 1)?.first ?? after + 1);
    let upTo = 0;
    let size = 0;
    for (const row of this.#sql.after.iterate(log.id, start, log.id)) {
      const page = pageOf(row);
      upTo ||= Math.max(after, page.first - 1) + limit;
      rows.push(page);
      size += page.frame.size;
      if (page.last >= upTo || size >= chars) break;
    }
    const whole = concat(rows);
    return whole && cut(whole, after, upTo);
  }

  #readBefore(log: Log, before: number, { limit, chars = Infinity }: Range): Page | undefined {
    const rows: Page[] = [];
    let after = 0;
    let size = 0;
    for (const row of this.#sql.before.iterate(log.id, log.id, before)) {
      const page = pageOf(row);
      if (rows.length === 0) after = Math.min(before - 1, page.last) - limit;
      rows.unshift(page);
      size += page.frame.size;
      if (page.first <= after + 1 || size >= chars) break;
    }
    const whole = concat(rows);
    return whole && cut(whole, after, before - 1);
  }

  #log(name: string): Log {
    const log = this.#logs.get(name) ?? this.#load(name);
    this.#logs.delete(name);
    this.#logs.set(name, log);
    if (this.#logs.size > KNOWN_LOGS) {
      for (const oldest of this.#logs.keys()) {
        this.#logs.delete(oldest);
        break;
      }
    }
    return log;
  }

  #load(name: string): Log {
    const row = this.#sql.room.get(name);
    if (row === undefined) return { id: 0, floor: 1, head: 0 };
    const id = Number(row.id);
    const newest = this.#sql.before.get(id, id, MAX_SEQ);
    const head = Math.max(Number(row.head), newest === undefined ? 0 : pageOf(newest).last);
    return { id, floor: this.#floorOf(id, head), head };
  }

  #floorOf(id: number, head: number): number {
    const oldest = this.#sql.oldest.get(id, id);
    return oldest === undefined ? head + 1 : Number(oldest.first);
  }
}

const MAX_SEQ = 2 ** 32 - 1;

function pageOf(row: Record<string, unknown>): Page {
  const first = Number(row.first);
  return {
    first,
    last: first + Number(row.count) - 1,
    frame: Frame.fromArray(String(row.events)),
  };
}

type Statements = ReturnType<typeof prepare>;

/**
 * All the SQL there is. `place` is `room << 32 | first`: an index in the order that is read. The rows
 * themselves lie in the order that is written: to put those of many rooms each into its own place
 * would touch and split pages all over the file.
 */
function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  const SEQ = "place & 0xffffffff AS first";
  const within = (low: string, high: string) =>
    `place >= (? << 32) + ${low} AND place < (? << 32) + ${high}`;
  return {
    begin: sql("BEGIN IMMEDIATE"),
    commit: sql("COMMIT"),
    room: sql("SELECT id, head FROM rooms WHERE name = ?"),
    rooms: sql("SELECT id, name FROM rooms WHERE id > ? ORDER BY id LIMIT ?"),
    addRoom: sql("INSERT INTO rooms (name) VALUES (?)"),
    keepHead: sql("UPDATE rooms SET head = ? WHERE id = ?"),
    addRow: sql("INSERT INTO batches (place, count, at, events) VALUES ((? << 32) + ?, ?, ?, ?)"),
    rowAt: sql(
      `SELECT ${SEQ} FROM batches WHERE ${within("0", "? + 1")} ORDER BY place DESC LIMIT 1`,
    ),
    after: sql(
      `SELECT ${SEQ}, count, events FROM batches
       WHERE ${within("?", "0x100000000")} ORDER BY place`,
    ),
    before: sql(
      `SELECT ${SEQ}, count, events FROM batches WHERE ${within("0", "?")} ORDER BY place DESC`,
    ),
    oldest: sql(
      `SELECT ${SEQ}, at FROM batches WHERE ${within("0", "0x100000000")} ORDER BY place LIMIT 1`,
    ),
    pruneByCount: sql(
      `DELETE FROM batches WHERE id IN (SELECT id FROM batches
       WHERE ${
        within("0", "0x100000000")
      } AND (place & 0xffffffff) + count <= ? ORDER BY place LIMIT ?)`,
    ),
    // From the oldest on, and none behind one that is kept: where the clock was put back, `at` falls.
    pruneByAge: sql(
      `DELETE FROM batches WHERE id IN (SELECT id FROM (
         SELECT id, max(at) OVER (ORDER BY place) AS newest FROM (SELECT id, place, at FROM batches
         WHERE ${within("0", "0x100000000")} ORDER BY place LIMIT ?)) WHERE newest < ?)`,
    ),
  };
}
