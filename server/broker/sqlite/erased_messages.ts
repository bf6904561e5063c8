/**
 * `ErasedMessages` erases what a user has said from the rows of all rooms, and the user's reactions, in steps
 * of a few milliseconds. Each step is one transaction, which also gives the room its new epoch.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { eraseFrom, type Erasure, senderText } from "../eraser.ts";
import { Batch } from "../page.ts";
import type { LogCache } from "./log_cache.ts";
import type { Statements } from "./statements.ts";

/** Rows of messages that one step reads. A row has about 65,536 characters at most. */
const ROWS = 64;
/** Rooms that are listed at once. */
const ROOMS = 100;

/** A row of messages that may have something to erase. */
interface Row {
  readonly id: number;
  readonly first: number;
  readonly last: number;
  readonly refs: unknown;
  /** `null` if the user's id is not in it. */
  readonly events: string | null;
}

export class ErasedMessages {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #statements: Statements;
  readonly #logs: LogCache;

  constructor(database: DatabaseSync, statements: Statements, logs: LogCache) {
    this.#sql = prepare(database);
    this.#statements = statements;
    this.#logs = logs;
  }

  /**
   * Erases what a user has said, some in each step. It yields each room that has changed, when the room is
   * done or has failed.
   */
  *eraseAll(erasure: Erasure): Generator<string | undefined> {
    for (let after = 0;;) {
      const rooms = this.#statements.rooms.all(after, ROOMS);
      for (const { id, name } of rooms) {
        let hasErased = false;
        try {
          for (let from: number | undefined = 0; from !== undefined;) {
            const step = this.#step(String(name), Number(id), from, erasure);
            hasErased ||= step.hasErased;
            from = step.next;
            yield;
          }
        } finally {
          if (hasErased) yield String(name); // also if a later step fails: the members have to start afresh
        }
      }
      if (rooms.length < ROOMS) return;
      after = Number(rooms.at(-1)?.id);
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

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
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
  };
}
