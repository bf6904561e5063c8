/**
 * The log on one machine: a SQLite file with one writer, and a commit for each batch. One row holds
 * what one batch brought to one room, as the text that was sent, so that writing costs little and
 * replaying re-encodes nothing. `synchronous=FULL`: what is committed survives a power cut.
 *
 * The file is locked for as long as it is open. A second process is refused rather than made to
 * wait, because two writers would each believe that they know the head of every room.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type Draft, type Message, numbered } from "../protocol.ts";
import {
  type Broker,
  type BrokerListener,
  concat,
  cut,
  Frame,
  type LogState,
  type Page,
  type Range,
  type Receipt,
  type Signal,
} from "./broker.ts";
import { RefWindow } from "./ref_window.ts";
import { openDatabase, type Stored } from "./sqlite_file.ts";

export interface SqliteOptions {
  /** Path of the file, or `:memory:`. */
  readonly path: string;
  /** Messages kept in each room; 0 keeps all. */
  readonly retainMessages: number;
  /** Days that a message is kept; 0 is for ever. */
  readonly retainDays: number;
  /** Newest messages of a room among which a repeated `ref` is recognised. */
  readonly dedupeMessages: number;
  /** Milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
}

/** What is known of a room without asking the disk. */
interface Log {
  readonly name: string;
  /** 0 until its first message is stored. */
  id: number;
  head: number;
  /** The lowest `seq` that is stored, or the next one. */
  floor: number;
  /** Made when the first `ref` comes: most rooms that are only read never need it. */
  refs: RefWindow | undefined;
}

/** What a batch brings to one room, until it is committed. */
interface Addition {
  readonly log: Log;
  readonly first: number;
  readonly events: string[];
  readonly frame: Frame;
  readonly refs: { readonly userId: string; readonly ref: string }[];
}

/** A row holds no more text than this, so that a page of history does not have to cut a large one. */
const ROW_CHARS = 65_536;
/** Rows that one step of pruning removes: a few hundred microseconds. */
const PRUNE_ROWS = 64;
/** Rooms looked at in one step of pruning by age, and milliseconds between steps. */
const PRUNE_ROOMS = 100;
const PRUNE_EVERY_MS = 5_000;
/** Logs without members that stay known, so that one who comes and goes does not cost a rebuild. */
const IDLE_LOGS = 256;

export class SqliteBroker implements Broker {
  readonly place: string;
  readonly secret: Uint8Array;
  readonly #options: SqliteOptions;
  readonly #stored: Stored;
  readonly #sql: Statements;
  readonly #now: () => number;
  /** Logs of rooms that are open or were lately, the longest unused first. */
  readonly #logs = new Map<string, Log>();
  readonly #open = new Set<string>();
  readonly #janitor: ReturnType<typeof setInterval>;
  #listener: BrokerListener = { committed() {}, signalled() {} };
  /** The last room looked at for messages that are too old. */
  #agedUpTo = 0;

  /**
   * Opens the file, creating it if there is none.
   *
   * @throws {BrokerError} if it is not ours, damaged, of another version, in use, or not writable.
   */
  constructor(options: SqliteOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#stored = openDatabase(options.path);
    this.secret = this.#stored.secret;
    this.place = options.path === ":memory:" ? "memory" : options.path;
    this.#sql = prepare(this.#stored.database);
    this.#janitor = setInterval(() => this.pruneByAge(), PRUNE_EVERY_MS);
    Deno.unrefTimer(Number(this.#janitor));
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  open(room: string): Promise<LogState> {
    this.#open.add(room);
    return this.state(room);
  }

  // deno-lint-ignore require-await -- asynchronous for brokers that have to ask
  async state(room: string): Promise<LogState> {
    return { epoch: this.#stored.epoch, head: this.#log(room).head };
  }

  close(room: string): void {
    this.#open.delete(room);
  }

  // deno-lint-ignore require-await -- as above
  async publish<D extends Draft>(batch: readonly D[]): Promise<readonly Receipt<D>[]> {
    this.#stored.mustStillBeThere();
    const at = this.#now();
    const additions = new Map<string, Addition>();
    const receipts: Receipt<D>[] = [];
    try {
      for (const draft of batch) this.#add(draft, at, additions, receipts);
      if (additions.size > 0) this.#commit(additions.values(), at);
    } catch (thrown) {
      for (const addition of additions.values()) forget(addition);
      throw thrown;
    }
    for (const { log, first, events, frame } of additions.values()) {
      log.head += events.length;
      this.#listener.committed(log.name, { first, last: log.head, frame });
    }
    return receipts;
  }

  // deno-lint-ignore require-await -- as above
  async read(room: string, range: Range): Promise<Page | undefined> {
    return this.#read(this.#log(room), range);
  }

  signal(room: string, signal: Signal): void {
    if (this.#open.has(room)) this.#listener.signalled(room, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#janitor);
    await Promise.resolve();
    this.#stored.database.close();
  }

  /** One small step through the rooms, removing what is older than is kept. */
  pruneByAge(): void {
    if (this.#options.retainDays === 0) return;
    const before = this.#now() - this.#options.retainDays * 86_400_000;
    try {
      const rooms = this.#sql.agedRooms.all(this.#agedUpTo, PRUNE_ROOMS);
      for (const row of rooms) this.#pruneRoomByAge(String(row.name), Number(row.id), before);
      this.#agedUpTo = rooms.length < PRUNE_ROOMS ? 0 : Number(rooms.at(-1)?.id);
    } catch {
      // The disk is full or away: what is too old is removed at a later step.
    }
  }

  #pruneRoomByAge(name: string, id: number, before: number): void {
    const oldest = this.#sql.oldest.get(id);
    if (oldest === undefined || Number(oldest.at) >= before) return;
    const { head } = this.#log(name);
    this.#transaction(() => {
      // The head outlives the messages: a room that was emptied goes on counting.
      this.#sql.keepHead.run(head, id);
      this.#sql.pruneByAge.run(id, id, before, PRUNE_ROWS);
    });
    this.#log(name).floor = this.#floorOf(id, head);
  }

  /** Numbers a draft, or finds the message that it repeats. */
  #add<D extends Draft>(
    draft: D,
    at: number,
    additions: Map<string, Addition>,
    receipts: Receipt<D>[],
  ): void {
    let addition = additions.get(draft.room);
    // In a batch of very many rooms the log of one may have been forgotten since its last draft.
    const log = addition?.log ?? this.#log(draft.room);
    if (draft.ref !== undefined) {
      const seq = this.#refsOf(log).get(draft.userId, draft.ref);
      const event = seq === undefined ? undefined : this.#eventAt(log, seq, addition);
      if (seq !== undefined && event !== undefined) {
        receipts.push({ draft, seq, event, repeated: true });
        return;
      }
    }
    if (addition === undefined) {
      const events: string[] = [];
      addition = { log, first: log.head + 1, events, frame: Frame.fromEvents(events), refs: [] };
      additions.set(draft.room, addition);
    }
    const seq = addition.first + addition.events.length;
    const event = numbered(draft, seq, at);
    addition.events.push(event);
    if (draft.receipt) receipts.push({ draft, seq, event, repeated: false });
    if (draft.ref === undefined) return;
    addition.refs.push({ userId: draft.userId, ref: draft.ref });
    this.#refsOf(log).add(draft.userId, draft.ref, seq);
  }

  #commit(additions: Iterable<Addition>, at: number): void {
    this.#transaction(() => {
      for (const { log, first, frame } of additions) {
        if (log.id === 0) log.id = Number(this.#sql.addRoom.run(log.name).lastInsertRowid);
        let seq = first;
        for (const row of rowsOf(frame)) {
          this.#sql.addRow.run(log.id, seq, row.events.length, at, row.array);
          seq += row.events.length;
        }
        this.#pruneByCount(log, seq - 1);
      }
    });
  }

  /** Removes a little of what is too much, in the transaction that made it too much. */
  #pruneByCount(log: Log, head: number): void {
    const keep = this.#options.retainMessages;
    if (keep === 0 || head - log.floor < keep * 1.1) return;
    this.#sql.pruneByCount.run(log.id, log.id, head - keep + 1, PRUNE_ROWS);
    log.floor = this.#floorOf(log.id, head);
  }

  #transaction(work: () => void): void {
    const { database } = this.#stored;
    database.exec("BEGIN IMMEDIATE");
    try {
      work();
      database.exec("COMMIT");
    } catch (thrown) {
      // A full disk has rolled back by itself; a second ROLLBACK would hide why.
      if (database.isTransaction) database.exec("ROLLBACK");
      throw thrown;
    }
  }

  #read(log: Log, range: Range): Page | undefined {
    if (log.id === 0 || range.limit < 1) return undefined;
    return range.after === undefined
      ? this.#readBefore(log, Math.min(range.before ?? Infinity, log.head + 1), range)
      : this.#readAfter(log, range.after, range);
  }

  #readAfter(log: Log, after: number, { limit, chars = Infinity }: Range): Page | undefined {
    const rows: Page[] = [];
    const start = Number(this.#sql.rowAt.get(log.id, after + 1)?.first ?? after + 1);
    let upTo = 0;
    let size = 0;
    for (const row of this.#sql.after.iterate(log.id, start)) {
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
    for (const row of this.#sql.before.iterate(log.id, before)) {
      const page = pageOf(row);
      if (rows.length === 0) after = Math.min(before - 1, page.last) - limit;
      rows.unshift(page);
      size += page.frame.size;
      if (page.first <= after + 1 || size >= chars) break;
    }
    const whole = concat(rows);
    return whole && cut(whole, after, before - 1);
  }

  #eventAt(log: Log, seq: number, addition: Addition | undefined): string | undefined {
    if (addition !== undefined && seq >= addition.first) {
      return addition.events[seq - addition.first];
    }
    return this.#read(log, { after: seq - 1, limit: 1 })?.frame.events[0];
  }

  #log(name: string): Log {
    let log = this.#logs.get(name);
    if (log !== undefined && this.#open.has(name)) return log;
    log ??= this.#load(name);
    this.#logs.delete(name);
    this.#logs.set(name, log);
    this.#forgetIdle();
    return log;
  }

  #forgetIdle(): void {
    if (this.#logs.size <= this.#open.size + IDLE_LOGS) return;
    for (const name of this.#logs.keys()) {
      if (this.#open.has(name)) continue;
      this.#logs.delete(name);
      return;
    }
  }

  #load(name: string): Log {
    const row = this.#sql.room.get(name);
    if (row === undefined) return { name, id: 0, head: 0, floor: 1, refs: undefined };
    const id = Number(row.id);
    const newest = this.#sql.before.get(id, Number.MAX_SAFE_INTEGER);
    const head = Math.max(Number(row.head), newest === undefined ? 0 : pageOf(newest).last);
    return { name, id, head, floor: this.#floorOf(id, head), refs: undefined };
  }

  #floorOf(id: number, head: number): number {
    const oldest = this.#sql.oldest.get(id);
    return oldest === undefined ? head + 1 : Number(oldest.first);
  }

  /** The window of a room's `ref`s, read back from its log when it is first needed. */
  #refsOf(log: Log): RefWindow {
    if (log.refs !== undefined) return log.refs;
    const refs = new RefWindow(this.#options.dedupeMessages);
    const page = this.#read(log, { limit: this.#options.dedupeMessages });
    page?.frame.events.forEach((event, index) => {
      const { from, ref }: Message = JSON.parse(event);
      if (ref !== undefined) refs.add(from.id, ref, page.first + index);
    });
    return log.refs = refs;
  }
}

function forget({ log, refs }: Addition): void {
  for (const { userId, ref } of refs) log.refs?.remove(userId, ref);
  // A room that was to be created by the failed batch was not.
  if (log.head === 0) log.id = 0;
}

/** A batch as rows: one, unless it is large. */
function* rowsOf(batch: Frame): Generator<Frame> {
  if (batch.size <= ROW_CHARS) return yield batch;
  let row: string[] = [];
  let chars = 0;
  for (const event of batch.events) {
    row.push(event);
    chars += event.length;
    if (chars < ROW_CHARS) continue;
    yield Frame.fromEvents(row);
    row = [];
    chars = 0;
  }
  if (row.length > 0) yield Frame.fromEvents(row);
}

type Row = Record<string, unknown>;

function pageOf(row: Row): Page {
  const first = Number(row.first);
  return {
    first,
    last: first + Number(row.count) - 1,
    frame: Frame.fromArray(String(row.events)),
  };
}

type Statements = ReturnType<typeof prepare>;

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  const oldestWhere = (condition: string) =>
    `DELETE FROM batches WHERE room = ? AND first IN
     (SELECT first FROM batches WHERE room = ? AND ${condition} ORDER BY first LIMIT ?)`;
  return {
    room: sql("SELECT id, head FROM rooms WHERE name = ?"),
    addRoom: sql("INSERT INTO rooms (name) VALUES (?)"),
    keepHead: sql("UPDATE rooms SET head = ? WHERE id = ?"),
    addRow: sql("INSERT INTO batches (room, first, count, at, events) VALUES (?, ?, ?, ?, ?)"),
    rowAt: sql(
      "SELECT first FROM batches WHERE room = ? AND first <= ? ORDER BY first DESC LIMIT 1",
    ),
    after: sql(
      "SELECT first, count, events FROM batches WHERE room = ? AND first >= ? ORDER BY first",
    ),
    before: sql(
      "SELECT first, count, events FROM batches WHERE room = ? AND first < ? ORDER BY first DESC",
    ),
    oldest: sql("SELECT first, at FROM batches WHERE room = ? ORDER BY first LIMIT 1"),
    pruneByCount: sql(oldestWhere("first + count <= ?")),
    pruneByAge: sql(oldestWhere("at < ?")),
    agedRooms: sql("SELECT id, name FROM rooms WHERE id > ? ORDER BY id LIMIT ?"),
  };
}
