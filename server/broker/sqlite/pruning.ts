/**
 * Pruning removes messages from the log: by count, by age, and from rooms that the database's bound
 * chooses. It works in small steps, from a room's oldest message on, and leaves no holes.
 *
 * @module
 */
import type { OpenDatabase } from "./database_file.ts";
import type { Log, LogCache } from "./log_cache.ts";
import type { RevisionTables } from "./revision_tables.ts";
import { isDiskFull, type Statements } from "./statements.ts";

/** Which messages are kept. */
export interface Retention {
  /** Messages kept in each room; 0 keeps all. */
  readonly retainMessages: number;
  /** Days that a message is kept; 0 keeps it for ever. */
  readonly retainDays: number;
  /** The same for one room; `undefined` if it is `retainDays`. */
  readonly retainDaysOf?: (room: string) => number | undefined;
}

/** Rows that one step by count or age removes at most. It takes a few hundred microseconds. */
const MAX_ROWS = 64;
/** Rooms that one step by age checks. */
const ROOMS_PER_STEP = 100;
/** A room's size is saved when it has changed by more characters than this. */
const SAVE_CHARS = 1_048_576;

export class Pruning {
  readonly #retention: Retention;
  readonly #database: OpenDatabase;
  readonly #sql: Statements;
  readonly #logs: LogCache;
  readonly #revisions: RevisionTables;
  readonly #open: ReadonlySet<string>;
  /** The id of the last room that was checked for old messages. */
  #checkedUpTo = 0;

  /** @param open the rooms that have members. They lose messages last, and keep their rows. */
  constructor(
    retention: Retention,
    database: OpenDatabase,
    sql: Statements,
    logs: LogCache,
    revisions: RevisionTables,
    open: ReadonlySet<string>,
  ) {
    this.#retention = retention;
    this.#database = database;
    this.#sql = sql;
    this.#logs = logs;
    this.#revisions = revisions;
    this.#open = open;
  }

  /** Checks the next rooms: removes old messages, and the rows of empty rooms without members. */
  byAge(now: number): void {
    const rooms = this.#sql.rooms.all(this.#checkedUpTo, ROOMS_PER_STEP);
    this.#checkedUpTo = rooms.length < ROOMS_PER_STEP ? 0 : Number(rooms.at(-1)?.id);
    for (const { id, name } of rooms) {
      const room = String(name);
      const before = this.#keptSince(room, now);
      const oldest = this.#sql.oldest.get(Number(id));
      const isKept = oldest === undefined ? this.#open.has(room) : Number(oldest.at) >= before;
      if (isKept) continue;
      const log = this.#logs.get(room);
      this.transaction(() => {
        if (oldest !== undefined) {
          // An open room keeps counting after its last message is gone, so its head is saved.
          this.#sql.saveHead.run(log.id, log.head);
          this.#database.prune(() => this.#sql.pruneByAge.run(log.id, MAX_ROWS, before));
        }
        this.#pruned(log);
      });
    }
    this.#saveSizes();
  }

  /** Removes some of the oldest messages, if the log has too many. The caller's transaction adds new ones. */
  byCount(log: Log): void {
    const max = this.#retention.retainMessages;
    if (max === 0 || log.head - log.floor < max * 1.1) return;
    this.#database.prune(() => this.#sql.pruneByCount.run(log.id, log.head - max + 1, MAX_ROWS));
    this.#pruned(log);
  }

  /**
   * Removes a room's oldest rows, within the caller's transaction. An open room keeps its newest row.
   *
   * @param isErased whether the texts have to be overwritten.
   * @returns how many rows and bytes were removed.
   */
  oldestOf(
    id: number,
    maxRows: number,
    maxBytes: number,
    isErased = false,
  ): { rows: number; bytes: number } {
    const name = this.#sql.nameOf.get(id)?.name;
    if (name === undefined) return { rows: 0, bytes: 0 };
    const log = this.#logs.get(String(name));
    const isOpen = this.#open.has(log.room);
    let [rows, bytes, upTo] = [0, 0, 0];
    for (const row of this.#sql.sizes.iterate(id, maxRows)) {
      const last = Number(row.first) + Number(row.count) - 1;
      if (bytes >= maxBytes || (isOpen && last >= log.head)) break;
      upTo = last;
      rows++;
      bytes += Number(row.size);
    }
    const remove = () => this.#sql.pruneUpTo.run(id, upTo);
    if (rows > 0 && isErased) remove();
    else if (rows > 0) this.#database.prune(remove);
    bytes += this.#pruned(log);
    return { rows, bytes };
  }

  /** Returns the ids of the rooms that have members. */
  openIds(): ReadonlySet<number> {
    return new Set([...this.#open].map((room) => this.#logs.get(room).id));
  }

  /** Returns the id of the largest open room that has more than its newest row. */
  largestOpen(): number | undefined {
    let largest: Log | undefined;
    for (const room of this.#open) {
      const log = this.#logs.get(room);
      if (log.floor >= log.head || log.size <= (largest?.size ?? 0)) continue;
      if (Number(this.#sql.newest.get(log.id)?.first) > log.floor) largest = log;
    }
    return largest?.id;
  }

  /**
   * Runs `work` in one transaction. If it fails, all logs are read again. It may remove the newest row,
   * so that row's id is saved before: an id that was used twice would hide a gap from a webhook.
   */
  transaction(work: () => void): void {
    try {
      this.#sql.transact(() => {
        this.#sql.saveLastRow.run();
        work();
      });
    } catch (thrown) {
      // Pruning comes before the commit, which would otherwise never get to empty the write-ahead log.
      if (isDiskFull(thrown)) this.#database.files?.emptyLog();
      this.#logs.clear();
      throw thrown;
    }
  }

  /** Returns the time before which a room's messages are too old. */
  #keptSince(room: string, now: number): number {
    const { retainDays, retainDaysOf } = this.#retention;
    const days = retainDaysOf?.(room) ?? retainDays;
    return days === 0 ? -Infinity : now - days * 86_400_000;
  }

  /**
   * Updates a log after rows were removed. The row of an empty room without members goes too. A room
   * of that name then starts again at 1, in a new era: no cursor from before fits it.
   *
   * @returns about how many characters the reactions to the messages had.
   */
  #pruned(log: Log): number {
    const before = log.head - log.floor + 1;
    log.floor = this.#logs.floorOf(log.id, log.head);
    if (before > 0) log.size *= (log.head - log.floor + 1) / before;
    const chars = this.#revisions.prune(log, log.floor);
    if (log.floor <= log.head || this.#open.has(log.room)) return chars;
    this.#revisions.removeRoom(log);
    this.#sql.removeRoom.run(log.id);
    this.#sql.newEra.run();
    this.#logs.era++;
    this.#logs.remove(log.room);
    return chars;
  }

  /** Saves the sizes of rooms that have changed much, for the next start. */
  #saveSizes(): void {
    const changed = [...this.#logs.logs]
      .filter(({ size, savedSize }) => Math.abs(size - savedSize) > SAVE_CHARS)
      .slice(0, ROOMS_PER_STEP);
    if (changed.length === 0) return;
    this.#sql.transact(() => {
      for (const { size, id } of changed) this.#sql.saveSize.run(id, Math.round(size));
    });
    for (const log of changed) log.savedSize = log.size;
  }
}
