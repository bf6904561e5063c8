/**
 * `LeftOut` is what a serving thread was not sent, because it had too much before it. It is not kept, only
 * noted: when the thread goes on, it is told how far the log of each room goes, and which members and retained
 * events the room has by then.
 *
 * @module
 */

/** What was left out of a room. */
interface Gaps {
  /** How far the log goes. */
  readonly head: number;
  readonly rev: number;
  readonly members: boolean;
  readonly retained: boolean;
}

const NONE: Gaps = { head: 0, rev: 0, members: false, retained: false };

export class LeftOut {
  readonly #rooms = new Map<string, Gaps>();

  add(room: string, { head = 0, rev = 0, members = false, retained = false }: Partial<Gaps>): void {
    const before = this.#rooms.get(room) ?? NONE;
    this.#rooms.set(room, {
      head: Math.max(head, before.head),
      rev: Math.max(rev, before.rev),
      members: members || before.members,
      retained: retained || before.retained,
    });
  }

  /** The log was replaced: how far it went counts no more. */
  logReplaced(room: string): void {
    const before = this.#rooms.get(room);
    if (before !== undefined) this.#rooms.set(room, { ...before, head: 0, rev: 0 });
  }

  /** Forgets a room, which the thread has closed. */
  forget(room: string): void {
    this.#rooms.delete(room);
  }

  /** Takes what there is, to tell the thread of it. */
  take(): readonly (readonly [room: string, gaps: Gaps])[] {
    if (this.#rooms.size === 0) return [];
    const all = [...this.#rooms];
    this.#rooms.clear();
    return all;
  }
}
