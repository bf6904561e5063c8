/**
 * `WindowCache` keeps a window of recent `ref`s for each room that has members, and for some of the others.
 *
 * @module
 */

/** Windows of rooms without members that are kept, so that a member who returns costs no rebuild. */
const MAX_IDLE = 256;

export class WindowCache<Window extends object> {
  readonly #open: ReadonlySet<string>;
  /** The least recently used first, as far as rooms without members are concerned. */
  readonly #windows = new Map<string, Window>();

  /** @param open the rooms that have members. Their windows are kept. */
  constructor(open: ReadonlySet<string>) {
    this.#open = open;
  }

  /** Returns a room's window, if there is one. */
  get(room: string): Window | undefined {
    const window = this.#windows.get(room);
    if (window !== undefined && !this.#open.has(room)) this.set(room, window);
    return window;
  }

  set(room: string, window: Window): Window {
    this.#windows.delete(room);
    this.#windows.set(room, window);
    this.trim();
    return window;
  }

  delete(room: string): void {
    this.#windows.delete(room);
  }

  /** Drops windows of rooms without members, if there are too many. */
  trim(): void {
    for (const room of this.#windows.keys()) {
      if (this.#windows.size <= MAX_IDLE + this.#open.size) return;
      if (!this.#open.has(room)) this.#windows.delete(room);
    }
  }
}
