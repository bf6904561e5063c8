/**
 * The log as rows of a SQLite file: appending and reading. It knows rooms and rows; numbering, `ref`s
 * and everything live are not its business.
 *
 * @module
 */
import type { LogState, Range } from "../broker.ts";
import type { Page } from "../page.ts";
import { openDatabase, type Stored } from "./database_file.ts";
import { type Log, Logs } from "./known_logs.ts";
import { readPage } from "./read_page.ts";
import { Pruning, type Retention } from "./pruning.ts";
import { isDiskFull, prepare, type Statements, transact } from "./statements.ts";

/** How to open a store. */
export interface StoreOptions extends Retention {
  /** Path of the file, or `:memory:`. */
  readonly path: string;
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

/** Rows whose `ref`s are read in one step: about a millisecond. */
const REF_ROWS = 256;
/** For a row without `ref`s: NULL is what rows have from before there were hashes. */
const NO_REFS = new Uint8Array(1);

export class SqliteStore {
  readonly secret: Uint8Array;
  readonly #stored: Stored;
  readonly #sql: Statements;
  readonly #logs: Logs;
  /** What removes messages, and makes room for new ones. */
  readonly pruning: Pruning;
  /** The highest id that a batch ever had: none is used again. */
  #lastId: number;

  /**
   * @param open the rooms that have members: they stay known, and lose messages last.
   * @throws {BrokerError} if the file cannot be used.
   */
  constructor(options: StoreOptions, open: ReadonlySet<string>) {
    this.#stored = openDatabase(options.path);
    this.#sql = prepare(this.#stored.database);
    this.#logs = new Logs(this.#sql, open);
    this.pruning = new Pruning(options, this.#stored, this.#sql, this.#logs, open);
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
    const { head, era } = this.#logs.of(room);
    const { epoch, mark } = this.#stored;
    return { epoch: era === 0 ? epoch : `${epoch} ${era}`, head, mark };
  }

  /** The newest `seq` of a room. */
  head(room: string): number {
    return this.#logs.of(room).head;
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
    const { id, floor } = this.#logs.of(room);
    // Where the message itself was pruned, the next one vouches for it: it was stored later.
    const row = this.#sql.rowAt.get(id, id, Math.max(seq, floor));
    return row !== undefined && Number(row.first) + Number(row.count) > seq &&
      Number(row.id) <= upTo;
  }

  /**
   * Appends pages in one transaction, durable when this returns.
   *
   * @param at milliseconds since 1970.
   */
  append(rows: readonly Row[], at: number): void {
    this.#stored.mustStillBeThere();
    try {
      this.#append(rows, at);
    } catch (thrown) {
      if (!isDiskFull(thrown) || !this.#stored.foldLog()) throw thrown;
      this.#append(rows, at);
    }
  }

  #append(rows: readonly Row[], at: number): void {
    const before = new Map<Log, Log>();
    try {
      transact(this.#stored.database, this.#sql, () => {
        for (const { room, page, refs } of rows) {
          const log = this.#logs.of(room);
          if (!before.has(log)) before.set(log, { ...log });
          if (log.id === 0) log.id = Number(this.#sql.addRoom.run(room, log.era).lastInsertRowid);
          const count = page.last - page.first + 1;
          const { array } = page.batch;
          const id = ++this.#lastId;
          this.#sql.addRow.run(id, log.id, page.first, count, at, refs ?? NO_REFS, array);
          log.head = page.last;
          log.size += array.length;
        }
        for (const log of before.keys()) this.pruning.byCount(log);
      });
    } catch (thrown) {
      for (const [log, old] of before) Object.assign(log, old);
      throw thrown;
    }
  }

  /** A stretch of a room's log; `undefined` where there is nothing. */
  read(room: string, range: Range): Page | undefined {
    return readPage(this.#sql, this.#logs.of(room), range);
  }

  /** The `ref`s of the next rows from that `seq` on; none at the end of the log. */
  refs(room: string, from: number): readonly StoredRefs[] {
    const { id, head } = this.#logs.of(room);
    if (from > head) return [];
    const start = Number(this.#sql.rowAt.get(id, id, from)?.first ?? from);
    return this.#sql.refs.all(id, start, id, REF_ROWS).map(({ first, count, refs }) => ({
      first: Number(first),
      last: Number(first) + Number(count) - 1,
      refs: refs instanceof Uint8Array ? refs : undefined,
    }));
  }

  /** @throws {BrokerError} if what is written would be lost, or nothing can be written. */
  check(): void {
    this.#stored.mustStillBeThere();
    transact(this.#stored.database, this.#sql, () => {});
  }

  close(): void {
    this.#stored.close();
  }
}
