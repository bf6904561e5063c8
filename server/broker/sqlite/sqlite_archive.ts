/**
 * `SqliteArchive` reads all that a database file holds, and writes rooms into it: each in one transaction.
 * It waits for the disk, so only programs use it that serve nobody.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type Archive,
  type ArchivedMessage,
  type Reaction,
  RoomExistsError,
  type RoomHead,
  type RoomWriter,
} from "../archive.ts";
import type { UserMark } from "../marks.ts";
import type { LogCache } from "./log_cache.ts";
import { pagesOf } from "./rows.ts";
import type { StateTables } from "./state_tables.ts";
import type { Statements } from "./statements.ts";

const ROOMS = 100;

export class SqliteArchive implements Archive {
  readonly #database: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #statements: Statements;
  readonly #logs: LogCache;
  readonly #tables: StateTables;
  readonly #written: (lastRowId: number) => void;

  /** @param written is called when a room was written, with the highest id that a row has. */
  constructor(
    database: DatabaseSync,
    statements: Statements,
    logs: LogCache,
    tables: StateTables,
    written: (lastRowId: number) => void,
  ) {
    this.#database = database;
    this.#sql = prepare(database);
    this.#statements = statements;
    this.#logs = logs;
    this.#tables = tables;
    this.#written = written;
  }

  *rooms(): Generator<string> {
    for (let after = 0;;) {
      const rooms = this.#statements.rooms.all(after, ROOMS);
      for (const { name } of rooms) if (String(name) >= " ") yield String(name); // not an erased one
      if (rooms.length < ROOMS) break;
      after = Number(rooms.at(-1)?.id);
    }
    for (const { room } of this.#sql.retaining.all()) yield String(room);
  }

  *reactions(room: string): Generator<Reaction> {
    for (const row of this.#sql.reactions.iterate(this.#logs.get(room).id)) {
      yield { seq: Number(row.seq), userId: String(row.user), reaction: String(row.reaction) };
    }
  }

  // deno-lint-ignore require-await -- asynchronous because other stores are on another machine
  async retained(room: string): Promise<ReadonlyMap<string, string>> {
    return this.#tables.retained(room);
  }

  *marks(): Generator<UserMark> {
    for (const row of this.#sql.marks.iterate()) {
      const [userId, room, log] = [String(row.user), String(row.room), String(row.log)];
      yield { userId, room, log, seq: Number(row.seq) };
    }
  }

  // deno-lint-ignore require-await -- asynchronous because other stores are on another machine; so also below
  async write(room: RoomHead): Promise<RoomWriter> {
    const log = this.#logs.get(room.name);
    const isThere = log.head > 0 || this.#tables.retained(room.name).size > 0;
    if (isThere) throw new RoomExistsError(room.name);
    this.#database.exec("BEGIN IMMEDIATE");
    this.#sql.removeRoom.run(room.name);
    const id = Number(this.#statements.addRoom.run(room.name, this.#logs.era).lastInsertRowid);
    let revision = Number(this.#sql.revision.get()?.revision);
    let size = 0;
    return {
      add: (messages) => {
        size += this.#add(id, messages);
        for (const { seq, rev } of messages) {
          if (rev > 0) this.#sql.revise.run(id, seq, rev, ++revision);
        }
      },
      react: (reactions) => {
        for (const { seq, userId, reaction } of reactions) {
          this.#sql.react.run(id, seq, userId, reaction);
        }
      },
      retain: (events) => {
        for (const event of events) this.#tables.retain(room.name, event);
      },
      commit: () => {
        this.#sql.finish.run(room.head, room.rev, size, id);
        this.#sql.saveRevision.run(revision);
        this.#statements.saveLastRow.run();
        this.#database.exec("COMMIT");
        this.#logs.remove(room.name);
        this.#written(Number(this.#sql.revision.get()?.last));
      },
      abort: () => {
        if (!this.#database.isTransaction) return;
        this.#database.exec("ROLLBACK");
        this.#tables.measure();
      },
    };
  }

  /** @returns how many characters were added. */
  #add(roomId: number, messages: readonly ArchivedMessage[]): number {
    const first = messages[0]?.seq ?? 0;
    let size = 0;
    for (const { first: seq, last, batch } of pagesOf(first, messages.map(({ text }) => text))) {
      const at = messages[last - first]?.at ?? 0;
      this.#sql.addRow.run(roomId, seq, last - seq + 1, at, batch.array);
      size += batch.array.length;
    }
    return size;
  }
}

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    retaining: sql(
      "SELECT DISTINCT room FROM retained WHERE room NOT IN (SELECT name FROM rooms) ORDER BY room",
    ),
    reactions: sql("SELECT seq, user, reaction FROM reactions WHERE room = ?"),
    marks: sql("SELECT user, room, log, seq FROM marks"),
    removeRoom: sql("DELETE FROM rooms WHERE name = ?"),
    // Without the hashes of `ref`s: they are made from the messages when they are needed.
    addRow: sql(
      "INSERT INTO batches (place, count, at, events) VALUES ((?1 << 32) + ?2, ?3, ?4, ?5)",
    ),
    revision: sql("SELECT revision, last FROM log"),
    saveRevision: sql("UPDATE log SET revision = ?"),
    revise: sql(
      `INSERT INTO revisions (room, seq, rev, id, row)
       VALUES (?, ?, ?, ?, (SELECT max(id) FROM batches))`,
    ),
    react: sql("INSERT INTO reactions VALUES (?, ?, ?, ?)"),
    finish: sql("UPDATE rooms SET head = ?, rev = ?, size = ? WHERE id = ?"),
  };
}
