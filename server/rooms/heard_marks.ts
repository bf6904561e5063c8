/**
 * `HeardMarks` are read marks that other nodes told of. They are remembered until those nodes have surely
 * written them: a client that joins in the meantime must not be given an older mark.
 *
 * @module
 */
import type { MovedMark } from "../broker/marks.ts";
import { RecentMarks } from "./recent_marks.ts";

/** A node writes marks once a second. */
const WRITTEN_MS = 2000;

export class HeardMarks {
  #newer = new RecentMarks();
  #older = new RecentMarks();
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** What is remembered. */
  get recent(): readonly RecentMarks[] {
    return [this.#newer, this.#older];
  }

  add(marks: readonly MovedMark[]): void {
    if (this.#isClosed) return;
    for (const { userId, room, seq } of marks) this.#newer.move(userId, room, seq);
    this.#timer ??= setTimeout(() => this.#forget(), WRITTEN_MS);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #forget(): void {
    this.#timer = undefined;
    [this.#older, this.#newer] = [this.#newer, new RecentMarks()];
    if (!this.#older.isEmpty) this.#timer = setTimeout(() => this.#forget(), WRITTEN_MS);
  }
}
