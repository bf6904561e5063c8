/**
 * `WindowCache` keeps the recent `ref`s of each room that has members, and of some of the others.
 *
 * @module
 */
export class WindowCache<W> {
  readonly #open: ReadonlySet<string>;
  readonly #maxIdle: number;
  /** The least recently used first, as far as rooms without members are concerned. */
  readonly #windows = new Map<string, W>();

  /**
   * @param open the rooms that have members. Their windows are kept.
   * @param maxIdle windows of other rooms that are kept: their members may return.
   */
  constructor(open: ReadonlySet<string>, maxIdle: number) {
    this.#open = open;
    this.#maxIdle = maxIdle;
  }

  /** Returns a room's window, if there is one. */
  get(room: string): W | undefined {
    const window = this.#windows.get(room);
    if (window !== undefined && !this.#open.has(room)) this.set(room, window);
    return window;
  }

  set(room: string, window: W): W {
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
      if (this.#windows.size <= this.#maxIdle + this.#open.size) return;
      if (!this.#open.has(room)) this.#windows.delete(room);
    }
  }
}
