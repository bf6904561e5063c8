/**
 * `LogCache` keeps the states of rooms' logs in memory, so that the file need not be read for them.
 *
 * @module
 */
import type { Statements } from "./statements.ts";

/** The state of one room's log. */
export interface Log {
  readonly room: string;
  /** The room's id in the file; 0 until its first message is stored. */
  id: number;
  /** The era of the file in which the room's log began. */
  readonly era: number;
  /** The era of the file in which messages were last erased from it; 0 if none ever were. */
  cut: number;
  /** The lowest `seq` that is stored, or `head + 1`. */
  floor: number;
  head: number;
  /** The newest `rev`; 0 if no message was revised yet. */
  rev: number;
  /** About how many characters are stored. */
  size: number;
  /** The size that was last saved in the file. */
  savedSize: number;
}

/** Logs that are kept. Beyond that, the least recently used is dropped. */
const MAX_LOGS = 16_384;
/** Open rooms that are skipped in search of a log to drop. */
const MAX_SKIPPED = 64;

export class LogCache {
  readonly #sql: Statements;
  readonly #open: ReadonlySet<string>;
  /** The least recently used first. */
  readonly #logs = new Map<string, Log>();
  /** The era in which a room's log begins now. */
  era: number;

  /** @param open the rooms that have members. Their logs are not dropped. */
  constructor(sql: Statements, open: ReadonlySet<string>) {
    this.#sql = sql;
    this.#open = open;
    this.era = this.#readEra();
  }

  /** All logs that are kept. */
  get logs(): Iterable<Log> {
    return this.#logs.values();
  }

  /** Returns a room's log. It is read from the file if it is not kept. */
  get(room: string): Log {
    const log = this.#logs.get(room) ?? this.#load(room);
    this.#logs.delete(room);
    this.#logs.set(room, log);
    if (this.#logs.size > MAX_LOGS) this.#dropOne();
    return log;
  }

  /** Drops the log of a room that was removed from the file. */
  remove(room: string): void {
    this.#logs.delete(room);
  }

  /** Drops all logs, after a transaction that changed them has failed. */
  clear(): void {
    this.#logs.clear();
    this.era = this.#readEra();
  }

  /** Reads the lowest `seq` that is stored, or `head + 1`. */
  floorOf(id: number, head: number): number {
    return Number(this.#sql.oldest.get(id)?.first ?? head + 1);
  }

  #readEra(): number {
    return Number(this.#sql.era.get()?.era);
  }

  /** Drops the least recently used log of a room without members. */
  #dropOne(): void {
    let skipped = 0;
    for (const [room, log] of this.#logs) {
      this.#logs.delete(room);
      if (!this.#open.has(room) || ++skipped > MAX_SKIPPED) return;
      this.#logs.set(room, log);
    }
  }

  #load(room: string): Log {
    const row = this.#sql.room.get(room);
    if (row === undefined) {
      const nothing = { floor: 1, head: 0, rev: 0, size: 0, savedSize: 0 };
      return { room, id: 0, era: this.era, cut: 0, ...nothing };
    }
    const id = Number(row.id);
    const newest = this.#sql.newest.get(id);
    const count = Number(newest?.count ?? 1);
    const head = Math.max(Number(row.head), Number(newest?.first ?? 0) + count - 1);
    const floor = this.floorOf(id, head);
    const savedSize = Number(row.size);
    // Without a saved size, all messages are taken to be as long as the newest.
    const size = savedSize || (head - floor + 1) * Number(newest?.size ?? 0) / count;
    const [era, cut, rev] = [Number(row.era), Number(row.cut), Number(row.rev)];
    return { room, id, era, cut, floor, head, rev, size, savedSize };
  }
}
