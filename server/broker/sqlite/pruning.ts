/**
 * What the log loses, and when: by count, by age, and for the database's bound. All of it in small
 * steps, from a room's oldest message on and without holes.
 *
 * @module
 */
import type { Stored } from "./database_file.ts";
import type { Log, Logs } from "./known_logs.ts";
import { type Prunable, type Removed, Space } from "./space.ts";
import { isDiskFull, type Statements, transact } from "./statements.ts";

/** What is kept. */
export interface Retention {
  /** Messages kept in each room; 0 keeps all. */
  readonly retainMessages: number;
  /** Days that a message is kept; 0 is for ever. */
  readonly retainDays: number;
  /** Megabytes of the file that may be in use; 0 for no bound. @default {0} */
  readonly maxDatabaseMb?: number;
}

/** Rows that one step of pruning removes: a few hundred microseconds. */
const PRUNE_ROWS = 64;
/** Rooms that one step of pruning by age looks at. */
const PRUNE_ROOMS = 100;
/** A change of a room's size that is worth writing down. */
const RESIZED_CHARS = 1_048_576;

export class Pruning implements Prunable {
  readonly #options: Retention;
  readonly #stored: Stored;
  readonly #sql: Statements;
  readonly #logs: Logs;
  readonly #open: ReadonlySet<string>;
  readonly #space: Space;
  /** Rooms that were forgotten, for whoever asks next. */
  #forgotten: string[] = [];
  /** The last room looked at for messages that are too old. */
  #agedUpTo = 0;

  /** @param open the rooms that have members: they lose messages last, and are not forgotten. */
  constructor(
    options: Retention,
    stored: Stored,
    sql: Statements,
    logs: Logs,
    open: ReadonlySet<string>,
  ) {
    this.#options = options;
    this.#stored = stored;
    this.#sql = sql;
    this.#logs = logs;
    this.#open = open;
    this.#space = new Space(stored, sql, (options.maxDatabaseMb ?? 0) * 1_048_576);
  }

  /**
   * Makes room for that much text, if there is a bound for the database.
   *
   * @returns the rooms that were forgotten for it.
   * @throws {FullError} if there is none.
   */
  makeRoom(chars: number): readonly string[] {
    if (!this.#space.isTight(chars)) return this.#takeForgotten();
    this.#stored.mustStillBeThere();
    this.#space.makeRoom(this, chars);
    return this.#takeForgotten();
  }

  /**
   * One small step through the rooms: removes what is older than is kept, forgets rooms that are empty
   * and have no members, and gives space back.
   *
   * @returns the rooms that were forgotten.
   */
  prune(now: number): readonly string[] {
    this.#stored.mustStillBeThere();
    const days = this.#options.retainDays;
    const before = days === 0 ? -Infinity : now - days * 86_400_000;
    const rooms = this.#sql.rooms.all(this.#agedUpTo, PRUNE_ROOMS);
    this.#agedUpTo = rooms.length < PRUNE_ROOMS ? 0 : Number(rooms.at(-1)?.id);
    for (const { id, name } of rooms) {
      const oldest = this.#sql.oldest.get(id ?? null, id ?? null);
      const isKept = oldest === undefined
        ? this.#open.has(String(name))
        : Number(oldest.at) >= before;
      if (isKept) continue;
      const log = this.#logs.of(String(name));
      this.transaction(() => {
        if (oldest !== undefined) this.#pruneByAge(log, before);
        if (log.floor > log.head) this.#forget(log);
      });
    }
    this.#writeSizes();
    this.#space.giveBack();
    return this.#takeForgotten();
  }

  /** A room has no members any more: it loses messages sooner. */
  closed(room: string): void {
    const id = this.#logs.of(room).id;
    const oldest = id === 0 ? undefined : this.#sql.oldest.get(id, id);
    if (oldest !== undefined) this.#space.rewind(Number(oldest.id));
  }

  openIds(): ReadonlySet<number> {
    return new Set([...this.#open].map((room) => this.#logs.of(room).id));
  }

  /** Removes a little of what is too much, in the transaction that made it too much. */
  byCount(log: Log): void {
    const keep = this.#options.retainMessages;
    if (keep === 0 || log.head - log.floor < keep * 1.1) return;
    this.#sql.pruneByCount.run(log.id, log.id, log.head - keep + 1, PRUNE_ROWS);
    this.#pruned(log);
  }

  #pruneByAge(log: Log, before: number): void {
    // The head outlives the messages: a room that was emptied while it has members goes on counting.
    this.#sql.keepHead.run(log.head, log.id);
    this.#sql.pruneByAge.run(log.id, log.id, PRUNE_ROWS, before);
    this.#pruned(log);
  }

  /** Removes a room's oldest rows, but for the newest row of a room that has members. */
  removeOldest(room: number, maxRows: number, maxBytes: number): Removed {
    const name = this.#sql.nameOf.get(room)?.name;
    if (name === undefined) return { rows: 0, bytes: 0 };
    const log = this.#logs.of(String(name));
    const isOpen = this.#open.has(log.name);
    let [rows, bytes, upTo] = [0, 0, 0];
    for (const row of this.#sql.sizes.iterate(room, room, maxRows)) {
      const last = Number(row.first) + Number(row.count) - 1;
      if (bytes >= maxBytes || (isOpen && last >= log.head)) break;
      upTo = last;
      rows++;
      bytes += Number(row.size);
    }
    if (rows > 0) this.#sql.pruneUpTo.run(room, room, upTo);
    this.#pruned(log);
    if (log.floor > log.head) this.#forget(log);
    return { rows, bytes };
  }

  /** Which room with members holds the most, of those that have something to lose. */
  largestOpen(): number | undefined {
    let largest: Log | undefined;
    for (const name of this.#open) {
      const log = this.#logs.of(name);
      if (log.floor >= log.head || log.size <= (largest?.size ?? 0)) continue;
      const newest = this.#sql.newest.get(log.id, log.id);
      if (Number(newest?.first) > log.floor) largest = log;
    }
    return largest?.id;
  }

  /**
   * Removes the row of an empty room. Its numbers begin at 1 again when somebody speaks there, so the
   * log is then of another era, and no cursor from before fits it.
   */
  #forget(log: Log): void {
    if (this.#open.has(log.name)) return;
    this.#sql.removeRoom.run(log.id);
    this.#sql.newEra.run();
    this.#logs.era++;
    this.#logs.remove(log.name);
    this.#forgotten.push(log.name);
  }

  #takeForgotten(): readonly string[] {
    const forgotten = this.#forgotten;
    if (forgotten.length > 0) this.#forgotten = [];
    return forgotten;
  }

  /** Some of a log's oldest rows are gone. */
  #pruned(log: Log): void {
    const before = log.head - log.floor + 1;
    log.floor = this.#logs.floorOf(log.id, log.head);
    if (before > 0) log.size *= (log.head - log.floor + 1) / before;
  }

  /** Writes down what rooms hold, where it has changed much: it is known again after a restart. */
  #writeSizes(): void {
    const resized = [...this.#logs.known]
      .filter(({ size, written }) => Math.abs(size - written) > RESIZED_CHARS)
      .slice(0, PRUNE_ROOMS);
    if (resized.length === 0) return;
    transact(this.#stored.database, this.#sql, () => {
      for (const { size, id } of resized) this.#sql.keepSize.run(Math.round(size), id);
    });
    for (const log of resized) log.written = log.size;
  }

  /** Prunes in one transaction. If it fails, what was known of all logs is read again. */
  transaction(work: () => void): void {
    const forgotten = this.#forgotten.length;
    try {
      transact(this.#stored.database, this.#sql, work);
    } catch (thrown) {
      // Pruning comes before the commit, which would else never come to fold the log itself.
      if (isDiskFull(thrown)) this.#stored.foldLog();
      this.#logs.clear();
      this.#forgotten.length = forgotten;
      throw thrown;
    }
  }
}
