/**
 * The log on one machine: a SQLite file with one writer, and one commit for each batch. Here is what
 * can be known without the disk: the head of each room, and which `ref`s its newest messages carry.
 * `synchronous=FULL`: what is committed survives a power cut.
 *
 * A commit blocks the event loop. It was tried in a thread of its own, and with only the sync left to
 * the runtime's threads: since the senders of one batch wait for it before they send the next, there
 * was little to do meanwhile, and what was done made two small batches of each large one.
 *
 * @module
 */
import { type Draft, numbered } from "../../protocol/encode.ts";
import type { Broker, BrokerListener, LogState, Range, Receipt, Signal } from "../broker.ts";
import type { Page } from "../page.ts";
import { AgeClock } from "../age_clock.ts";
import { LogRefs } from "./log_refs.ts";
import { Hashes } from "./ref_window.ts";
import { type Addition, charsOf, isOf, type Log, pagesOf } from "./batch_rows.ts";
import { type Row, SqliteStore, type StoreOptions } from "./store.ts";

export interface SqliteOptions extends StoreOptions {
  /** Newest messages of a room among which a repeated `ref` is recognised. */
  readonly dedupeMessages: number;
  /** Milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
  /** Milliseconds that only ever grow, whatever is done to the clock. @default {performance.now} */
  readonly steady?: () => number;
}

/** Logs without members that stay known, so that one who comes and goes does not cost a rebuild. */
const IDLE_LOGS = 256;
const PRUNE_EVERY_MS = 5_000;

export class SqliteBroker implements Broker {
  readonly location: string;
  readonly secret: Uint8Array;
  readonly #store: SqliteStore;
  readonly #now: () => number;
  readonly #ages: AgeClock;
  readonly #refs: LogRefs;
  /** Logs of rooms that are open or were lately, the longest unused first. */
  readonly #logs = new Map<string, Log>();
  readonly #open = new Set<string>();
  readonly #janitor: ReturnType<typeof setInterval>;
  #listener: BrokerListener = { committed() {}, signalled() {} };
  /** Rooms whose `ref`s are being read, one after the other. */
  readonly #preparing = new Map<string, Promise<void>>();
  #prepared: Promise<unknown> = Promise.resolve();
  #publishing = false;

  /**
   * Opens the file, creating it if there is none.
   *
   * @throws {BrokerError} if it is not ours, damaged, of another version, in use, or not writable.
   */
  // deno-lint-ignore require-await -- asynchronous for brokers that have to connect
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
    this.#refs = new LogRefs(this.#store, options.dedupeMessages);
    this.#janitor = setInterval(() => this.prune(), PRUNE_EVERY_MS);
    Deno.unrefTimer(Number(this.#janitor));
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  // deno-lint-ignore require-await -- as above, and so below
  async open(room: string): Promise<LogState> {
    this.#open.add(room);
    this.#log(room);
    return this.#store.state(room);
  }

  // deno-lint-ignore require-await
  async state(room: string): Promise<LogState> {
    return this.#store.state(room);
  }

  close(room: string): void {
    this.#open.delete(room);
    this.#store.pruning.closed(room);
    this.#forgetIdle();
  }

  // deno-lint-ignore require-await
  async canResume(room: string, mark: string, seq: number): Promise<boolean> {
    return this.#store.vouches(room, mark, seq);
  }

  prepare(batch: readonly Draft[]): ReadonlyMap<string, Promise<void>> | undefined {
    let unprepared: Map<string, Promise<void>> | undefined;
    for (const log of this.#withoutRefs(batch)) {
      log.refs = this.#refs.begin(log.room);
      if (log.refs !== undefined) continue;
      unprepared ??= new Map();
      unprepared.set(log.room, this.#prepare(log));
    }
    return unprepared;
  }

  async publish<D extends Draft>(batch: readonly D[]): Promise<readonly Receipt<D>[]> {
    this.#publishing = true;
    try {
      // The hub has prepared all of them, unless one was forgotten since.
      for (const log of this.#withoutRefs(batch)) log.refs ??= await this.#refs.read(log.room);
      this.#forget(this.#store.pruning.makeRoom(charsOf(batch)));
      const additions = new Map<string, Addition>();
      const at = this.#now();
      const receipts = this.#number(batch, at, additions);
      this.#commit(additions.values(), at);
      return receipts;
    } finally {
      this.#publishing = false;
      this.#forgetIdle();
    }
  }

  // deno-lint-ignore require-await
  async read(room: string, range: Range): Promise<Page | undefined> {
    return this.#store.read(room, range);
  }

  signal(room: string, signal: Signal): void {
    if (this.#open.has(room)) this.#listener.signalled(room, signal);
  }

  // deno-lint-ignore require-await
  async check(): Promise<void> {
    this.#store.check();
  }

  /** One small step through the rooms, removing messages that are older than is kept. */
  prune(): void {
    try {
      this.#forget(this.#store.pruning.prune(this.#ages.now()));
    } catch {
      // The disk is full or away: what is too old is removed at a later step.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#janitor);
    await Promise.resolve();
    this.#store.close();
  }

  /** Gives each draft its place, or finds the message that it repeats. */
  #number<D extends Draft>(
    batch: readonly D[],
    at: number,
    additions: Map<string, Addition>,
  ): Receipt<D>[] {
    const receipts: Receipt<D>[] = [];
    let expected = batch.length; // all are for one room, as a rule
    for (const draft of batch) {
      const { room, userId, ref } = draft;
      let addition = additions.get(room);
      if (addition === undefined) {
        const log = this.#log(room);
        addition = { log, first: log.head + 1, events: [], hashes: new Hashes(expected) };
        additions.set(room, addition);
        expected = 16;
      }
      const { log, events, hashes } = addition;
      const seq = addition.first + events.length;
      if (ref === undefined) {
        hashes.push(0, 0);
      } else {
        log.refs ??= this.#refs.none(); // a room that was just forgotten
        const known = log.refs.claim(userId, ref, seq, hashes);
        const event = known === 0 ? undefined : this.#eventAt(known, addition);
        if (event !== undefined && isOf(event, draft)) {
          hashes.pop();
          receipts.push({ draft, seq: known, event, repeated: true });
          continue;
        }
        if (known !== 0) log.refs.give(userId, ref, seq);
      }
      const event = numbered(draft, seq, at);
      events.push(event);
      if (draft.receipt) receipts.push({ draft, seq, event, repeated: false });
    }
    return receipts;
  }

  #commit(additions: Iterable<Addition>, at: number): void {
    const rows: (Row & { readonly log: Log })[] = [];
    for (const { log, first, events, hashes } of additions) {
      const { room } = log;
      for (const page of pagesOf(first, events)) {
        const refs = hashes.bytes(page.first - first, page.last - first + 1);
        rows.push({ log, room, page, refs });
      }
    }
    if (rows.length === 0) return;
    this.#store.append(rows, at);
    for (const { log, page } of rows) {
      log.head = page.last;
      this.#listener.committed(log.room, page);
    }
  }

  /** The logs of a batch whose `ref`s are needed and not known. */
  *#withoutRefs(batch: readonly Draft[]): Generator<Log> {
    let last: string | undefined;
    for (const { room, ref } of batch) {
      if (ref === undefined || room === last) continue;
      last = room;
      const log = this.#log(room);
      if (log.refs === undefined) yield log;
    }
  }

  /** Reads a room's `ref`s in steps, after those that are being read. */
  #prepare(log: Log): Promise<void> {
    const { room } = log;
    const known = this.#preparing.get(room);
    if (known !== undefined) return known;
    const reading = this.#prepared.then(async () => {
      log.refs = await this.#refs.read(room);
    }).finally(() => this.#preparing.delete(room));
    this.#prepared = reading.catch(() => {});
    this.#preparing.set(room, reading);
    return reading;
  }

  /** What was known of rooms that the store has forgotten. */
  #forget(rooms: readonly string[]): void {
    for (const room of rooms) this.#logs.delete(room);
  }

  /** The log of a room that is open or written to: those stay known, those that are only read do not. */
  #log(room: string): Log {
    let log = this.#logs.get(room);
    if (log !== undefined && this.#open.has(room)) return log;
    log ??= { room, head: this.#store.head(room), refs: undefined };
    this.#logs.delete(room);
    this.#logs.set(room, log);
    return log;
  }

  #forgetIdle(): void {
    let idle = this.#logs.size - this.#open.size;
    if (idle <= IDLE_LOGS || this.#publishing) return;
    for (const room of this.#logs.keys()) {
      if (idle <= IDLE_LOGS) return;
      if (this.#open.has(room) || this.#preparing.has(room)) continue;
      this.#logs.delete(room);
      idle--;
    }
  }

  /** The event that has that `seq`; `undefined` if it is no longer kept. */
  #eventAt(seq: number, { log, first, events }: Addition): string | undefined {
    if (seq >= first) return events[seq - first];
    const page = this.#store.read(log.room, { after: seq - 1, limit: 1 });
    return page?.first === seq ? page.batch.events[0] : undefined;
  }
}
