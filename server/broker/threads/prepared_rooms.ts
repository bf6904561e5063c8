/**
 * `PreparedRooms` remembers for which rooms the storing thread has the recent `ref`s in memory, as far as this
 * thread can know. Where it is mistaken, they are read within a commit, which takes longer.
 *
 * @module
 */
import type { Draft } from "../../protocol/encode.ts";

/**
 * Rooms without members that are remembered. The storing thread has the `ref`s of 256 such rooms, for all of
 * its serving threads.
 */
const MAX_IDLE = 64;

export class PreparedRooms {
  readonly #open: Pick<ReadonlySet<string>, "has" | "size">;
  readonly #prepare: (room: string) => Promise<void>;
  /** The least recently used first, as far as rooms without members are concerned. */
  readonly #prepared = new Set<string>();
  readonly #preparing = new Map<string, Promise<void>>();

  /** @param open the rooms that have members on this thread. */
  constructor(
    open: Pick<ReadonlySet<string>, "has" | "size">,
    prepare: (room: string) => Promise<void>,
  ) {
    this.#open = open;
    this.#prepare = prepare;
  }

  /**
   * Starts to prepare the rooms of a batch.
   *
   * @returns `undefined` if all of them are prepared already.
   */
  prepare(batch: readonly Draft[]): ReadonlyMap<string, Promise<void>> | undefined {
    let unprepared: Map<string, Promise<void>> | undefined;
    let last: string | undefined;
    for (const { room, ref, revision } of batch) {
      if (ref === undefined || room === last || revision !== undefined) continue;
      last = room;
      if (this.#has(room) || unprepared?.has(room)) continue;
      unprepared ??= new Map();
      unprepared.set(room, this.#begin(room));
    }
    return unprepared;
  }

  /** Forgets rooms without members, if they are too many. */
  trim(): void {
    for (const room of this.#prepared) {
      if (this.#prepared.size <= MAX_IDLE + this.#open.size) return;
      if (!this.#open.has(room)) this.#prepared.delete(room);
    }
  }

  #has(room: string): boolean {
    if (!this.#prepared.has(room)) return false;
    if (!this.#open.has(room)) {
      this.#prepared.delete(room);
      this.#prepared.add(room);
    }
    return true;
  }

  #begin(room: string): Promise<void> {
    const known = this.#preparing.get(room);
    if (known !== undefined) return known;
    const preparing = this.#prepare(room).then(() => {
      this.#prepared.add(room);
      this.trim();
    }).finally(() => this.#preparing.delete(room));
    this.#preparing.set(room, preparing);
    return preparing;
  }
}
