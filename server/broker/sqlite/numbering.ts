/**
 * `Numbering` works out what a batch comes to before it is committed: it numbers each message, or finds
 * the one that it repeats, and applies each revision.
 *
 * @module
 */
import { type Draft, numbered } from "../../protocol/encode.ts";
import { hasRef, type Receipt } from "../broker.ts";
import { isRevision } from "../revisions.ts";
import { Hashes, type RefWindow } from "./ref_window.ts";
import type { Addition, RevisedRow } from "./additions.ts";
import { BatchRevisions } from "./batch_revisions.ts";
import { type NewRow, pagesOf } from "./rows.ts";
import type { RefWindows } from "./ref_windows.ts";
import type { SqliteStore } from "./store.ts";

export class Numbering<D extends Draft> {
  readonly #store: SqliteStore;
  readonly #refs: RefWindows;
  readonly #at: number;
  readonly #windows: ReadonlyMap<string, RefWindow | undefined>;
  readonly #additions = new Map<string, Addition>();
  readonly #receipts: Receipt<D>[] = [];
  /** Undefined until there is a revision: most batches have none. */
  #revisions: BatchRevisions<D> | undefined;

  /**
   * @param at when the batch is committed, in milliseconds since 1970.
   * @param windows the recent `ref`s of the rooms where the batch has some.
   */
  constructor(
    store: SqliteStore,
    refs: RefWindows,
    at: number,
    windows: ReadonlyMap<string, RefWindow | undefined>,
  ) {
    this.#store = store;
    this.#refs = refs;
    this.#at = at;
    this.#windows = windows;
  }

  /** Numbers the messages of a batch, and applies its revisions. */
  take(batch: readonly D[]): void {
    let addition: Addition | undefined;
    for (const draft of batch) {
      const { room, userId, ref } = draft;
      if (addition?.log.room !== room) addition = this.#additionTo(room, batch.length);
      if (isRevision(draft)) {
        this.#revisions ??= new BatchRevisions(this.#store, this.#refs, this.#at);
        this.#revisions.apply(draft, addition, this.#receipts);
        continue;
      }
      const { refs, events, hashes } = addition;
      const seq = addition.first + events.length;
      if (ref === undefined || refs === undefined) {
        hashes.push(0, 0);
      } else {
        const known = refs.claim(userId, ref, seq, hashes);
        const event = known === 0 ? undefined : this.#eventAt(known, addition);
        if (event !== undefined && hasRef(event, userId, ref)) {
          hashes.pop();
          this.#receipts.push({ draft, seq: known, event, repeated: true });
          continue;
        }
        if (known !== 0) refs.set(userId, ref, seq);
      }
      draft.seq = seq;
      const event = numbered(draft, seq, this.#at);
      events.push(event);
      if (draft.receipt) this.#receipts.push({ draft, seq, event, repeated: false });
    }
  }

  /** Returns the messages that the batch has revised. Call it once, before `rows`. */
  revised(): readonly RevisedRow[] {
    return this.#revisions?.number(this.#receipts) ?? [];
  }

  /** Returns the new messages as rows. */
  rows(): readonly NewRow[] {
    const rows: NewRow[] = [];
    for (const { log, first, events, hashes } of this.#additions.values()) {
      for (const page of pagesOf(first, events)) {
        const refs = hashes.bytes(page.first - first, page.last - first + 1);
        rows.push({ log, page, refs });
      }
    }
    return rows;
  }

  /** Returns the receipts. Call it when the batch is committed. */
  receipts(): readonly Receipt<D>[] {
    this.#revisions?.complete(this.#receipts);
    return this.#receipts;
  }

  #additionTo(room: string, expected: number): Addition {
    let addition = this.#additions.get(room);
    if (addition === undefined) {
      const log = this.#store.log(room);
      // A batch is mostly for one room.
      const hashes = new Hashes(this.#additions.size === 0 ? expected : 16);
      const refs = this.#windows.get(room);
      addition = { log, refs, first: log.head + 1, events: [], hashes };
      this.#additions.set(room, addition);
    }
    return addition;
  }

  /** Returns the event that has that `seq`; `undefined` if it is not stored, or not any more. */
  #eventAt(seq: number, { log, first, events }: Addition): string | undefined {
    return seq >= first ? events[seq - first] : this.#store.event(log.room, seq);
  }
}
