/**
 * `Erasing` deletes rooms and users from the file, in steps of a few milliseconds. Each step is one
 * transaction, which also gives the room its new epoch: a process that is killed in between leaves no
 * cursor that hides what is gone.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { eraseFrom, type Erasure, isRetainedBy, senderText } from "../eraser.ts";
import { Batch } from "../page.ts";
import type { LogCache } from "./log_cache.ts";
import type { Pruning } from "./pruning.ts";
import type { Statements } from "./statements.ts";

/** Rows of messages that one step reads. A row has about 65,536 characters at most. */
const ROWS = 64;
/** What one step removes of a room that was erased. */
const REMOVED_ROWS = 64;
const REMOVED_BYTES = 1_048_576;
/** Rooms, retained events and users with marks that one step reads. */
const ROOMS = 100;
const RETAINED = 64;
const MARKED_USERS = 500;

/** A retained event, and where it is. */
export interface PlacedEvent {
  readonly room: string;
  readonly name: string;
  readonly event: string;
}

/** A row of messages that may have something to erase. */
interface Row {
  readonly id: number;
  readonly first: number;
  readonly last: number;
  readonly refs: unknown;
  /** `null` if the user's id is not in it. */
  readonly events: string | null;
}

export class Erasing {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #statements: Statements;
  readonly #logs: LogCache;
  readonly #pruning: Pruning;

  constructor(
    database: DatabaseSync,
    statements: Statements,
    logs: LogCache,
    pruning: Pruning,
  ) {
    this.#sql = prepare(database);
    this.#statements = statements;
    this.#logs = logs;
    this.#pruning = pruning;
  }

  /**
   * Takes a room's messages away from it, durable when this returns. The room's name is gone with them, and
   * {@linkcode Erasing.removeErased} removes them.
   */
  takeFrom(room: string): void {
    this.#pruning.transaction(() => {
      this.#sql.takeName.run(room);
      this.#statements.newEra.run();
    });
    this.#logs.era++;
    this.#logs.remove(room);
  }

  /** Removes some of the messages of rooms that were erased. @returns whether there are more. */
  removeErased(): boolean {
    const id = this.#sql.taken.get()?.id;
    if (id === undefined) return false;
    this.#pruning.transaction(() =>
      void this.#pruning.oldestOf(Number(id), REMOVED_ROWS, REMOVED_BYTES, true)
    );
    return true;
  }

  /** Removes all read marks in a room, some in each step. */
  *removeMarks(room: string): Generator<undefined> {
    for (let from = "";;) {
      const upTo = this.#sql.markedUser.get(from, MARKED_USERS)?.user;
      const isLast = upTo === undefined;
      this.#sql.removeMarks.run(from, isLast ? "\u{10ffff}" : String(upTo), room);
      if (isLast) return;
      from = String(upTo);
      yield;
    }
  }

  /** Removes all read marks of a user. */
  removeMarksOf(userId: string): void {
    this.#sql.removeMarksOf.run(userId);
  }

  /** Erases what a user has said, some in each step. It yields each room that has changed, when it is done. */
  *user(erasure: Erasure): Generator<string | undefined> {
    for (let after = 0;;) {
      const rooms = this.#statements.rooms.all(after, ROOMS);
      for (const { id, name } of rooms) {
        let hasErased = false;
        for (let from: number | undefined = 0; from !== undefined;) {
          const step = this.#step(String(name), Number(id), from, erasure);
          hasErased ||= step.hasErased;
          from = step.next;
          yield;
        }
        if (hasErased) yield String(name);
      }
      if (rooms.length < ROOMS) return;
      after = Number(rooms.at(-1)?.id);
    }
  }

  /** Yields the retained events that a user has set, reading some in each step. */
  *retainedBy(userId: string): Generator<PlacedEvent | undefined> {
    for (let after = 0;;) {
      const rows = this.#sql.retained.all(after, RETAINED);
      for (const { room, name, event } of rows) {
        if (!isRetainedBy(String(event), userId)) continue;
        yield { room: String(room), name: String(name), event: String(event) };
      }
      if (rows.length < RETAINED) return;
      after = Number(rows.at(-1)?.id);
      yield;
    }
  }

  /** Erases from the next rows of a room. @returns where to go on, if there are more. */
  #step(room: string, id: number, from: number, erasure: Erasure) {
    const sql = this.#sql;
    const rows = sql.rows.all(id, from, senderText(erasure.userId), ROWS).map((row): Row => ({
      id: Number(row.id),
      first: Number(row.first),
      last: Number(row.first) + Number(row.count) - 1,
      refs: row.refs,
      events: row.events === null ? null : String(row.events),
    }));
    const last = rows.at(-1)?.last;
    if (last === undefined) return { next: undefined, hasErased: false };
    const reactions = new Map<number, string[]>();
    for (const row of erasure.isWhole ? sql.reactions.all(id, erasure.userId, from, last) : []) {
      const of = reactions.get(Number(row.seq));
      if (of === undefined) reactions.set(Number(row.seq), [String(row.reaction)]);
      else of.push(String(row.reaction));
    }
    const seqs = [...reactions.keys()];
    const hit = rows.filter(({ events, first, last }) =>
      events !== null || seqs.some((seq) => seq >= first && seq <= last)
    );
    const hasErased = hit.length > 0 && this.#rewrite(room, id, hit, erasure, reactions);
    return { next: rows.length < ROWS ? undefined : last + 1, hasErased };
  }

  #rewrite(
    room: string,
    id: number,
    rows: readonly Row[],
    erasure: Erasure,
    reactions: ReadonlyMap<number, readonly string[]>,
  ): boolean {
    const log = this.#logs.get(room);
    let [grown, hasErased] = [0, false];
    try {
      this.#statements.transact(() => {
        for (const row of rows) {
          const change = this.#eraseRow(id, row, erasure, reactions);
          if (change === undefined) continue;
          hasErased = true;
          grown += change;
        }
        if (!hasErased) return;
        this.#statements.newEra.run();
        this.#sql.cut.run(id, this.#logs.era + 1);
      });
    } catch (thrown) {
      this.#logs.clear();
      throw thrown;
    }
    if (!hasErased) return false;
    log.cut = ++this.#logs.era;
    log.size += grown;
    return true;
  }

  /** @returns by how many characters the row has grown; `undefined` if there was nothing to erase. */
  #eraseRow(
    id: number,
    { id: rowId, first, refs, events: found }: Row,
    erasure: Erasure,
    reactions: ReadonlyMap<number, readonly string[]>,
  ): number | undefined {
    const sql = this.#sql;
    const before = found ?? String(sql.events.get(rowId)?.events);
    const hashes = refs instanceof Uint8Array ? refs.slice() : undefined;
    const events = [...Batch.fromArray(before).events];
    let hasErased = false;
    events.forEach((event, index) => {
      const seq = first + index;
      const own = reactions.get(seq) ?? [];
      const erased = eraseFrom(event, erasure, own);
      for (const reaction of own) sql.removeReaction.run(id, seq, erasure.userId, reaction);
      if (erased === undefined) return;
      hasErased = true;
      events[index] = erased.text;
      if (!erased.isOwn) return;
      sql.removeReactions.run(id, seq);
      if (erasure.isWhole) hashes?.fill(0, 8 * index, 8 * index + 8);
    });
    if (!hasErased) return undefined;
    const { array } = Batch.fromEvents(events);
    sql.rewrite.run(array, hashes ?? null, rowId);
    return array.length - before.length;
  }
}

/** Begins the name of a room that was erased. No room has such a name. */
const TAKEN = "\u0001";

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    takeName: sql(`UPDATE rooms SET name = '${TAKEN}' || id WHERE name = ?`),
    taken: sql(`SELECT id FROM rooms WHERE name >= '${TAKEN}' AND name < '\u0002' LIMIT 1`),
    rows: sql(
      `SELECT id, place & 0xffffffff AS first, count, refs,
         CASE WHEN instr(events, ?3) > 0 THEN events END AS events
       FROM batches WHERE place >= (?1 << 32) + ?2 AND place < (?1 << 32) + 0x100000000
       ORDER BY place LIMIT ?4`,
    ),
    events: sql("SELECT events FROM batches WHERE id = ?"),
    rewrite: sql("UPDATE batches SET events = ?1, refs = coalesce(?2, refs) WHERE id = ?3"),
    cut: sql("UPDATE rooms SET cut = ?2 WHERE id = ?1"),
    reactions: sql(
      `SELECT seq, reaction FROM reactions INDEXED BY reactions_by_user
       WHERE room = ? AND user = ? AND seq >= ? AND seq <= ?`,
    ),
    removeReaction: sql(
      "DELETE FROM reactions WHERE room = ? AND seq = ? AND user = ? AND reaction = ?",
    ),
    removeReactions: sql("DELETE FROM reactions WHERE room = ? AND seq = ?"),
    retained: sql("SELECT id, room, name, event FROM retained WHERE id > ? ORDER BY id LIMIT ?"),
    markedUser: sql(
      "SELECT user FROM marks WHERE user > ?1 GROUP BY user ORDER BY user LIMIT 1 OFFSET ?2",
    ),
    removeMarks: sql("DELETE FROM marks WHERE user > ? AND user <= ? AND room = ?"),
    removeMarksOf: sql("DELETE FROM marks WHERE user = ?"),
  };
}
