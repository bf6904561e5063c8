/**
 * What the database file keeps besides messages: the retained events of rooms, and the sanctions.
 *
 * @module
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { FullError } from "../broker_error.ts";
import {
  type ImposeOrder,
  type LiftOrder,
  MAX_SANCTIONS,
  type Sanction,
  TOO_MANY_SANCTIONS,
} from "../orders.ts";
import {
  MAX_RETAINED,
  MAX_RETAINED_BYTES,
  RetainedBoundError,
  retainedBytes,
  type RetainedEvent,
} from "../retained.ts";

/**
 * How much is retained in all rooms. Above it, the events that were set longest ago in rooms without
 * members are dropped; if there are none, the new event is refused.
 */
const IN_ALL = { events: 100_000, bytes: 64 << 20 };
/** Events of rooms with members that are passed over in search of one to drop. */
const MAX_PASSED = 1000;

export class StateTables {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #open: ReadonlySet<string>;
  readonly #max: typeof IN_ALL;
  /** How much is retained in all. */
  #events = 0;
  #bytes = 0;

  /**
   * @param open the rooms that have members.
   * @param max how much may be retained in all.
   */
  constructor(database: DatabaseSync, open: ReadonlySet<string>, max = IN_ALL) {
    this.#sql = prepare(database);
    this.#open = open;
    this.#max = max;
    this.measure();
  }

  /** Counts what is retained in all. Call it after a transaction that has failed. */
  measure(): void {
    const { count, bytes } = this.#sql.inAll.get() ?? {};
    [this.#events, this.#bytes] = [Number(count), Number(bytes)];
  }

  /** Returns what a room retains, as text by name. */
  retained(room: string): ReadonlyMap<string, string> {
    if (this.#events === 0) return NOTHING;
    return new Map(
      this.#sql.retained.all(room).map(({ name, event }) => [String(name), String(event)]),
    );
  }

  /**
   * Sets or removes a retained event, within the caller's transaction.
   *
   * @throws {RetainedBoundError} if the room retains too much; nothing has changed then.
   * @throws {FullError} if all rooms together do.
   */
  retain(room: string, retained: RetainedEvent): void {
    const { name, event, isRemoval } = retained;
    if (isRemoval) return this.#drop(room, name);
    const { count, bytes } = this.#sql.others.get(room, name) ?? {};
    const size = retainedBytes(retained);
    if (Number(count) >= MAX_RETAINED) throw new RetainedBoundError("events");
    if (Number(bytes) + size > MAX_RETAINED_BYTES) throw new RetainedBoundError("bytes");
    const replaced = this.#sql.sizeOf.get(room, name)?.size;
    this.#makeRoom(replaced === undefined ? 1 : 0, size - Number(replaced ?? 0));
    this.#drop(room, name);
    this.#sql.retain.run(room, name, event, size);
    this.#events++;
    this.#bytes += size;
  }

  /** Returns the sanctions that hold at this time. */
  sanctions(now: number): readonly Sanction[] {
    return this.#sql.sanctions.all(now).map(sanctionOf);
  }

  /**
   * Stores a sanction, within the caller's transaction.
   *
   * @throws {FullError} if there are too many.
   */
  impose({ kind, room, subject, until, guestId }: ImposeOrder): void {
    const isNew = this.#sql.sanction.get(kind, room, subject) === undefined;
    if (isNew && Number(this.#sql.countSanctions.get()?.count) >= MAX_SANCTIONS) {
      throw new FullError(TOO_MANY_SANCTIONS);
    }
    this.#sql.impose.run(kind, room, subject, until, guestId ?? null);
  }

  /** Removes a sanction, within the caller's transaction. */
  lift({ kind, room, subject }: LiftOrder): void {
    this.#sql.lift.run(kind === "unban" ? "ban" : "mute", room, subject);
  }

  /** Removes the sanctions that have ended. */
  prune(now: number): void {
    this.#sql.prune.run(now);
  }

  #drop(room: string, name: string): void {
    const size = this.#sql.sizeOf.get(room, name)?.size;
    if (size === undefined) return;
    this.#sql.remove.run(room, name);
    this.#events--;
    this.#bytes -= Number(size);
  }

  /** Drops events of rooms without members, if needed, so that so many more events and bytes can be kept. */
  #makeRoom(events: number, bytes: number): void {
    const isFull = () =>
      this.#events + events > this.#max.events || this.#bytes + bytes > this.#max.bytes;
    if (!isFull()) return;
    for (const { room, name } of this.#sql.oldest.all(MAX_PASSED)) {
      if (!this.#open.has(String(room))) this.#drop(String(room), String(name));
      if (!isFull()) return;
    }
    throw new FullError("Cannot retain this: the server retains as much as it may in all.");
  }
}

const NOTHING: ReadonlyMap<string, string> = new Map();

function sanctionOf(row: Record<string, SQLOutputValue>): Sanction {
  const { kind, room, subject, until, guest } = row;
  return {
    kind: kind === "ban" ? "ban" : "mute",
    room: String(room),
    subject: String(subject),
    until: until === null ? null : Number(until),
    ...(guest !== null && { guestId: String(guest) }),
  };
}

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  const KEY = "kind = ? AND room = ? AND subject = ?";
  return {
    inAll: sql("SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM retained"),
    retained: sql("SELECT name, event FROM retained WHERE room = ? ORDER BY id"),
    others: sql(
      `SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes
       FROM retained WHERE room = ? AND name <> ?`,
    ),
    sizeOf: sql("SELECT size FROM retained WHERE room = ? AND name = ?"),
    retain: sql("INSERT INTO retained (room, name, event, size) VALUES (?, ?, ?, ?)"),
    remove: sql("DELETE FROM retained WHERE room = ? AND name = ?"),
    oldest: sql("SELECT room, name FROM retained ORDER BY id LIMIT ?"),
    sanctions: sql("SELECT * FROM sanctions WHERE until IS NULL OR until > ?"),
    sanction: sql(`SELECT 1 FROM sanctions WHERE ${KEY}`),
    countSanctions: sql("SELECT count(*) AS count FROM sanctions"),
    impose: sql("INSERT OR REPLACE INTO sanctions VALUES (?, ?, ?, ?, ?)"),
    lift: sql(`DELETE FROM sanctions WHERE ${KEY}`),
    prune: sql("DELETE FROM sanctions WHERE until <= ?"),
  };
}
