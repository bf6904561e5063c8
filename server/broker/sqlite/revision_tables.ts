/**
 * What the database file keeps of revisions besides the messages, which hold their newest state
 * themselves: the `rev` of each message that was revised, and who reacted to it. Both go with the message.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ReactionRange, RevisedMessage, RevisedRange } from "../revisions.ts";
import type { RevisedRow } from "./additions.ts";
import type { Log } from "./log_cache.ts";

/** A revised message, in the order in which the messages of all rooms were revised. */
export interface RevisionRecord {
  /** Grows with each revision in any room. */
  readonly id: number;
  /** The row of the store that was the newest when the message was revised. */
  readonly row: number;
  readonly roomId: number;
  readonly seq: number;
  readonly rev: number;
}

export class RevisionTables {
  readonly #sql: ReturnType<typeof prepare>;
  /** Reads a message. */
  readonly #eventAt: (log: Log, seq: number) => string | undefined;
  /** The id of this start in the file. */
  readonly #start: number;
  /** The highest id that a revision ever had. */
  #lastId: number;

  constructor(
    database: DatabaseSync,
    mark: string,
    eventAt: (log: Log, seq: number) => string | undefined,
  ) {
    this.#sql = prepare(database);
    this.#eventAt = eventAt;
    this.#start = Number(this.#sql.startOf.get(mark)?.id);
    this.#lastId = Number(this.#sql.lastId.get()?.revision);
  }

  get lastId(): number {
    return this.#lastId;
  }

  /**
   * Stores what was revised, within the caller's transaction, which stores the messages themselves.
   *
   * @param lastRowId the newest row of the store.
   */
  add(revised: readonly RevisedRow[], lastRowId: number): void {
    const sql = this.#sql;
    for (const { log, seq, rev, isDeleted, reactions } of revised) {
      if (rev === log.rev + 1) sql.addStart.run(log.id, this.#start, log.rev);
      sql.revise.run(log.id, seq, rev, ++this.#lastId, lastRowId);
      if (isDeleted) {
        log.size -= REACTION_CHARS * Number(sql.removeReactions.run(log.id, seq).changes);
      } else {
        for (const { userId, reaction, on } of reactions) {
          (on ? sql.addReaction : sql.removeReaction).run(log.id, seq, userId, reaction);
          log.size += on ? REACTION_CHARS : -REACTION_CHARS;
        }
      }
    }
    const newest = new Map(revised.map(({ log, rev }) => [log, rev]));
    for (const [log, rev] of newest) {
      sql.saveRev.run(rev, log.id);
      log.rev = rev;
    }
    sql.saveLastId.run(this.#lastId);
  }

  /** Reads anew what is kept in memory, after a transaction has failed. */
  measure(): void {
    this.#lastId = Number(this.#sql.lastId.get()?.revision);
  }

  /**
   * Removes what is kept of messages below a `seq`, within the caller's transaction.
   *
   * @returns about how many characters the reactions had.
   */
  prune(log: Log, below: number): number {
    if (log.rev === 0) return 0;
    this.#sql.pruneRevisions.run(log.id, below);
    return REACTION_CHARS * Number(this.#sql.pruneReactions.run(log.id, below).changes);
  }

  /** Removes what is kept of a room, within the caller's transaction. */
  removeRoom({ id, rev }: Log): void {
    if (rev > 0) this.#sql.removeStarts.run(id);
  }

  /** Tells whether a room had reached a `rev` before a start of the file. */
  wasBefore(log: Log, rev: number, start: number): boolean {
    const row = rev === 0 ? undefined : this.#sql.revBefore.get(log.id, start);
    return rev <= Number(row?.rev ?? log.rev);
  }

  /** Reads messages that were revised, in the order of `rev`. */
  since(
    log: Log,
    { after, upToSeq = Infinity, limit, chars = Infinity }: RevisedRange,
  ): readonly RevisedMessage[] {
    if (after >= log.rev || limit < 1) return [];
    const max = Math.min(upToSeq, log.head);
    const found: RevisedMessage[] = [];
    let size = 0;
    for (const row of this.#sql.since.iterate(log.id, after, max, Math.min(limit, MAX_LIMIT))) {
      const [seq, rev] = [Number(row.seq), Number(row.rev)];
      const message = this.#eventAt(log, seq);
      if (message === undefined) continue;
      found.push({ seq, rev, message });
      size += message.length;
      if (size >= chars) break;
    }
    return found;
  }

  /** Reads a user's own reactions to some messages. */
  reactionsOf(
    log: Log,
    userId: string,
    { after, upTo = Infinity, limit }: ReactionRange,
  ): ReadonlyMap<number, readonly string[]> {
    const own = new Map<number, string[]>();
    if (log.rev === 0) return own;
    const max = Math.min(upTo, log.head);
    const rows = this.#sql.reactionsOf.all(log.id, userId, after, max, Math.min(limit, MAX_LIMIT));
    for (const row of rows) {
      const [seq, reaction] = [Number(row.seq), String(row.reaction)];
      const reactions = own.get(seq);
      if (reactions === undefined) own.set(seq, [reaction]);
      else reactions.push(reaction);
    }
    return own;
  }

  /** Reads a user's own reactions to one message. */
  ownReactions(roomId: number, seq: number, userId: string): readonly string[] {
    return this.#sql.ownReactions.all(roomId, seq, userId).map(({ reaction }) => String(reaction));
  }

  hasReacted(roomId: number, seq: number, userId: string, reaction: string): boolean {
    return this.#sql.reaction.get(roomId, seq, userId, reaction) !== undefined;
  }

  /** Reads what was revised in any room, in that order. */
  *inOrder(after: number, upTo: number): Generator<RevisionRecord> {
    for (const row of this.#sql.inOrder.iterate(after, upTo)) {
      yield {
        id: Number(row.id),
        row: Number(row.row),
        roomId: Number(row.room),
        seq: Number(row.seq),
        rev: Number(row.rev),
      };
    }
  }
}

const MAX_LIMIT = 100_000;
/**
 * What a reaction counts for in the size of its room: a row and its entry in an index. Without it, the
 * database's bound would take other rooms for larger than one with a million reactions.
 */
export const REACTION_CHARS = 128;

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    startOf: sql("SELECT max(id) AS id FROM starts WHERE mark = ?"),
    lastId: sql("SELECT revision FROM log"),
    saveLastId: sql("UPDATE log SET revision = ?"),
    saveRev: sql("UPDATE rooms SET rev = ? WHERE id = ?"),
    addStart: sql("INSERT OR IGNORE INTO revision_starts (room, start, rev) VALUES (?, ?, ?)"),
    revBefore: sql(
      "SELECT rev FROM revision_starts WHERE room = ? AND start >= ? ORDER BY start LIMIT 1",
    ),
    removeStarts: sql("DELETE FROM revision_starts WHERE room = ?"),
    revise: sql(
      "INSERT OR REPLACE INTO revisions (room, seq, rev, id, row) VALUES (?, ?, ?, ?, ?)",
    ),
    since: sql(
      "SELECT seq, rev FROM revisions WHERE room = ? AND rev > ? AND seq <= ? ORDER BY rev LIMIT ?",
    ),
    inOrder: sql("SELECT * FROM revisions WHERE id > ? AND id <= ? ORDER BY id"),
    pruneRevisions: sql("DELETE FROM revisions WHERE room = ? AND seq < ?"),
    addReaction: sql("INSERT OR IGNORE INTO reactions VALUES (?, ?, ?, ?)"),
    removeReaction: sql(
      "DELETE FROM reactions WHERE room = ? AND seq = ? AND user = ? AND reaction = ?",
    ),
    removeReactions: sql("DELETE FROM reactions WHERE room = ? AND seq = ?"),
    pruneReactions: sql("DELETE FROM reactions WHERE room = ? AND seq < ?"),
    reaction: sql(
      "SELECT 1 FROM reactions WHERE room = ? AND seq = ? AND user = ? AND reaction = ?",
    ),
    ownReactions: sql(
      "SELECT reaction FROM reactions WHERE room = ? AND seq = ? AND user = ? ORDER BY reaction",
    ),
    reactionsOf: sql(
      `SELECT seq, reaction FROM reactions INDEXED BY reactions_by_user
       WHERE room = ? AND user = ? AND seq > ? AND seq <= ?
       ORDER BY seq DESC, reaction LIMIT ?`,
    ),
  };
}
