/**
 * The windows of recent `ref`s, one for each room that gets messages with a `ref`. They are rebuilt
 * from the end of the log, some rows at a time: a log may hold more text than one turn of the event
 * loop can read.
 *
 * The `ref`s of revisions have windows of their own, in memory only. They are for revisions that were stuck in
 * a connection, which does not outlive the process.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import type { Draft } from "../../protocol/encode.ts";
import type { Message } from "../../protocol/messages.ts";
import { Hashes, RefWindow } from "./ref_window.ts";
import { RevisionRefs } from "./revision_refs.ts";
import type { StoredRefs } from "./rows.ts";
import type { SqliteStore } from "./store.ts";
import { WindowCache } from "./window_cache.ts";

/** Characters that are read for rows from before version 3 of the file, which have no hashes. */
const MAX_OLD_CHARS = 1_048_576;

export class RefWindows {
  readonly #store: SqliteStore;
  readonly #size: number;
  readonly #seeds: Uint32Array;
  readonly #messages: WindowCache<RefWindow>;
  readonly #revisions: WindowCache<RevisionRefs>;
  /** Rooms whose `ref`s are being read, one after the other. */
  readonly #preparing = new Map<string, Promise<void>>();
  #lastPrepared: Promise<unknown> = Promise.resolve();

  /**
   * @param size how many messages a window remembers at least.
   * @param open the rooms that have members. Their windows are kept.
   */
  constructor(store: SqliteStore, size: number, open: ReadonlySet<string>) {
    this.#store = store;
    this.#size = size;
    this.#messages = new WindowCache(open);
    this.#revisions = new WindowCache(open);
    // From the file's secret: the same for all hashes in the file, and known to nobody else.
    const digest = createHash("sha256").update("refs").update(store.secret).digest();
    this.#seeds = Uint32Array.from({ length: 2 }, (_, index) => digest.readUInt32LE(4 * index));
  }

  /** Returns a room's window, if it is in memory. */
  get(room: string): RefWindow | undefined {
    return this.#messages.get(room);
  }

  /** Returns the `ref`s of a room's revisions. */
  ofRevisions(room: string): RevisionRefs {
    return this.#revisions.get(room) ??
      this.#revisions.set(room, new RevisionRefs(this.#size, this.#seeds));
  }

  /**
   * Starts to read the windows that a batch needs. Each promise settles when its room's window is there.
   *
   * @returns `undefined` if all windows are there.
   */
  prepare(batch: readonly Draft[]): ReadonlyMap<string, Promise<void>> | undefined {
    let unprepared: Map<string, Promise<void>> | undefined;
    let last: string | undefined;
    for (const { room, ref, revision } of batch) {
      if (ref === undefined || room === last || unprepared?.has(room)) continue;
      if (revision !== undefined) continue;
      last = room;
      if (this.get(room) !== undefined || this.#readAtOnce(room)) continue;
      unprepared ??= new Map();
      unprepared.set(room, this.#prepare(room));
    }
    return unprepared;
  }

  /** Reads a room's window, some rows in each turn of the event loop. */
  async read(room: string): Promise<RefWindow> {
    for (const steps = this.#steps(room);;) {
      const { done, value } = steps.next();
      if (done) return this.get(room) ?? this.#messages.set(room, value);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Forgets the windows of a room from which messages were erased. */
  forget(room: string): void {
    this.#messages.delete(room);
    this.#revisions.delete(room);
  }

  /** Drops windows of rooms without members, if there are too many. */
  trim(): void {
    this.#messages.trim();
    this.#revisions.trim();
  }

  /** Reads a room's window if one step is enough, and none is reading it already. */
  #readAtOnce(room: string): boolean {
    if (this.#preparing.has(room)) return false;
    const steps = this.#steps(room);
    steps.next();
    const { done, value } = steps.next();
    if (done) this.#messages.set(room, value);
    return done === true;
  }

  #prepare(room: string): Promise<void> {
    const known = this.#preparing.get(room);
    if (known !== undefined) return known;
    const reading = this.#lastPrepared.then(async () => {
      await this.read(room);
    }).finally(() => this.#preparing.delete(room));
    this.#lastPrepared = reading.catch(() => {});
    this.#preparing.set(room, reading);
    return reading;
  }

  *#steps(room: string): Generator<undefined, RefWindow> {
    const window = new RefWindow(this.#size, this.#seeds);
    let from = Math.max(1, this.#store.log(room).head - this.#size + 1);
    let old = 0;
    for (;;) {
      const rows = this.#store.refs(room, from);
      for (const row of rows) {
        if (row.hashes === undefined) old = row.last;
        else restore(window, row, row.hashes);
      }
      const last = rows.at(-1)?.last;
      if (last === undefined) break;
      from = last + 1;
      yield;
    }
    if (old > 0) this.#readOld(window, room, old);
    return window;
  }

  /** Reads the `ref`s of rows without hashes from their text. */
  #readOld(window: RefWindow, room: string, upTo: number): void {
    const range = { before: upTo + 1, limit: this.#size, chars: MAX_OLD_CHARS };
    const page = this.#store.read(room, range);
    page?.batch.events.forEach((event, index) => {
      const { from, ref }: Message = JSON.parse(event);
      if (ref !== undefined) window.claim(from.id, ref, page.first + index, new Hashes());
    });
  }
}

function restore(window: RefWindow, { first, last }: StoredRefs, hashes: Uint8Array): void {
  if (hashes.length < 8 * (last - first + 1)) return; // no event of the row has a `ref`
  const halves = new DataView(hashes.buffer, hashes.byteOffset, hashes.byteLength);
  for (let seq = first; seq <= last; seq++) {
    const at = 8 * (seq - first);
    const [low, high] = [halves.getUint32(at, true), halves.getUint32(at + 4, true)];
    if (low !== 0 || high !== 0) window.restore(low, high, seq);
  }
}
