/**
 * A `MessageQueue` holds the messages that are not committed yet, the oldest first.
 *
 * @module
 */
import { charsOf, type Pending } from "./pending.ts";

export class MessageQueue {
  #waiting: Pending[] = [];
  #chars = 0;

  get length(): number {
    return this.#waiting.length;
  }

  /** How much text they are, in characters. */
  get chars(): number {
    return this.#chars;
  }

  push(pending: Pending): void {
    this.#waiting.push(pending);
    this.#chars += charsOf(pending);
  }

  /** Puts messages back that were taken. They are older than all others. */
  putBack(pending: readonly Pending[]): void {
    this.#waiting = [...pending, ...this.#waiting];
    for (const one of pending) this.#chars += charsOf(one);
  }

  /** Takes the oldest, until they have that much text or none is left. */
  take(maxChars: number): readonly Pending[] {
    let chars = 0;
    let count = 0;
    while (count < this.#waiting.length && chars < maxChars) {
      const pending = this.#waiting[count++];
      if (pending !== undefined) chars += charsOf(pending);
    }
    this.#chars -= chars;
    if (count < this.#waiting.length) return this.#waiting.splice(0, count);
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }

  /** Returns the newest. */
  last(): Pending | undefined {
    return this.#waiting.at(-1);
  }

  includes(pending: Pending): boolean {
    return this.#waiting.includes(pending);
  }

  /** Counts the rooms that they are for. */
  countRooms(): number {
    return new Set(this.#waiting.map(({ room }) => room)).size;
  }
}
