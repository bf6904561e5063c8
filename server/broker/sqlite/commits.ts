/**
 * `Commits` makes the commits of the database file: a batch of rows with what it revises, or changes of the
 * tables. Each is one transaction, durable when the call returns, or nothing has changed.
 *
 * @module
 */
import type { RevisedRow } from "./additions.ts";
import type { OpenDatabase } from "./database_file.ts";
import type { Log } from "./log_cache.ts";
import type { Pruning } from "./pruning.ts";
import type { RevisionTables } from "./revision_tables.ts";
import { type NewRow, rewrite } from "./rows.ts";
import type { StateTables } from "./state_tables.ts";
import { touch } from "./probe.ts";
import { isDiskFull, type Statements } from "./statements.ts";

/** What commits need of the store. */
export interface CommitsContext {
  readonly pruning: Pruning;
  readonly revisions: RevisionTables;
  readonly tables: StateTables;
  /** Called after each commit. */
  committed(): void;
}

/** Stored in a row without `ref`s. NULL marks rows from before there were hashes. */
const NO_REFS = new Uint8Array(1);

export class Commits {
  readonly #database: OpenDatabase;
  readonly #sql: Statements;
  readonly #context: CommitsContext;
  /** The highest id that a row ever had. Ids have no holes, and none is used twice. */
  #lastRowId: number;

  constructor(database: OpenDatabase, sql: Statements, context: CommitsContext) {
    this.#database = database;
    this.#sql = sql;
    this.#context = context;
    this.#lastRowId = database.lastRowId;
  }

  get lastRowId(): number {
    return this.#lastRowId;
  }

  /** Counts rows that were stored by other means. @param lastRowId the highest id that a row has. */
  imported(lastRowId: number): void {
    this.#lastRowId = Math.max(this.#lastRowId, lastRowId);
  }

  /** Appends rows and stores what was revised. @param at milliseconds since 1970. */
  append(rows: readonly NewRow[], at: number, revised: readonly RevisedRow[]): void {
    this.#commit(() => this.#append(rows, at, revised));
  }

  /** Runs changes of the tables. */
  changeTables(change: () => void): void {
    this.#commit(() => {
      try {
        this.#sql.transact(change);
      } catch (thrown) {
        this.#context.tables.measure();
        throw thrown;
      }
    });
  }

  /** Writes and changes nothing. @throws what a commit would throw now. */
  probe(): void {
    this.#transact(() => touch(this.#sql));
  }

  /** Runs a transaction, and tells of it. */
  #commit(transaction: () => void): void {
    this.#transact(transaction);
    this.#context.committed();
  }

  /** Runs a transaction. If the disk is full, space is freed and it is run once more. */
  #transact(transaction: () => void): void {
    this.#database.files?.assertNotReplaced();
    try {
      transaction();
    } catch (thrown) {
      if (!isDiskFull(thrown) || !this.#database.files?.emptyLog()) throw thrown;
      transaction();
    }
  }

  #append(rows: readonly NewRow[], at: number, revised: readonly RevisedRow[]): void {
    const { pruning, revisions } = this.#context;
    const before = new Map<Log, Log>();
    for (const { log } of revised) before.set(log, { ...log });
    const lastRowId = this.#lastRowId;
    try {
      this.#sql.transact(() => {
        for (const { log, page, refs } of rows) {
          if (!before.has(log)) before.set(log, { ...log });
          if (log.id === 0) {
            log.id = Number(this.#sql.addRoom.run(log.room, log.era).lastInsertRowid);
          }
          const { first, last, batch: { array } } = page;
          const id = ++this.#lastRowId;
          this.#sql.addRow.run(log.id, first, id, last - first + 1, at, refs ?? NO_REFS, array);
          log.head = last;
          log.size += array.length;
        }
        if (revised.length > 0) this.#revise(revised);
        for (const log of before.keys()) pruning.byCount(log);
      });
    } catch (thrown) {
      for (const [log, old] of before) Object.assign(log, old);
      this.#lastRowId = lastRowId;
      if (revised.length > 0) revisions.measure();
      throw thrown;
    }
  }

  #revise(revised: readonly RevisedRow[]): void {
    const stored = revised.filter(({ isNew }) => !isNew);
    for (const [log, messages] of Map.groupBy(stored, ({ log }) => log)) {
      log.size += rewrite(this.#sql, log, messages);
    }
    this.#context.revisions.add(revised, this.#lastRowId);
  }
}
