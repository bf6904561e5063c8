/**
 * The store keeps the log as rows of a SQLite file: it reads and prunes them, and has them committed. It
 * knows nothing of numbering, `ref`s or members.
 *
 * @module
 */
import type { LogState, Range } from "../broker.ts";
import type { Page } from "../page.ts";
import type { StoreTrouble } from "../store_health.ts";
import { DatabaseBound } from "./database_bound.ts";
import { cutMark, startOfMark } from "./cut_mark.ts";
import { type OpenDatabase, openDatabase } from "./database_file.ts";
import { Erasing } from "./erasing.ts";
import { Commits } from "./commits.ts";
import { freeBytes, MIN_FREE_BYTES } from "./free_space.ts";
import { Forgetting } from "./forgetting.ts";
import { type Log, LogCache } from "./log_cache.ts";
import type { GatheredWrites } from "./gathered_writes.ts";
import { MarkTable } from "./mark_table.ts";
import { PROBE_CHARS, troubleOf } from "./probe.ts";
import { Pruning, type Retention } from "./pruning.ts";
import type { RevisedRow } from "./additions.ts";
import { RevisionTables } from "./revision_tables.ts";
import { type NewRow, readEvent, readPage, readRefs, type StoredRefs } from "./rows.ts";
import { SqliteJournal } from "./sqlite_journal.ts";
import { SqliteArchive } from "./sqlite_archive.ts";
import { SqliteBackups } from "./sqlite_backups.ts";
import { StateTables } from "./state_tables.ts";
import { prepare, type Statements } from "./statements.ts";

export interface StoreOptions extends Retention {
  /** Path of the file, or `:memory:`. */
  readonly path: string;
  /**
   * Megabytes of the file that may be in use; 0 for no bound.
   *
   * @default {0}
   */
  readonly maxDatabaseMb?: number;
}

export class SqliteStore {
  readonly secret: Uint8Array;
  readonly journal: SqliteJournal;
  /** What is kept besides messages. Change it within {@linkcode SqliteStore.changeTables}. */
  readonly tables: StateTables;
  readonly revisions: RevisionTables;
  readonly erasing: Erasing;
  readonly archive: SqliteArchive;
  /** Undefined in memory. */
  readonly backups: SqliteBackups | undefined;
  readonly #database: OpenDatabase;
  readonly #sql: Statements;
  readonly #logs: LogCache;
  readonly #pruning: Pruning;
  readonly #bound: DatabaseBound;
  readonly #commits: Commits;
  readonly #forgetting: Forgetting;
  /** The highest id of a row when `prune` was last called. */
  #prunedAt = 0;

  /**
   * @param open the rooms that have members. They lose messages last.
   * @throws {BrokerError} if the file cannot be used.
   */
  constructor(options: StoreOptions, open: ReadonlySet<string>) {
    const database = openDatabase(options.path);
    const sql = prepare(database.database);
    this.#database = database;
    this.#sql = sql;
    this.#logs = new LogCache(sql, open);
    this.revisions = new RevisionTables(
      database.database,
      database.mark,
      (log, seq) => readEvent(sql, log, seq),
    );
    this.#pruning = new Pruning(options, database, sql, this.#logs, this.revisions, open);
    this.erasing = new Erasing(database.database, sql, this.#logs, this.#pruning);
    const { files } = database;
    this.backups = files && new SqliteBackups(database, files);
    const maxBytes = (options.maxDatabaseMb ?? 0) * 1_048_576;
    this.#bound = new DatabaseBound(database, sql, this.#pruning, maxBytes);
    this.#forgetting = new Forgetting(this.#bound, files, database.wasCutOff);
    this.secret = database.secret;
    this.tables = new StateTables(database.database, open);
    const parts = { pruning: this.#pruning, revisions: this.revisions, tables: this.tables };
    this.#commits = new Commits(database, sql, { ...parts, committed: () => this.journal.wake() });
    const written = (lastRowId: number) => {
      this.#commits.imported(lastRowId);
      this.revisions.measure();
    };
    this.archive = new SqliteArchive(database.database, sql, this.#logs, this.tables, written);
    this.journal = new SqliteJournal(sql, database.files, this);
  }

  /** The highest id that a row ever had. */
  get lastRowId(): number {
    return this.#commits.lastRowId;
  }

  /** When the newest message was stored, if there is one. */
  get newestAt(): number | undefined {
    const row = this.#sql.newestAt.get();
    return row && Number(row.at);
  }

  /** A room's log. Do not keep it longer than the present turn: it may be dropped from the cache. */
  log(room: string): Log {
    return this.#logs.get(room);
  }

  state(room: string): LogState {
    const { head, rev, era, cut } = this.#logs.get(room);
    const { epoch, mark } = this.#database;
    return { epoch: era === 0 ? epoch : `${epoch} ${era}`, head, rev, mark: cutMark(mark, cut) };
  }

  /**
   * Tells whether all messages up to `seq` and all revisions up to `rev` were stored before the start
   * that came after the one of that mark. If a backup was put back in between, a later start has stored
   * others in their place.
   */
  canResume(room: string, mark: string, seq: number, rev: number): boolean {
    const log = this.#logs.get(room);
    const { id, floor, cut } = log;
    if (mark === cutMark(this.#database.mark, cut)) return true;
    const start = this.#sql.startOf.get(startOfMark(mark, cut) ?? null);
    if (start === undefined) return false;
    const next = this.#sql.startAfter.get(Number(start.id));
    if (!this.revisions.wasBefore(log, rev, Number(next?.id))) return false;
    if (seq === 0) return true;
    const lastRowId = Number(next?.batches);
    // If the message itself was pruned, the oldest one decides: it was stored later.
    const row = this.#sql.rowAt.get(id, Math.max(seq, floor));
    return row !== undefined && Number(row.first) + Number(row.count) > seq &&
      Number(row.id) <= lastRowId;
  }

  /**
   * Appends rows and stores what was revised in one transaction, durable when this returns. If it throws,
   * nothing has changed.
   *
   * @param at milliseconds since 1970.
   */
  append(rows: readonly NewRow[], at: number, revised: readonly RevisedRow[] = []): void {
    this.#commits.append(rows, at, revised);
    if (revised.some(({ hasLostText }) => hasLostText)) this.loseText();
  }

  /** Has text that was removed or replaced overwritten wherever it may still be, by `prune` or `close`. */
  loseText(): void {
    this.#forgetting.noteRemoval();
  }

  /** Runs changes of `tables` in one transaction, durable when this returns. */
  changeTables(change: () => void): void {
    this.#commits.changeTables(change);
  }

  /** Returns the read marks. @param writes how they are changed: by `changeTables`. */
  markTable(writes: GatheredWrites): MarkTable {
    return new MarkTable(this.#database.database, writes);
  }

  /** Reads a part of a room's log; `undefined` where there is nothing. */
  read(room: string, range: Range): Page | undefined {
    return readPage(this.#sql, this.#logs.get(room), range);
  }

  /** Reads one message; `undefined` if it is not stored, or not any more. */
  event(room: string, seq: number): string | undefined {
    return readEvent(this.#sql, this.#logs.get(room), seq);
  }

  /** Reads the `ref`s of some rows from a `seq` on; none at the end of the log. */
  refs(room: string, from: number): readonly StoredRefs[] {
    return readRefs(this.#sql, this.#logs.get(room), from);
  }

  /**
   * Prunes other messages, if needed, so that this many characters can be stored.
   *
   * @throws {FullError} if there is no room for them.
   */
  makeRoom(chars: number): void {
    this.#bound.makeRoom(chars);
  }

  /** Removes some old messages and empty rooms, gives freed space back, and forgets what was deleted. */
  prune(now: number): void {
    this.#database.files?.assertNotReplaced();
    if (this.erasing.removeErased()) this.loseText();
    this.#pruning.byAge(now);
    this.tables.prune(now);
    const isQuiet = this.#prunedAt === this.lastRowId;
    this.#prunedAt = this.lastRowId;
    // While a backup is made, the write-ahead log is emptied only if that cannot wait.
    if (this.backups?.isCopying) this.#bound.shrink();
    else this.#forgetting.step(isQuiet);
  }

  /**
   * Overwrites some of what was erased wherever it may still be.
   *
   * @returns whether there is more to do.
   * @throws {BrokerError} if the write-ahead log cannot be emptied now.
   */
  forgetErased(): boolean {
    this.#database.files?.assertNotReplaced();
    return this.#forgetting.hurry();
  }

  /** Lets a room lose messages sooner: it has no members any more. */
  roomClosed(room: string): void {
    this.#bound.roomClosed(this.#logs.get(room));
  }

  /** @throws {BrokerError} if writes would be lost, or nothing can be written. */
  check(): void {
    this.#database.files?.assertNotReplaced();
    this.#sql.transact(() => {});
  }

  /** Finds out whether messages could be stored now. */
  async probe(): Promise<StoreTrouble | undefined> {
    const trouble = troubleOf(() => {
      this.makeRoom(PROBE_CHARS);
      this.commitNothing();
    });
    const { files } = this.#database;
    const free = trouble === undefined && files ? await freeBytes(files.path) : undefined;
    return free !== undefined && free < MIN_FREE_BYTES ? "disk_full" : trouble;
  }

  /** Makes a commit that changes nothing, and makes no room for it. @throws what a commit would throw. */
  commitNothing(): void {
    this.#commits.probe();
  }

  /** The bytes of the file that are in use. */
  get usedBytes(): number {
    return this.#bound.measure();
  }

  /** Closes the file. SQLite empties the write-ahead log. */
  close(): void {
    this.#forgetting.finish();
    this.#database.close();
  }
}
