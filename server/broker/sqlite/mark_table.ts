/**
 * `MarkTable` keeps the read marks in the database file.
 *
 * @module
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { isGuestId } from "../../protocol/names.ts";
import { type Mark, type MarkStore, MAX_GUEST_MARKS, MAX_MARKS, type UserMark } from "../marks.ts";
import type { GatheredWrites } from "./gathered_writes.ts";

const BOUNDS = { ofUser: MAX_MARKS, ofGuests: MAX_GUEST_MARKS };

export class MarkTable implements MarkStore {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #writes: GatheredWrites;
  readonly #max: typeof BOUNDS;
  /** Grows with each change. */
  #changes: number;

  constructor(database: DatabaseSync, writes: GatheredWrites, max = BOUNDS) {
    this.#sql = prepare(database);
    this.#writes = writes;
    this.#max = max;
    this.#changes = Number(this.#sql.newest.get()?.changed);
  }

  // deno-lint-ignore require-await -- asynchronous because other stores are on another machine
  async get(userId: string, room: string): Promise<Mark | undefined> {
    const row = this.#sql.get.get(userId, room);
    return row && markOf(row);
  }

  // deno-lint-ignore require-await -- as above
  async all(userId: string): Promise<readonly Mark[]> {
    return this.#sql.all.all(userId).map(markOf);
  }

  write(marks: readonly UserMark[]): Promise<void> {
    return this.#writes.add(() => this.#write(marks), () => {});
  }

  #write(marks: readonly UserMark[]): void {
    let guests = 0;
    for (const { userId, room, log, seq } of marks) {
      const changed = ++this.#changes;
      if (Number(this.#sql.move.run(userId, room, log, seq, changed).changes) > 0) continue;
      const isGuest = isGuestId(userId);
      this.#sql.add.run(userId, room, log, seq, changed, isGuest ? 1 : 0);
      if (isGuest) guests++;
      const over = Number(this.#sql.ofUser.get(userId)?.count) - this.#max.ofUser;
      if (over > 0) this.#sql.forgetOfUser.run(userId, over);
    }
    const over = guests && Number(this.#sql.ofGuests.get()?.count) - this.#max.ofGuests;
    if (over > 0) this.#sql.forgetOfGuests.run(over);
  }
}

function markOf({ room, log, seq }: Record<string, SQLOutputValue>): Mark {
  return { room: String(room), log: String(log), seq: Number(seq) };
}

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  const OLDEST = "ORDER BY changed LIMIT";
  return {
    newest: sql("SELECT coalesce(max(changed), 0) AS changed FROM marks"),
    get: sql("SELECT room, log, seq FROM marks WHERE user = ? AND room = ?"),
    all: sql("SELECT room, log, seq FROM marks WHERE user = ?"),
    move: sql(
      `UPDATE marks SET seq = CASE log WHEN ?3 THEN max(seq, ?4) ELSE ?4 END, log = ?3, changed = ?5
       WHERE user = ?1 AND room = ?2`,
    ),
    add: sql("INSERT INTO marks (user, room, log, seq, changed, guest) VALUES (?, ?, ?, ?, ?, ?)"),
    ofUser: sql("SELECT count(*) AS count FROM marks WHERE user = ?"),
    ofGuests: sql("SELECT count(*) AS count FROM marks WHERE guest = 1"),
    forgetOfUser: sql(
      `DELETE FROM marks WHERE user = ?1 AND room IN (
         SELECT room FROM marks WHERE user = ?1 ${OLDEST} ?2)`,
    ),
    forgetOfGuests: sql(
      `DELETE FROM marks WHERE (user, room) IN (
         SELECT user, room FROM marks WHERE guest = 1 ${OLDEST} ?1)`,
    ),
  };
}
