/**
 * The log as rows of a SQLite file: appending, paging, pruning. It knows rooms and rows; numbering,
 * `ref`s and everything live are not its business.
 *
 * @module
 */
import { concat, cut, Frame, type LogState, type Page, type Range } from "./broker.ts";
import { openDatabase, type Stored } from "./sqlite_file.ts";
import { type Removed, Space } from "./sqlite_space.ts";
import { prepare, type Statements } from "./sqlite_statements.ts";

/** How to open a store. */
export interface StoreOptions {
  /** Path of the file, or `:memory:`. */
  readonly path: string;
  /** Messages kept in each room; 0 keeps all. */
  readonly retainMessages: number;
  /** Days that a message is kept; 0 is for ever. */
  readonly retainDays: number;
  /** Megabytes of the file that may be in use; 0 for no bound. @default {0} */
  readonly maxDatabaseMb?: number;
}

/** A page of a room's log, to be stored as a row. */
export interface Row {
  readonly room: string;
  readonly page: Page;
  /** The hashes of the events' `ref`s, 8 bytes for each event; `undefined` if none has any. */
  readonly refs: Uint8Array | undefined;
}

/** The hashes of a row's `ref`s, or its text if it was stored before there were hashes. */
export interface StoredRefs {
  readonly first: number;
  readonly last: number;
  readonly refs: Uint8Array | undefined;
}

interface Log {
  readonly name: string;
  /** The room's number in the file; 0 until its first message is stored. */
  id: number;
  /** The era of the file in which the room's log began. */
  readonly era: number;
  /** The lowest `seq` that is stored, or `head + 1`. */
  floor: number;
  head: number;
  /** About how much text is stored, in characters. */
  size: number;
  /** The size that is written down in the file. */
  written: number;
}

/** Rows that one step of pruning removes: a few hundred microseconds. */
const PRUNE_ROWS = 64;
/** Rooms that one step of pruning by age looks at. */
const PRUNE_ROOMS = 100;
/** Rows whose `ref`s are read in one step: about a millisecond. */
const REF_ROWS = 256;
/** Logs that stay known without asking the file; the least lately used is forgotten. */
const KNOWN_LOGS = 16_384;
/** A change of a room's size that is worth writing down. */
const RESIZED_CHARS = 1_048_576;
/** For a row without `ref`s: NULL is what rows have from before there were hashes. */
const NO_REFS = new Uint8Array(1);

export class SqliteStore {
  readonly secret: Uint8Array;
  readonly #options: StoreOptions;
  readonly #stored: Stored;
  readonly #sql: Statements;
  readonly #space: Space;
  readonly #open: ReadonlySet<string>;
  readonly #logs = new Map<string, Log>();
  /** Rooms that were forgotten, for whoever asks next. */
  #forgotten: string[] = [];
  #era: number;
  /** The highest id that a batch ever had: none is used again. */
  #lastId: number;
  /** The last room looked at for messages that are too old. */
  #agedUpTo = 0;

  /**
   * @param open the rooms that have members: they stay known, and lose messages last.
   * @throws {BrokerError} if the file cannot be used.
   */
  constructor(options: StoreOptions, open: ReadonlySet<string>) {
    this.#options = options;
    this.#open = open;
    this.#stored = openDatabase(options.path);
    this.#sql = prepare(this.#stored.database);
    this.#space = new Space(this.#stored, this.#sql, (options.maxDatabaseMb ?? 0) * 1_048_576);
    this.#era = Number(this.#sql.era.get()?.era);
    this.#lastId = this.#stored.batches;
    this.secret = this.#stored.secret;
  }

  /** When the newest message was stored, if there is one. */
  get newestAt(): number | undefined {
    const row = this.#sql.newestAt.get();
    return row && Number(row.at);
  }

  /** Where a room's log stands; its head is 0 if nothing was said in it yet, or all is forgotten. */
  state(room: string): LogState {
    const { head, era } = this.#log(room);
    const { epoch, mark } = this.#stored;
    return { epoch: era === 0 ? epoch : `${epoch} ${era}`, head, mark };
  }

  /** The newest `seq` of a room. */
  head(room: string): number {
    return this.#log(room).head;
  }

  /**
   * Whether what is stored up to `seq` was stored by the start of that mark, or before it: what a
   * later start stored in the same place is something else, if a backup was put back in between.
   */
  vouches(room: string, mark: string, seq: number): boolean {
    if (mark === this.#stored.mark) return true;
    const start = this.#sql.startOf.get(mark);
    if (start === undefined) return false;
    if (seq === 0) return true;
    const upTo = Number(this.#sql.startAfter.get(start.id ?? null)?.batches);
    const { id, floor } = this.#log(room);
    // Where the message itself was pruned, the next one vouches for it: it was stored later.
    const row = this.#sql.rowAt.get(id, id, Math.max(seq, floor));
    return row !== undefined && Number(row.first) + Number(row.count) > seq &&
      Number(row.id) <= upTo;
  }

  /**
   * Makes room for that much text, if there is a bound for the database.
   *
   * @returns the rooms that were forgotten for it.
   * @throws {FullError} if there is none.
   */
  makeRoom(chars: number): readonly string[] {
    if (!this.#space.isTight(chars)) return [];
    this.#stored.mustStillBeThere();
    this.#space.makeRoom({
      openIds: () => new Set([...this.#open].map((room) => this.#log(room).id)),
      largestOpen: () => this.#largestOpen(),
      removeOldest: (room, rows, bytes) => this.#removeOldest(room, rows, bytes),
      transaction: (step) => this.#pruning(step),
    }, chars);
    return this.#takeForgotten();
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
        for (const { room, page, refs } of rows) {
          const log = this.#log(room);
          if (!before.has(log)) before.set(log, { ...log });
          if (log.id === 0) log.id = Number(this.#sql.addRoom.run(room, log.era).lastInsertRowid);
          const count = page.last - page.first + 1;
          const { array } = page.frame;
          const id = ++this.#lastId;
          this.#sql.addRow.run(id, log.id, page.first, count, at, refs ?? NO_REFS, array);
          log.head = page.last;
          log.size += array.length;
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

  /** The `ref`s of the next rows from that `seq` on; none at the end of the log. */
  refs(room: string, from: number): readonly StoredRefs[] {
    const { id, head } = this.#log(room);
    if (from > head) return [];
    const start = Number(this.#sql.rowAt.get(id, id, from)?.first ?? from);
    return this.#sql.refs.all(id, start, id, REF_ROWS).map(({ first, count, refs }) => ({
      first: Number(first),
      last: Number(first) + Number(count) - 1,
      refs: refs instanceof Uint8Array ? refs : undefined,
    }));
  }

  /**
   * One small step through the rooms: removes what is older than is kept, forgets rooms that are empty
   * and have no members, and gives space back.
   *
   * @returns the rooms that were forgotten.
   */
  prune(now: number): readonly string[] {
    this.#stored.mustStillBeThere();
    const days = this.#options.retainDays;
    const before = days === 0 ? -Infinity : now - days * 86_400_000;
    const rooms = this.#sql.rooms.all(this.#agedUpTo, PRUNE_ROOMS);
    this.#agedUpTo = rooms.length < PRUNE_ROOMS ? 0 : Number(rooms.at(-1)?.id);
    for (const { id, name } of rooms) {
      const oldest = this.#sql.oldest.get(id ?? null, id ?? null);
      if (oldest !== undefined && Number(oldest.at) >= before) continue;
      const log = this.#log(String(name));
      this.#pruning(() => {
        if (oldest !== undefined) this.#pruneByAge(log, before);
        if (log.floor > log.head) this.#forget(log);
      });
    }
    this.#writeSizes();
    this.#space.giveBack();
    return this.#takeForgotten();
  }

  /** A room has no members any more: it loses messages sooner. */
  closed(room: string): void {
    const id = this.#logs.get(room)?.id ?? 0;
    const oldest = id === 0 ? undefined : this.#sql.oldest.get(id, id);
    if (oldest !== undefined) this.#space.rewind(Number(oldest.id));
  }

  close(): void {
    this.#stored.close();
  }

  /** Removes a little of what is too much, in the transaction that made it too much. */
  #pruneByCount(log: Log): void {
    const keep = this.#options.retainMessages;
    if (keep === 0 || log.head - log.floor < keep * 1.1) return;
    this.#sql.pruneByCount.run(log.id, log.id, log.head - keep + 1, PRUNE_ROWS);
    this.#pruned(log);
  }

  #pruneByAge(log: Log, before: number): void {
    // The head outlives the messages: a room that was emptied while it has members goes on counting.
    this.#sql.keepHead.run(log.head, log.id);
    this.#sql.pruneByAge.run(log.id, log.id, PRUNE_ROWS, before);
    this.#pruned(log);
  }

  /** Removes a room's oldest rows, but for the newest row of a room that has members. */
  #removeOldest(room: number, maxRows: number, maxBytes: number): Removed {
    const name = this.#sql.nameOf.get(room)?.name;
    if (name === undefined) return { rows: 0, bytes: 0 };
    const log = this.#log(String(name));
    const isOpen = this.#open.has(log.name);
    let [rows, bytes, upTo] = [0, 0, 0];
    for (const row of this.#sql.sizes.iterate(room, room, maxRows)) {
      const last = Number(row.first) + Number(row.count) - 1;
      if (bytes >= maxBytes || (isOpen && last >= log.head)) break;
      upTo = last;
      rows++;
      bytes += Number(row.size);
    }
    if (rows > 0) this.#sql.pruneUpTo.run(room, room, upTo);
    this.#pruned(log);
    if (log.floor > log.head) this.#forget(log);
    return { rows, bytes };
  }

  /** Which room with members holds the most, of those that have something to lose. */
  #largestOpen(): number | undefined {
    let largest: Log | undefined;
    for (const name of this.#open) {
      const log = this.#log(name);
      if (log.floor >= log.head || log.size <= (largest?.size ?? 0)) continue;
      const newest = this.#sql.newest.get(log.id, log.id);
      if (Number(newest?.first) > log.floor) largest = log;
    }
    return largest?.id;
  }

  /**
   * Removes the row of an empty room. Its numbers begin at 1 again when somebody speaks there, so the
   * log is then of another era, and no cursor from before fits it.
   */
  #forget(log: Log): void {
    if (this.#open.has(log.name)) return;
    this.#sql.removeRoom.run(log.id);
    this.#sql.newEra.run();
    this.#era++;
    this.#logs.delete(log.name);
    this.#forgotten.push(log.name);
  }

  #takeForgotten(): readonly string[] {
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    return forgotten;
  }

  /** Some of a log's oldest rows are gone. */
  #pruned(log: Log): void {
    const before = log.head - log.floor + 1;
    log.floor = this.#floorOf(log.id, log.head);
    if (before > 0) log.size *= (log.head - log.floor + 1) / before;
  }

  /** Writes down what rooms hold, where it has changed much: it is known again after a restart. */
  #writeSizes(): void {
    const resized = [...this.#logs.values()]
      .filter(({ size, written }) => Math.abs(size - written) > RESIZED_CHARS)
      .slice(0, PRUNE_ROOMS);
    if (resized.length === 0) return;
    this.#transaction(() => {
      for (const { size, id } of resized) this.#sql.keepSize.run(Math.round(size), id);
    });
    for (const log of resized) log.written = log.size;
  }

  /** Prunes in one transaction. If it fails, what was known of all logs is read again. */
  #pruning(work: () => void): void {
    try {
      this.#transaction(work);
    } catch (thrown) {
      this.#logs.clear();
      this.#forgotten = [];
      this.#era = Number(this.#sql.era.get()?.era);
      throw thrown;
    }
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
    if (this.#logs.size > KNOWN_LOGS) this.#forgetIdle();
    return log;
  }

  /** Drops the log that was not used for the longest time; those of open rooms are passed over. */
  #forgetIdle(): void {
    let passed = 0;
    for (const [name, log] of this.#logs) {
      this.#logs.delete(name);
      if (!this.#open.has(name) || ++passed > 64) return;
      this.#logs.set(name, log);
    }
  }

  #load(name: string): Log {
    const row = this.#sql.room.get(name);
    if (row === undefined) {
      return { name, id: 0, era: this.#era, floor: 1, head: 0, size: 0, written: 0 };
    }
    const id = Number(row.id);
    const newest = this.#sql.newest.get(id, id);
    const count = Number(newest?.count ?? 1);
    const head = Math.max(Number(row.head), Number(newest?.first ?? 0) + count - 1);
    const floor = this.#floorOf(id, head);
    const written = Number(row.size);
    // Nobody wrote it down: as if all messages were as long as the newest.
    const size = written || (head - floor + 1) * Number(newest?.size ?? 0) / count;
    return { name, id, era: Number(row.era), floor, head, size, written };
  }

  #floorOf(id: number, head: number): number {
    const oldest = this.#sql.oldest.get(id, id);
    return oldest === undefined ? head + 1 : Number(oldest.first);
  }
}

function pageOf(row: Record<string, unknown>): Page {
  const first = Number(row.first);
  return {
    first,
    last: first + Number(row.count) - 1,
    frame: Frame.fromArray(String(row.events)),
  };
}
