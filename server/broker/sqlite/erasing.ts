/**
 * `Erasing` deletes rooms and users from the file, in steps of a few milliseconds. Each step is one
 * transaction, which also gives the room its new epoch: a process that is killed in between leaves no
 * cursor that hides what is gone.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type Erasure, isRetainedBy } from "../eraser.ts";
import { ErasedMessages } from "./erased_messages.ts";
import type { LogCache } from "./log_cache.ts";
import type { Pruning } from "./pruning.ts";
import type { Statements } from "./statements.ts";

/** What one step removes of a room that was erased. */
const REMOVED_ROWS = 64;
const REMOVED_BYTES = 1_048_576;
/** Retained events and users with marks that one step reads. */
const RETAINED = 64;
const MARKED_USERS = 500;

/** A retained event, and where it is. */
export interface PlacedEvent {
  readonly room: string;
  readonly name: string;
  readonly event: string;
}

export class Erasing {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #statements: Statements;
  readonly #logs: LogCache;
  readonly #pruning: Pruning;
  readonly #messages: ErasedMessages;

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
    this.#messages = new ErasedMessages(database, statements, logs);
  }

  /**
   * Empties a room at once: its messages keep no name by which they could be found. They are on the disk
   * until {@linkcode Erasing.removeErased} has removed them. When this returns, a crash undoes nothing of it.
   */
  detach(room: string): void {
    this.#pruning.transaction(() => {
      this.#sql.detachName.run(room);
      this.#statements.newEra.run();
    });
    this.#logs.era++;
    this.#logs.remove(room);
  }

  /** Removes some of the messages of rooms that were erased. @returns whether there are more. */
  removeErased(): boolean {
    const id = this.#sql.detached.get()?.id;
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
  user(erasure: Erasure): Generator<string | undefined> {
    return this.#messages.eraseAll(erasure);
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
}

/** Stands before the name of what an erased room has left. No room can have such a name. */
const DETACHED = "\u0001";

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    detachName: sql(`UPDATE rooms SET name = '${DETACHED}' || id WHERE name = ?`),
    detached: sql(`SELECT id FROM rooms WHERE name >= '${DETACHED}' AND name < '\u0002' LIMIT 1`),
    retained: sql("SELECT id, room, name, event FROM retained WHERE id > ? ORDER BY id LIMIT ?"),
    markedUser: sql(
      "SELECT user FROM marks WHERE user > ?1 GROUP BY user ORDER BY user LIMIT 1 OFFSET ?2",
    ),
    removeMarks: sql("DELETE FROM marks WHERE user > ? AND user <= ? AND room = ?"),
    removeMarksOf: sql("DELETE FROM marks WHERE user = ?"),
  };
}
