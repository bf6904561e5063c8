/**
 * Rebuilds the window of a room's `ref`s from the end of its log, some rows at a time: a log may hold
 * more text than a turn can bear, and more than fits into one string.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import type { Message } from "../../protocol/messages.ts";
import { Hashes, RefWindow } from "./ref_window.ts";
import type { SqliteStore, StoredRefs } from "./store.ts";

/**
 * Text that is read for the `ref`s of rows from before version 3 of the file, which have no hashes:
 * the newest of a room.
 */
const OLD_CHARS = 1_048_576;

export class LogRefs {
  readonly #store: SqliteStore;
  readonly #size: number;
  readonly #seeds: Uint32Array;

  /** @param size how many messages a window remembers at the least. */
  constructor(store: SqliteStore, size: number) {
    this.#store = store;
    this.#size = size;
    // From the secret of the file: the same for all hashes in it, and nobody can know them.
    const digest = createHash("sha256").update("refs").update(store.secret).digest();
    this.#seeds = Uint32Array.from({ length: 2 }, (_, index) => digest.readUInt32LE(4 * index));
  }

  /** The window of a log without messages. */
  none(): RefWindow {
    return new RefWindow(this.#size, this.#seeds);
  }

  /** The window of a log that is read in one step; `undefined` if it takes more. */
  begin(room: string): RefWindow | undefined {
    const steps = this.#steps(room);
    steps.next();
    const { done, value } = steps.next();
    return done ? value : undefined;
  }

  /** The window of a log of any length. */
  async read(room: string): Promise<RefWindow> {
    for (const steps = this.#steps(room);;) {
      const { done, value } = steps.next();
      if (done) return value;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  *#steps(room: string): Generator<undefined, RefWindow> {
    const window = this.none();
    let from = Math.max(1, this.#store.head(room) - this.#size + 1);
    let old = 0;
    for (;;) {
      const rows = this.#store.refs(room, from);
      for (const row of rows) {
        if (row.refs === undefined) old = row.last;
        else restore(window, row, row.refs);
      }
      const last = rows.at(-1)?.last;
      if (last === undefined) break;
      from = last + 1;
      yield;
    }
    if (old > 0) this.#readOld(window, room, old);
    return window;
  }

  #readOld(window: RefWindow, room: string, upTo: number): void {
    const range = { before: upTo + 1, limit: this.#size, chars: OLD_CHARS };
    const page = this.#store.read(room, range);
    page?.batch.events.forEach((event, index) => {
      const { from, ref }: Message = JSON.parse(event);
      if (ref !== undefined) window.claim(from.id, ref, page.first + index, new Hashes());
    });
  }
}

function restore(window: RefWindow, { first, last }: StoredRefs, refs: Uint8Array): void {
  if (refs.length < 8 * (last - first + 1)) return; // none of them has a `ref`
  const halves = new DataView(refs.buffer, refs.byteOffset, refs.byteLength);
  for (let seq = first; seq <= last; seq++) {
    const at = 8 * (seq - first);
    const [low, high] = [halves.getUint32(at, true), halves.getUint32(at + 4, true)];
    if (low !== 0 || high !== 0) window.restore(low, high, seq);
  }
}
