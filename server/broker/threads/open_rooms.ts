/**
 * `OpenRooms` are the rooms that a serving thread has open. A room that was closed and opened again may still
 * be told what is meant for the time before: that is not heard, because pages are missing after it.
 *
 * @module
 */
export class OpenRooms {
  readonly #open = new Set<string>();
  /** How many openings of each room the storing thread has not carried out yet. */
  readonly #asked = new Map<string, number>();

  get size(): number {
    return this.#open.size;
  }

  has(room: string): boolean {
    return this.#open.has(room);
  }

  /** The storing thread is asked to open a room. */
  open(room: string): void {
    this.#open.add(room);
    this.#asked.set(room, (this.#asked.get(room) ?? 0) + 1);
  }

  /** The storing thread has carried out an opening. What it says from then on is for this opening. */
  opened(room: string): void {
    const asked = this.#asked.get(room) ?? 0;
    if (asked > 1) this.#asked.set(room, asked - 1);
    else this.#asked.delete(room);
  }

  close(room: string): void {
    this.#open.delete(room);
  }

  /** Whether what the storing thread says of the room now is meant for its present opening. */
  hears(room: string): boolean {
    return this.#open.has(room) && !this.#asked.has(room);
  }
}
