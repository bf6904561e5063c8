/**
 * The broker for one machine. It keeps the log in a SQLite file with one writer, and makes one commit
 * for each batch. With `synchronous=FULL`, what is committed survives a power cut.
 *
 * A commit blocks the event loop. On a quick disk that costs less than a thread would: `threads/` has one for
 * the others.
 *
 * @module
 */
import { type Log, silentLog } from "../../log.ts";
import type { Draft } from "../../protocol/encode.ts";
import { AgeClock } from "../age_clock.ts";
import type { Broker, BrokerListener, LogState, Range, Receipt, Signal } from "../broker.ts";
import type { Archive } from "../archive.ts";
import type { Backups } from "../backups.ts";
import type { Journal } from "../journal.ts";
import type { MarkStore } from "../marks.ts";
import type { Order, Sanction } from "../orders.ts";
import type { Page } from "../page.ts";
import type { RetainedEvent } from "../retained.ts";
import type { ReactionRange, RevisedMessage, RevisedRange } from "../revisions.ts";
import type { StoreGauges, StoreTrouble } from "../store_health.ts";
import type { RevisedRow } from "./additions.ts";
import { keepOldFile } from "./kept_file.ts";
import { Numbering } from "./numbering.ts";
import type { RefWindow } from "./ref_window.ts";
import { RefWindows } from "./ref_windows.ts";
import type { NewRow } from "./rows.ts";
import { REACTION_CHARS } from "./revision_tables.ts";
import { StateWrites } from "./state_writes.ts";
import { SqliteEraser } from "./sqlite_eraser.ts";
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

const PRUNE_EVERY_MS = 5_000;

export class SqliteBroker implements Broker {
  readonly location: string;
  readonly secret: Uint8Array;
  readonly journal: Journal;
  readonly marks: MarkStore;
  readonly eraser: SqliteEraser;
  readonly backups: Backups | undefined;
  /** Reads and writes all that the file holds, for programs that serve nobody. */
  readonly archive: Archive;
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
   * @param log says how a file of an older schema is kept before it is migrated.
   * @throws {BrokerError} if it is foreign, damaged, of another version, in use, or not writable.
   */
  static async open(options: SqliteOptions, log: Log = silentLog): Promise<SqliteBroker> {
    if (options.path !== ":memory:") await keepOldFile(options.path, log);
    const broker = new SqliteBroker(options);
    await broker.#store.backups?.clean();
    return broker;
  }

  private constructor(options: SqliteOptions) {
    this.#store = new SqliteStore(options, this.#open);
    this.secret = this.#store.secret;
    this.journal = this.#store.journal;
    this.location = options.path === ":memory:" ? "memory" : options.path;
    this.#now = options.now ?? Date.now;
    const steady = options.steady ?? (() => performance.now());
    this.#ages = new AgeClock({ wall: this.#now, steady }, this.#store.newestAt);
    this.#refs = new RefWindows(this.#store, options.dedupeMessages, this.#open);
    this.#state = new StateWrites(this.#store, this.#open);
    this.marks = this.#state.marks;
    this.backups = this.#store.backups;
    this.archive = this.#store.archive;
    this.eraser = new SqliteEraser(this.#store, this.#refs, this.#state, this.#open);
    this.#pruneTimer = setInterval(() => this.prune(), PRUNE_EVERY_MS);
    Deno.unrefTimer(Number(this.#pruneTimer));
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
    this.#state.listen(listener);
    this.eraser.listen(listener);
  }

  // deno-lint-ignore require-await -- asynchronous because other stores are on another machine; so also below
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
  async canResume(room: string, mark: string, seq: number, rev = 0): Promise<boolean> {
    return this.#store.canResume(room, mark, seq, rev);
  }

  prepare(batch: readonly Draft[]): ReadonlyMap<string, Promise<void>> | undefined {
    return this.#refs.prepare(batch);
  }

  async publish<D extends Draft>(batch: readonly D[]): Promise<readonly Receipt<D>[]> {
    const windows = new Map<string, RefWindow | undefined>();
    let chars = 0;
    let last: string | undefined;
    for (const { room, ref, head, rest, revision } of batch) {
      chars += head.length + rest.length + (revision?.kind === "react" ? REACTION_CHARS : 0);
      if (ref === undefined || room === last || revision !== undefined) continue;
      last = room;
      windows.set(room, this.#refs.get(room));
    }
    for (const [room, window] of windows) {
      // The tick has had all windows prepared, but one may have been dropped since.
      if (window === undefined) windows.set(room, await this.#refs.read(room));
    }
    this.#store.makeRoom(chars);
    const at = this.#now();
    const numbering = new Numbering<D>(this.#store, this.#refs, at, windows);
    numbering.take(batch);
    this.#commit(numbering.revised(), numbering.rows(), at);
    return numbering.receipts();
  }

  // deno-lint-ignore require-await
  async read(room: string, range: Range): Promise<Page | undefined> {
    return this.#store.read(room, range);
  }

  // deno-lint-ignore require-await
  async revisedSince(room: string, range: RevisedRange): Promise<readonly RevisedMessage[]> {
    return this.#store.revisions.since(this.#store.log(room), range);
  }

  // deno-lint-ignore require-await
  async reactionsOf(
    room: string,
    userId: string,
    range: ReactionRange,
  ): Promise<ReadonlyMap<number, readonly string[]>> {
    return this.#store.revisions.reactionsOf(this.#store.log(room), userId, range);
  }

  signal(room: string, signal: Signal): void {
    if (this.#open.has(room)) this.#listener.signalled(room, signal);
  }

  /** Reads all that a room retains: the events by name. */
  retained(room: string): ReadonlyMap<string, string> {
    return this.#store.tables.retained(room);
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

  probe(): Promise<StoreTrouble | undefined> {
    return this.#store.probe();
  }

  /** Makes a commit that changes nothing. @throws what a commit would throw. */
  commitNothing(): void {
    this.#store.commitNothing();
  }

  measure(): StoreGauges {
    return { bytes: this.#store.usedBytes };
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
    await this.#store.backups?.close();
    this.#state.flush();
    this.#store.close();
  }

  #commit(revised: readonly RevisedRow[], rows: readonly NewRow[], at: number): void {
    if (rows.length === 0 && revised.length === 0) return;
    this.#store.append(rows, at, revised);
    for (const { log, page } of rows) this.#listener.committed(log.room, page);
    if (revised.length === 0) return;
    for (const [{ room }, messages] of Map.groupBy(revised, ({ log }) => log)) {
      this.#listener.revised?.(
        room,
        messages.map(({ seq, rev, message }) => ({ seq, rev, message })),
      );
    }
  }
}
