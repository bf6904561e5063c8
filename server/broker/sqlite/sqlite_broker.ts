/**
 * The broker for one machine. It keeps the log in a SQLite file with one writer, and makes one commit
 * for each batch. With `synchronous=FULL`, what is committed survives a power cut.
 *
 * A commit blocks the event loop. Two ways around that were tried: a thread for the commits, and only
 * the sync in another thread. Neither helped. The senders of one batch wait for it before they send
 * the next, so there was little to do meanwhile, and that little made two small batches of a large one.
 *
 * @module
 */
import { type Draft, numbered } from "../../protocol/encode.ts";
import { AgeClock } from "../age_clock.ts";
import type { Broker, BrokerListener, LogState, Range, Receipt, Signal } from "../broker.ts";
import type { Journal } from "../journal.ts";
import { hasRef } from "../broker.ts";
import type { Order, Sanction } from "../orders.ts";
import type { Page } from "../page.ts";
import type { RetainedEvent } from "../retained.ts";
import type { ReactionRange, RevisedMessage, RevisedRange } from "../revisions.ts";
import type { Log } from "./log_cache.ts";
import { Hashes, type RefWindow } from "./ref_window.ts";
import { RefWindows } from "./ref_windows.ts";
import { type NewRow, pagesOf } from "./rows.ts";
import { StateWrites } from "./state_writes.ts";
import { SqliteStore, type StoreOptions } from "./store.ts";

export interface SqliteOptions extends StoreOptions {
  /** Newest messages of a room among which a repeated `ref` is recognised. */
  readonly dedupeMessages: number;
  /**
   * The wall clock: milliseconds since 1970.
   *
   * @default {Date.now}
   */
  readonly now?: () => number;
  /**
   * A clock in milliseconds that only ever grows, also when the wall clock is changed.
   *
   * @default {performance.now}
   */
  readonly steady?: () => number;
}

/** The new messages of one room in a batch, until they are committed. */
interface Addition {
  readonly log: Log;
  /** Undefined if none of the messages has a `ref`. */
  readonly refs: RefWindow | undefined;
  readonly first: number;
  readonly events: string[];
  readonly hashes: Hashes;
}

const PRUNE_EVERY_MS = 5_000;

export class SqliteBroker implements Broker {
  readonly location: string;
  readonly secret: Uint8Array;
  readonly #store: SqliteStore;
  readonly #now: () => number;
  readonly #ages: AgeClock;
  readonly #refs: RefWindows;
  readonly #state: StateWrites;
  readonly #open = new Set<string>();
  readonly #pruneTimer: ReturnType<typeof setInterval>;
  #listener: BrokerListener = { committed() {}, signalled() {} };

  /**
   * Opens the file, and creates it if there is none.
   *
   * @throws {BrokerError} if it is foreign, damaged, of another version, in use, or not writable.
   */
  // deno-lint-ignore require-await -- asynchronous because other brokers have to connect
  static async open(options: SqliteOptions): Promise<SqliteBroker> {
    return new SqliteBroker(options);
  }

  private constructor(options: SqliteOptions) {
    this.#store = new SqliteStore(options, this.#open);
    this.secret = this.#store.secret;
    this.location = options.path === ":memory:" ? "memory" : options.path;
    this.#now = options.now ?? Date.now;
    const steady = options.steady ?? (() => performance.now());
    this.#ages = new AgeClock({ wall: this.#now, steady }, this.#store.newestAt);
    this.#refs = new RefWindows(this.#store, options.dedupeMessages, this.#open);
    this.#state = new StateWrites(this.#store, this.#open);
    this.#pruneTimer = setInterval(() => this.prune(), PRUNE_EVERY_MS);
    Deno.unrefTimer(Number(this.#pruneTimer));
  }

  get journal(): Journal {
    return this.#store.journal;
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
    this.#state.listen(listener);
  }

  // deno-lint-ignore require-await -- as above, and so below
  async open(room: string): Promise<LogState> {
    this.#open.add(room);
    this.#state.opened(room);
    return this.#store.state(room);
  }

  // deno-lint-ignore require-await
  async state(room: string): Promise<LogState> {
    return this.#store.state(room);
  }

  close(room: string): void {
    this.#open.delete(room);
    this.#refs.trim();
    this.#store.roomClosed(room);
  }

  // deno-lint-ignore require-await
  async canResume(room: string, mark: string, seq: number): Promise<boolean> {
    return this.#store.canResume(room, mark, seq);
  }

  prepare(batch: readonly Draft[]): ReadonlyMap<string, Promise<void>> | undefined {
    return this.#refs.prepare(batch);
  }

  async publish<D extends Draft>(batch: readonly D[]): Promise<readonly Receipt<D>[]> {
    const windows = new Map<string, RefWindow | undefined>();
    let chars = 0;
    let last: string | undefined;
    for (const { room, ref, head, rest } of batch) {
      chars += head.length + rest.length;
      if (ref === undefined || room === last) continue;
      last = room;
      windows.set(room, this.#refs.get(room));
    }
    for (const [room, window] of windows) {
      // The tick has had all windows prepared, but one may have been dropped since.
      if (window === undefined) windows.set(room, await this.#refs.read(room));
    }
    this.#store.makeRoom(chars);
    const at = this.#now();
    const additions = new Map<string, Addition>();
    const receipts = this.#number(batch, at, additions, windows);
    this.#commit(additions.values(), at);
    return receipts;
  }

  // deno-lint-ignore require-await
  async read(room: string, range: Range): Promise<Page | undefined> {
    return this.#store.read(room, range);
  }

  // deno-lint-ignore require-await
  async revisedSince(_room: string, _range: RevisedRange): Promise<readonly RevisedMessage[]> {
    return [];
  }

  // deno-lint-ignore require-await
  async reactionsOf(
    _room: string,
    _userId: string,
    _range: ReactionRange,
  ): Promise<ReadonlyMap<number, readonly string[]>> {
    return new Map();
  }

  signal(room: string, signal: Signal): void {
    if (this.#open.has(room)) this.#listener.signalled(room, signal);
  }

  retain(room: string, event: RetainedEvent): Promise<void> {
    return this.#state.retain(room, event);
  }

  order(order: Order): Promise<void> {
    return this.#state.order(order);
  }

  sanctions(): readonly Sanction[] {
    return this.#store.tables.sanctions(this.#ages.now());
  }

  // deno-lint-ignore require-await
  async check(): Promise<void> {
    this.#store.check();
  }

  /** Removes some of the messages that are older than is kept. A timer calls this. */
  prune(): void {
    try {
      this.#store.prune(this.#ages.now());
    } catch {
      // The disk is full or away. A later call removes what is too old.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#pruneTimer);
    await Promise.resolve();
    this.#state.flush();
    this.#store.close();
  }

  /** Numbers each draft, or finds the message that it repeats. */
  #number<D extends Draft>(
    batch: readonly D[],
    at: number,
    additions: Map<string, Addition>,
    windows: ReadonlyMap<string, RefWindow | undefined>,
  ): Receipt<D>[] {
    const receipts: Receipt<D>[] = [];
    let addition: Addition | undefined;
    for (const draft of batch) {
      const { room, userId, ref } = draft;
      if (addition?.log.room !== room) addition = additions.get(room);
      if (addition === undefined) {
        const log = this.#store.log(room);
        const refs = windows.get(room);
        // A batch is mostly for one room.
        const hashes = new Hashes(additions.size === 0 ? batch.length : 16);
        addition = { log, refs, first: log.head + 1, events: [], hashes };
        additions.set(room, addition);
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
          receipts.push({ draft, seq: known, event, repeated: true });
          continue;
        }
        if (known !== 0) refs.set(userId, ref, seq);
      }
      const event = numbered(draft, seq, at);
      events.push(event);
      if (draft.receipt) receipts.push({ draft, seq, event, repeated: false });
    }
    return receipts;
  }

  #commit(additions: Iterable<Addition>, at: number): void {
    const rows: NewRow[] = [];
    for (const { log, first, events, hashes } of additions) {
      for (const page of pagesOf(first, events)) {
        const refs = hashes.bytes(page.first - first, page.last - first + 1);
        rows.push({ log, page, refs });
      }
    }
    if (rows.length === 0) return;
    this.#store.append(rows, at);
    for (const { log, page } of rows) this.#listener.committed(log.room, page);
  }

  /** Returns the event that has that `seq`; `undefined` if it is not stored, or not any more. */
  #eventAt(seq: number, { log, first, events }: Addition): string | undefined {
    if (seq >= first) return events[seq - first];
    const page = this.#store.read(log.room, { after: seq - 1, limit: 1 });
    return page?.first === seq ? page.batch.events[0] : undefined;
  }
}
