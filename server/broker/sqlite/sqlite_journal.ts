/**
 * The journal of the SQLite file: its rows in the order of their ids, and the place of the reader, which
 * is stored beside them.
 *
 * @module
 */
import { gapText } from "../../protocol/encode.ts";
import type { Excerpt, Journal, Place } from "../journal.ts";
import { Batch } from "../page.ts";
import type { Statements } from "./statements.ts";
import type { WatchedFiles } from "./watched_files.ts";

/** An excerpt ends before the row with which it would have more characters. A row may have as many. */
const MAX_CHARS = 65_536;

/** Where the log ends now: the highest id that a row ever had. */
export interface LogEnd {
  readonly lastRowId: number;
}

export class SqliteJournal implements Journal {
  readonly #sql: Statements;
  readonly #files: WatchedFiles | undefined;
  readonly #end: LogEnd;
  #committed: (() => void) | undefined;
  /** Undefined until it is needed: most servers have no reader. */
  #place: Place | undefined;

  constructor(sql: Statements, files: WatchedFiles | undefined, end: LogEnd) {
    this.#sql = sql;
    this.#files = files;
    this.#end = end;
  }

  listen(committed: () => void): void {
    this.#committed = committed;
  }

  /** Tells the reader that there are new rows. */
  wake(): void {
    this.#committed?.();
  }

  // deno-lint-ignore require-await -- asynchronous because a broker may keep its store elsewhere
  async read(upTo?: Place): Promise<Excerpt | undefined> {
    let place = this.#place ??= this.#storedPlace();
    const records: string[] = [];
    let [chars, gaps, hasMore] = [0, 0, false];
    for (const row of this.#sql.rowsAfter.iterate(place.row, upTo?.row ?? this.#end.lastRowId)) {
      const [id, at, events] = [Number(row.id), Number(row.at), String(row.events)];
      chars += events.length;
      hasMore = chars > MAX_CHARS && records.length > 0;
      if (hasMore) break;
      // Ids are given without holes, so a hole is where rows were pruned.
      if (id > place.row + 1) {
        records.push(gapText(place.at, at));
        gaps++;
      }
      records.push(Batch.fromArray(events).list);
      place = { row: id, at };
    }
    if (records.length === 0) return undefined;
    return { upTo: place, records, gaps, hasMore };
  }

  // deno-lint-ignore require-await
  async take(upTo: Place): Promise<void> {
    this.#place = upTo;
    this.#files?.assertNotReplaced();
    this.#sql.transact(() => this.#sql.saveTaken.run(upTo.row, upTo.at));
  }

  #storedPlace(): Place {
    const row = this.#sql.taken.get();
    if (row !== undefined) return { row: Number(row.id), at: Number(row.at) };
    const place = { row: this.#end.lastRowId, at: Number(this.#sql.newestAt.get()?.at ?? 0) };
    this.#files?.assertNotReplaced();
    this.#sql.transact(() => this.#sql.addTaken.run(place.row, place.at));
    return place;
  }
}
