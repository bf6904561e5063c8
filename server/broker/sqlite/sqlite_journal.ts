/**
 * The journal of the SQLite file: its rows in the order of their ids, the revisions between them, and the
 * place of the reader, which is stored beside them.
 *
 * @module
 */
import { gapText, revisedText } from "../../protocol/encode.ts";
import type { Excerpt, Journal, Place } from "../journal.ts";
import { Batch } from "../page.ts";
import type { RevisionRecord, RevisionTables } from "./revision_tables.ts";
import type { Statements } from "./statements.ts";
import type { WatchedFiles } from "./watched_files.ts";

/** An excerpt ends before the row with which it would have more characters. A row may have as many. */
const MAX_CHARS = 65_536;

/** What the journal needs of its store. */
export interface JournalStore {
  /** The highest id that a row ever had. */
  readonly lastRowId: number;
  readonly revisions: RevisionTables;
  /** Reads one message. */
  event(room: string, seq: number): string | undefined;
}

/** A row of messages, or a revision. */
interface Entry {
  readonly text: string;
  /** The place after it. */
  readonly next: Place;
  readonly isMessages: boolean;
}

export class SqliteJournal implements Journal {
  readonly #sql: Statements;
  readonly #files: WatchedFiles | undefined;
  readonly #store: JournalStore;
  #committed: (() => void) | undefined;
  /** Undefined until it is needed: most servers have no reader. */
  #place: Place | undefined;

  constructor(sql: Statements, files: WatchedFiles | undefined, store: JournalStore) {
    this.#sql = sql;
    this.#files = files;
    this.#store = store;
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
    for (const { text, next, isMessages } of this.#entries(place, upTo ?? this.#end())) {
      chars += text.length;
      hasMore = chars > MAX_CHARS && records.length > 0;
      if (hasMore) break;
      // Ids of rows are given without holes, so a hole is where rows were pruned.
      if (isMessages && next.row > place.row + 1) {
        records.push(gapText(place.at, next.at));
        gaps++;
      }
      records.push(text);
      place = next;
    }
    if (records.length === 0) return undefined;
    return { upTo: place, records, gaps, hasMore };
  }

  waitingSince(): number | undefined {
    const row = this.#place && this.#sql.oldestAfter.get(this.#place.row);
    return row && Number(row.at);
  }

  // deno-lint-ignore require-await
  async take(upTo: Place): Promise<void> {
    this.#place = upTo;
    this.#files?.assertNotReplaced();
    this.#sql.transact(() => this.#sql.saveTaken.run(upTo.row, upTo.at, upTo.revision));
  }

  /**
   * Reads the rows and the revisions between two places, in the order in which they were committed. Of a
   * message that was revised several times only the last revision is there.
   */
  *#entries(from: Place, upTo: Omit<Place, "at">): Generator<Entry> {
    let place = from;
    const revisions = this.#store.revisions.inOrder(from.revision, upTo.revision);
    let revision = revisions.next();
    const revisedUpTo = function* (this: SqliteJournal, row: number): Generator<Entry> {
      for (; !revision.done && revision.value.row <= row; revision = revisions.next()) {
        place = { ...place, revision: revision.value.id };
        const text = this.#revisedText(revision.value);
        if (text !== undefined) yield { text, next: place, isMessages: false };
      }
    }.bind(this);
    for (const row of this.#sql.rowsAfter.iterate(from.row, upTo.row)) {
      yield* revisedUpTo(Number(row.id) - 1);
      place = { ...place, row: Number(row.id), at: Number(row.at) };
      const text = Batch.fromArray(String(row.events)).list;
      yield { text, next: place, isMessages: true };
    }
    yield* revisedUpTo(upTo.row);
  }

  #revisedText({ roomId, seq, rev }: RevisionRecord): string | undefined {
    const room = this.#sql.nameOf.get(roomId)?.name;
    const message = room === undefined ? undefined : this.#store.event(String(room), seq);
    return message === undefined ? undefined : revisedText(String(room), rev, message);
  }

  /** Where the log ends now. */
  #end(): Omit<Place, "at"> {
    return { row: this.#store.lastRowId, revision: this.#store.revisions.lastId };
  }

  #storedPlace(): Place {
    const row = this.#sql.taken.get();
    if (row !== undefined) {
      return { row: Number(row.id), at: Number(row.at), revision: Number(row.revision) };
    }
    const place = { ...this.#end(), at: Number(this.#sql.newestAt.get()?.at ?? 0) };
    this.#files?.assertNotReplaced();
    this.#sql.transact(() => this.#sql.addTaken.run(place.row, place.at, place.revision));
    return place;
  }
}
