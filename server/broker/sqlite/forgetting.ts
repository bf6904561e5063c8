/**
 * `Forgetting` overwrites text that was edited, deleted or erased wherever SQLite may still have it. What
 * a commit removes is overwritten at once (`secure_delete`), but copies stay in the write-ahead log, in
 * pages that were free before, and in the unused space of pages, from which SQLite once moved a row.
 *
 * @module
 */
import { BrokerError } from "../broker_error.ts";
import type { DatabaseBound } from "./database_bound.ts";
import type { WatchedFiles } from "./watched_files.ts";

/** A file up to this size is written anew while others wait: it takes about a tenth of a second. */
const QUICK_BYTES = 8 << 20;
/** A file up to this size is written anew at the stop: it takes a few seconds. */
const MAX_BYTES = 128 << 20;

export class Forgetting {
  readonly #bound: DatabaseBound;
  readonly #files: WatchedFiles | undefined;
  /** Whether free pages or the write-ahead log may hold such text, also from before a crash. */
  #isInFreeSpace = true;
  /** Whether the unused space of pages may hold such text. */
  #isInPages: boolean;

  /** @param wasCutOff whether a process was killed that may have had some of this work left. */
  constructor(bound: DatabaseBound, files: WatchedFiles | undefined, wasCutOff: boolean) {
    this.#bound = bound;
    this.#files = files;
    this.#isInPages = wasCutOff;
  }

  /** Notes that a commit has removed or replaced such text. */
  noteRemoval(): void {
    this.#isInFreeSpace = this.#isInPages = true;
  }

  /**
   * Does a part of the work: gives free pages back, and then empties the write-ahead log.
   *
   * @param isQuiet whether nothing was stored for a while: the file may then be written anew.
   */
  step(isQuiet: boolean): void {
    if (this.#isInFreeSpace) this.#emptyFreeSpace();
    else this.#bound.shrink();
    if (isQuiet && this.#isInPages) this.#compact(QUICK_BYTES);
  }

  /**
   * Does all that does not take too long. Copies in the unused space of a large file's pages stay.
   *
   * @returns whether there is more to do.
   * @throws {BrokerError} if the write-ahead log cannot be emptied now.
   */
  hurry(): boolean {
    this.noteRemoval();
    if (!this.#bound.shrink(0)) return true;
    this.#compact(QUICK_BYTES);
    if (this.#isInPages) this.#emptyFreeSpace();
    if (!this.#isInFreeSpace || this.#files === undefined) return false;
    throw new BrokerError("What was erased is still in the write-ahead log. Repeat it later.");
  }

  /** Does all that is left, before the file is closed and SQLite empties the write-ahead log. */
  finish(): void {
    try {
      if (this.#isInPages) this.#compact(MAX_BYTES);
      while (this.#isInFreeSpace && !this.#bound.shrink(0));
    } catch {
      // The disk is full or the file is gone. The next start tries again.
    }
  }

  #emptyFreeSpace(): void {
    if (this.#bound.shrink(0)) this.#isInFreeSpace = this.#files?.emptyLog() === false;
  }

  /** Writes the file anew, unless it is too large. Then no unused space holds anything. */
  #compact(maxBytes: number): void {
    if (!this.#bound.compact(maxBytes)) return;
    this.#isInPages = false;
    this.#isInFreeSpace = this.#files?.emptyLog() === false;
  }
}
