/**
 * The bound for the database: how much of the file is in use, and the pruning that makes room. The
 * oldest messages of rooms without members go first, then those of the largest rooms. Each step
 * takes a few milliseconds at most.
 *
 * @module
 */
import { FullError } from "../broker.ts";
import type { Stored } from "./database_file.ts";
import type { Statements } from "./statements.ts";

/** What a room lost. */
export interface Removed {
  readonly rows: number;
  readonly bytes: number;
}

/** What the pruning needs of the store. */
export interface Prunable {
  /** The numbers of the rooms that have members. */
  openIds(): ReadonlySet<number>;
  /** The room with members that holds the most text, and more than its newest row. */
  largestOpen(): number | undefined;
  /**
   * Removes the oldest rows of a room, at most so many and not much more than so much text.
   *
   * @returns how much was removed.
   */
  removeOldest(room: number, maxRows: number, maxBytes: number): Removed;
  /** Runs a step in one transaction. */
  transaction(step: () => void): void;
}

/** Pruning begins when less than this part of the bound is free. */
const MARGIN = 1 / 16;
/** What one step removes at most. */
const STEP_ROWS = 256;
const STEP_BYTES = 524_288;
/** A room costs a step as much as so many rows. */
const ROOM_ROWS = 4;
/** Rows of rooms with members that one step passes over. */
const STEP_PASSED = 1000;
/** How long one commit prunes before it gives up; the next goes on from there. */
const PATIENCE_MS = 15;
/** Free pages that are kept for what comes next; the others go back to the file system. */
const FREE_PAGES = 256;
/** Pages that one step gives back. */
const MAX_GIVEN_BACK = 512;

export class Space {
  readonly #stored: Stored;
  readonly #sql: Statements;
  readonly #bound: number;
  readonly #pageSize: number;
  readonly #givesBack: boolean;
  /** Bytes in use, by the last look and what was added since. */
  #used: number;
  /** Up to here, in the order of writing, there are rows of rooms with members only. */
  #passedUpTo = 0;

  /** @param bound bytes; 0 for none. */
  constructor(stored: Stored, sql: Statements, bound: number) {
    const pragma = (name: string) =>
      Number(stored.database.prepare(`PRAGMA ${name}`).get()?.[name]);
    this.#stored = stored;
    this.#sql = sql;
    this.#bound = bound;
    this.#pageSize = pragma("page_size");
    this.#givesBack = pragma("auto_vacuum") === 2;
    this.#used = this.#look();
  }

  /** The bytes that are in use. */
  #look(): number {
    const pages = Number(this.#sql.pageCount.get()?.page_count);
    return this.#used = (pages - this.#free()) * this.#pageSize;
  }

  #free(): number {
    return Number(this.#sql.freePages.get()?.freelist_count);
  }

  /** Whether that much more text may need pruning first. It is called before each commit. */
  isTight(chars: number): boolean {
    if (this.#bound === 0) return false;
    this.#used += 2 * chars + 512; // UTF-8, and the index
    return this.#used > this.#bound * (1 - MARGIN) && this.#look() > this.#bound * (1 - MARGIN);
  }

  /**
   * Prunes a little, and when the bound is reached, until there is room for so much text.
   *
   * @throws {FullError} if there is none.
   */
  makeRoom(rooms: Prunable, chars: number): void {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const isOver = this.#look() + chars > this.#bound;
      const goesOn = this.#step(rooms, isOver);
      if (this.#look() + chars <= this.#bound) return;
      if (goesOn && performance.now() < until) continue;
      throw new FullError(
        `The database has reached its bound of ${this.#bound / 1_048_576} MB ` +
          "(--max-database-mb). Send it again later.",
      );
    }
  }

  /** Gives free pages back to the file system, a few at a time. */
  giveBack(): void {
    const free = this.#givesBack ? this.#free() - FREE_PAGES : 0;
    if (free <= 0) return;
    const pages = Math.min(free, MAX_GIVEN_BACK);
    this.#stored.mustStillBeThere();
    // A row comes for each page, and `exec` would stop at the first.
    this.#stored.database.prepare(`PRAGMA incremental_vacuum(${pages})`).all();
    this.#stored.mayShrinkTo(Number(this.#sql.pageCount.get()?.page_count) * this.#pageSize);
  }

  /** From that row on there are rows of rooms without members again. */
  rewind(id: number): void {
    this.#passedUpTo = Math.min(this.#passedUpTo, id - 1);
  }

  /** @returns whether it is worth going on. */
  #step(rooms: Prunable, isOver: boolean): boolean {
    let removed = 0;
    let [left, bytes] = [STEP_ROWS, STEP_BYTES];
    const open = rooms.openIds();
    const passedUpTo = this.#passedUpTo;
    rooms.transaction(() => {
      while (left > 0 && bytes > 0) {
        let victim = this.#oldestUnder(open);
        if (victim === UNKNOWN) return;
        if (victim === undefined && isOver) victim = rooms.largestOpen();
        if (victim === undefined) return;
        const lost = rooms.removeOldest(victim, left, bytes);
        if (lost.rows === 0) return;
        removed += lost.rows;
        left -= lost.rows + ROOM_ROWS;
        bytes -= lost.bytes;
      }
    });
    return removed > 0 || this.#passedUpTo > passedUpTo;
  }

  /** The room of the oldest row that belongs to no room with members. */
  #oldestUnder(open: ReadonlySet<number>): number | undefined {
    let passed = 0;
    for (const row of this.#sql.inOrder.iterate(this.#passedUpTo)) {
      const room = Number(row.room);
      if (!open.has(room)) return room;
      this.#passedUpTo = Number(row.id);
      if (++passed >= STEP_PASSED) return UNKNOWN;
    }
    return undefined;
  }
}

/** Of a room: it takes more steps to find it. No room has that number. */
const UNKNOWN = 0;
