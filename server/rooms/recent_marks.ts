/**
 * `RecentMarks` are read marks in memory, by user and room: those that may not be in the store yet.
 *
 * @module
 */
import type { Mark, MovedMark } from "../broker/marks.ts";

interface RecentMark {
  seq: number;
  /** How far the user's connections know. */
  told: number;
}

export class RecentMarks {
  readonly #byUser = new Map<string, Map<string, RecentMark>>();

  get isEmpty(): boolean {
    return this.#byUser.size === 0;
  }

  /** Moves a mark forward. @param told how far the user's connections know; -1 if they do not. */
  move(userId: string, room: string, seq: number, told = -1): void {
    let marks = this.#byUser.get(userId);
    if (marks === undefined) this.#byUser.set(userId, marks = new Map());
    const mark = marks.get(room);
    if (mark === undefined) {
      marks.set(room, { seq, told });
      return;
    }
    if (seq > mark.seq) mark.seq = seq;
    if (told > mark.told) mark.told = told;
  }

  get(userId: string, room: string): number | undefined {
    return this.#byUser.get(userId)?.get(room)?.seq;
  }

  roomsOf(userId: string): Iterable<string> {
    return this.#byUser.get(userId)?.keys() ?? [];
  }

  /** Forgets all marks in a room. */
  forget(room: string): void {
    for (const [userId, marks] of this.#byUser) {
      if (marks.delete(room) && marks.size === 0) this.#byUser.delete(userId);
    }
  }

  /** Forgets all marks of a user. */
  forgetUser(userId: string): void {
    this.#byUser.delete(userId);
  }

  /** Yields all marks. */
  *all(): Generator<MovedMark> {
    for (const [userId, marks] of this.#byUser) {
      for (const [room, { seq }] of marks) yield { userId, room, seq };
    }
  }

  /** Returns the marks of which the users' connections do not know. */
  untold(): readonly MovedMark[] {
    const untold: MovedMark[] = [];
    for (const [userId, marks] of this.#byUser) {
      for (const [room, { seq, told }] of marks) if (seq > told) untold.push({ userId, room, seq });
    }
    return untold;
  }

  /** Takes over older marks, as far as there is room for them: those that moved last. */
  takeOver(older: RecentMarks, max: number): void {
    const marks = [...older.#byUser].flatMap(([userId, marks]) =>
      [...marks].map(([room, mark]) => ({ userId, room, ...mark }))
    );
    for (const { userId, room, seq, told } of marks.slice(-max)) {
      this.move(userId, room, seq, told);
    }
  }
}

/** Returns the highest of a mark that was stored and those that may not have been stored then. */
export function newestMark(
  recent: readonly RecentMarks[],
  userId: string,
  room: string,
  log: string,
  stored: Mark | undefined,
): number | undefined {
  const seqs = recent.map((marks) => marks.get(userId, room) ?? -1);
  const seq = Math.max(stored?.log === log ? stored.seq : -1, ...seqs);
  return seq < 0 ? undefined : seq;
}
