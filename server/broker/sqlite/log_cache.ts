/**
 * What is known of rooms' logs without asking the file.
 *
 * @module
 */
import type { Statements } from "./statements.ts";

/** Where one room's log stands. */
export interface Log {
  readonly name: string;
  /** The room's number in the file; 0 until its first message is stored. */
  id: number;
  /** The era of the file in which the room's log began. */
  readonly era: number;
  /** The lowest `seq` that is stored, or `head + 1`. */
  floor: number;
  head: number;
  /** About how much text is stored, in characters. */
  size: number;
  /** The size that is written down in the file. */
  written: number;
}

/** Logs that stay known; the least lately used is forgotten. */
const KNOWN_LOGS = 16_384;

export class Logs {
  readonly #sql: Statements;
  readonly #open: ReadonlySet<string>;
  readonly #logs = new Map<string, Log>();
  /** The era in which a room's log begins now. */
  era: number;

  /** @param open the rooms that have members: they stay known. */
  constructor(sql: Statements, open: ReadonlySet<string>) {
    this.#sql = sql;
    this.#open = open;
    this.era = this.#readEra();
  }

  /** Those that are known, the least lately used first. */
  get known(): Iterable<Log> {
    return this.#logs.values();
  }

  /** Forgets a log whose room was removed from the file. */
  remove(name: string): void {
    this.#logs.delete(name);
  }

  /** Forgets everything: the file is not what it was thought to be. */
  clear(): void {
    this.#logs.clear();
    this.era = this.#readEra();
  }

  #readEra(): number {
    return Number(this.#sql.era.get()?.era);
  }

  /** What is known of a room's log, read from the file if need be. */
  of(name: string): Log {
    const log = this.#logs.get(name) ?? this.#load(name);
    this.#logs.delete(name);
    this.#logs.set(name, log);
    if (this.#logs.size > KNOWN_LOGS) this.#forgetIdle();
    return log;
  }

  /** Drops the log that was not used for the longest time; those of open rooms are passed over. */
  #forgetIdle(): void {
    let passed = 0;
    for (const [name, log] of this.#logs) {
      this.#logs.delete(name);
      if (!this.#open.has(name) || ++passed > 64) return;
      this.#logs.set(name, log);
    }
  }

  #load(name: string): Log {
    const row = this.#sql.room.get(name);
    if (row === undefined) {
      return { name, id: 0, era: this.era, floor: 1, head: 0, size: 0, written: 0 };
    }
    const id = Number(row.id);
    const newest = this.#sql.newest.get(id, id);
    const count = Number(newest?.count ?? 1);
    const head = Math.max(Number(row.head), Number(newest?.first ?? 0) + count - 1);
    const floor = this.floorOf(id, head);
    const written = Number(row.size);
    // Nobody wrote it down: as if all messages were as long as the newest.
    const size = written || (head - floor + 1) * Number(newest?.size ?? 0) / count;
    return { name, id, era: Number(row.era), floor, head, size, written };
  }

  /** The lowest `seq` that is stored, or `head + 1`. */
  floorOf(id: number, head: number): number {
    const oldest = this.#sql.oldest.get(id, id);
    return oldest === undefined ? head + 1 : Number(oldest.first);
  }
}
