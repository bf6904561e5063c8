/**
 * The bound for the database's size, and the pruning that makes room below it. The oldest messages of
 * rooms without members go first, then those of the largest rooms. A step takes a few milliseconds.
 *
 * @module
 */
import { FullError } from "../broker.ts";
import type { OpenDatabase } from "./database_file.ts";
import type { Log } from "./log_cache.ts";
import type { Pruning } from "./pruning.ts";
import { pragma, type Statements } from "./statements.ts";
import { writeAnew } from "./write_anew.ts";

/** Pruning begins when less than this part of the bound is free. */
const MARGIN = 1 / 16;
/** What one step removes at most. */
const STEP_ROWS = 256;
const STEP_BYTES = 524_288;
/** Each room counts as this many rows of a step. */
const ROOM_ROWS = 4;
/** Rows of rooms with members that one step passes over. */
const STEP_PASSED = 1000;
/** A commit prunes for this long at most; the next one goes on from there. */
const MAX_PRUNING_MS = 15;
/** Free pages that are kept for new rows; the others go back to the file system. */
const FREE_PAGES = 256;
/** Pages that one step gives back. */
const MAX_PAGES_BACK = 512;

export class DatabaseBound {
  readonly #database: OpenDatabase;
  readonly #sql: Statements;
  readonly #pruning: Pruning;
  readonly #maxBytes: number;
  readonly #pageSize: number;
  /** Bytes in use: as last measured, and what was added since. */
  #used: number;
  /** All rows up to this id belong to rooms with members. */
  #passedUpTo = 0;

  /** @param maxBytes the bound; 0 for none. */
  constructor(database: OpenDatabase, sql: Statements, pruning: Pruning, maxBytes: number) {
    this.#database = database;
    this.#sql = sql;
    this.#pruning = pruning;
    this.#maxBytes = maxBytes;
    this.#pageSize = Number(pragma(database.database, "page_size"));
    this.#used = this.measure();
  }

  /**
   * Prunes a little when a commit comes near the bound, and at the bound until there is room.
   *
   * @param chars how many characters the commit will add.
   * @throws {FullError} if there is no room.
   */
  makeRoom(chars: number): void {
    if (!this.#isNear(chars)) return;
    this.#database.files?.assertNotReplaced();
    const until = performance.now() + MAX_PRUNING_MS;
    for (;;) {
      const isOver = this.measure() + chars > this.#maxBytes;
      const canGoOn = this.#step(isOver);
      if (this.measure() + chars <= this.#maxBytes) return;
      if (canGoOn && performance.now() < until) continue;
      throw new FullError(
        `The database has reached its bound of ${this.#maxBytes / 1_048_576} MB ` +
          "(--max-database-mb). Send it again later.",
      );
    }
  }

  /**
   * Gives some free pages back to the file system.
   *
   * @param kept how many may stay.
   * @returns whether no more than those are left.
   */
  shrink(kept = FREE_PAGES): boolean {
    const free = this.#database.isShrinkable ? this.#freePages() - kept : 0;
    if (free <= 0) return true;
    const pages = Math.min(free, MAX_PAGES_BACK);
    // It answers with a row for each page, and `exec` would stop at the first.
    this.#database.database.prepare(`PRAGMA incremental_vacuum(${pages})`).all();
    this.#database.files?.expectSize(this.#pageCount() * this.#pageSize);
    return pages === free;
  }

  /** Writes all rows anew. @returns false if there is more than that: 64 MB take about a second. */
  compact(maxBytes: number): boolean {
    if (this.#pageCount() * this.#pageSize > maxBytes) return false;
    writeAnew(this.#database.database);
    this.#database.files?.expectSize(this.#pageCount() * this.#pageSize);
    return true;
  }

  /** Makes a room's rows the next to be pruned: it has no members any more. */
  roomClosed({ id }: Log): void {
    const oldest = this.#sql.oldest.get(id);
    if (oldest !== undefined) this.#passedUpTo = Math.min(this.#passedUpTo, Number(oldest.id) - 1);
  }

  /** Whether a commit comes near the bound. It is called before each commit. */
  #isNear(chars: number): boolean {
    if (this.#maxBytes === 0) return false;
    this.#used += 2 * chars + 512; // UTF-8, and the index
    const near = this.#maxBytes * (1 - MARGIN);
    return this.#used > near && this.measure() > near;
  }

  /** Measures the bytes in use: it reads two numbers that SQLite keeps in memory. */
  measure(): number {
    return this.#used = (this.#pageCount() - this.#freePages()) * this.#pageSize;
  }

  #pageCount(): number {
    return Number(this.#sql.pageCount.get()?.page_count);
  }

  #freePages(): number {
    return Number(this.#sql.freePages.get()?.freelist_count);
  }

  /** Prunes a little. @returns whether another step could prune more. */
  #step(isOver: boolean): boolean {
    let removed = 0;
    let [rowsLeft, bytesLeft] = [STEP_ROWS, STEP_BYTES];
    const openIds = this.#pruning.openIds();
    const passedUpTo = this.#passedUpTo;
    this.#pruning.transaction(() => {
      while (rowsLeft > 0 && bytesLeft > 0) {
        let room = this.#roomOfOldest(openIds);
        if (room === UNKNOWN) return;
        if (room === undefined && isOver) room = this.#pruning.largestOpen();
        if (room === undefined) return;
        const { rows, bytes } = this.#pruning.oldestOf(room, rowsLeft, bytesLeft);
        if (rows === 0) return;
        removed += rows;
        rowsLeft -= rows + ROOM_ROWS;
        bytesLeft -= bytes;
      }
    });
    return removed > 0 || this.#passedUpTo > passedUpTo;
  }

  /** Finds the room of the oldest row that belongs to a room without members. */
  #roomOfOldest(openIds: ReadonlySet<number>): number | undefined {
    let passed = 0;
    for (const row of this.#sql.inOrder.iterate(this.#passedUpTo)) {
      const room = Number(row.room);
      if (!openIds.has(room)) return room;
      this.#passedUpTo = Number(row.id);
      if (++passed >= STEP_PASSED) return UNKNOWN;
    }
    return undefined;
  }
}

/** Stands for a room that takes more steps to find. No room has this id. */
const UNKNOWN = 0;
