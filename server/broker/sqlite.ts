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
import { type Draft, type Message, numbered } from "../protocol.ts";
import {
  type Broker,
  type BrokerListener,
  Frame,
  type LogState,
  type Page,
  type Range,
  type Receipt,
  type Signal,
} from "./broker.ts";
import { RefWindow } from "./ref_window.ts";
import { SqliteStore, type StoreOptions } from "./sqlite_store.ts";

export interface SqliteOptions extends StoreOptions {
  /** Newest messages of a room among which a repeated `ref` is recognised. */
  readonly dedupeMessages: number;
  /** Milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
}

/** What is known of a room without asking the disk. */
interface Log {
  readonly room: string;
  head: number;
  /** Read when the first `ref` comes: most rooms that are only read never need it. */
  refs: RefWindow | undefined;
}

/** What a batch brings to one room, until it is committed. */
interface Addition {
  readonly log: Log;
  readonly first: number;
  readonly events: string[];
}

/**
 * About how much text a page holds at most. It is a row and it is a frame: small enough to be cut
 * when a part of it is asked for, and to lie in the processor's cache while a thousand are sent it.
 */
const PAGE_CHARS = 65_536;
/** Logs without members that stay known, so that one who comes and goes does not cost a rebuild. */
const IDLE_LOGS = 256;
const PRUNE_EVERY_MS = 5_000;

export class SqliteBroker implements Broker {
  readonly place: string;
  readonly secret: Uint8Array;
  readonly #store: SqliteStore;
  readonly #now: () => number;
  readonly #dedupeMessages: number;
  /** Logs of rooms that are open or were lately, the longest unused first. */
  readonly #logs = new Map<string, Log>();
  readonly #open = new Set<string>();
  readonly #janitor: ReturnType<typeof setInterval>;
  #listener: BrokerListener = { committed() {}, signalled() {} };

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
    this.#store = new SqliteStore(options);
    this.secret = this.#store.secret;
    this.place = options.path === ":memory:" ? "memory" : options.path;
    this.#now = options.now ?? Date.now;
    this.#dedupeMessages = options.dedupeMessages;
    this.#janitor = setInterval(() => this.prune(), PRUNE_EVERY_MS);
    Deno.unrefTimer(Number(this.#janitor));
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  open(room: string): Promise<LogState> {
    this.#open.add(room);
    return this.state(room);
  }

  // deno-lint-ignore require-await -- as above, and so below
  async state(room: string): Promise<LogState> {
    return { epoch: this.#store.epoch, head: this.#log(room).head };
  }

  close(room: string): void {
    this.#open.delete(room);
    this.#forgetIdle();
  }

  // deno-lint-ignore require-await
  async publish<D extends Draft>(batch: readonly D[]): Promise<readonly Receipt<D>[]> {
    const additions = new Map<string, Addition>();
    const at = this.#now();
    const receipts = this.#number(batch, at, additions);
    if (additions.size > 0) this.#commit(additions.values(), at);
    return receipts;
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
      this.#store.prune(this.#now());
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
    for (const draft of batch) {
      const { room, userId, ref } = draft;
      // In a batch of very many rooms the log of one may have been forgotten since its last draft.
      let addition = additions.get(room);
      const log = addition?.log ?? this.#log(room);
      const seq = addition === undefined ? log.head + 1 : addition.first + addition.events.length;
      if (ref !== undefined) {
        log.refs ??= this.#readRefs(room);
        const known = log.refs.claim(userId, ref, seq);
        const event = known === 0 ? undefined : this.#eventAt(known, room, addition);
        if (event !== undefined && isOf(event, draft)) {
          receipts.push({ draft, seq: known, event, repeated: true });
          continue;
        }
        if (known !== 0) log.refs.give(userId, ref, seq);
      }
      if (addition === undefined) {
        addition = { log, first: seq, events: [] };
        additions.set(room, addition);
      }
      const event = numbered(draft, seq, at);
      addition.events.push(event);
      if (draft.receipt) receipts.push({ draft, seq, event, repeated: false });
    }
    return receipts;
  }

  #commit(additions: Iterable<Addition>, at: number): void {
    const pages: { readonly log: Log; readonly page: Page }[] = [];
    for (const { log, first, events } of additions) {
      for (const page of pagesOf(first, events)) pages.push({ log, page });
    }
    this.#store.append(pages.map(({ log: { room }, page }) => ({ room, page })), at);
    for (const { log, page } of pages) {
      log.head = page.last;
      this.#logs.set(log.room, log);
      this.#listener.committed(log.room, page);
    }
  }

  #log(room: string): Log {
    let log = this.#logs.get(room);
    if (log !== undefined && this.#open.has(room)) return log;
    log ??= { room, head: this.#store.head(room), refs: undefined };
    this.#logs.delete(room);
    this.#logs.set(room, log);
    this.#forgetIdle();
    return log;
  }

  #forgetIdle(): void {
    let idle = this.#logs.size - this.#open.size;
    if (idle <= IDLE_LOGS) return;
    for (const room of this.#logs.keys()) {
      if (idle <= IDLE_LOGS) return;
      if (this.#open.has(room)) continue;
      this.#logs.delete(room);
      idle--;
    }
  }

  /** The event that has that `seq`; `undefined` if it is no longer kept. */
  #eventAt(seq: number, room: string, addition: Addition | undefined): string | undefined {
    if (addition !== undefined && seq >= addition.first) {
      return addition.events[seq - addition.first];
    }
    const page = this.#store.read(room, { after: seq - 1, limit: 1 });
    return page?.first === seq ? page.frame.events[0] : undefined;
  }

  /** The window of a room's `ref`s, from the end of its log. */
  #readRefs(room: string): RefWindow {
    const refs = new RefWindow(this.#dedupeMessages);
    const page = this.#store.read(room, { limit: this.#dedupeMessages });
    page?.frame.events.forEach((event, index) => {
      const { from, ref }: Message = JSON.parse(event);
      if (ref !== undefined) refs.claim(from.id, ref, page.first + index);
    });
    return refs;
  }
}

/** Whether a message is the one that a draft repeats: the window of `ref`s knows hashes only. */
function isOf(event: string, { userId, ref }: Draft): boolean {
  const message: Message = JSON.parse(event);
  return message.from.id === userId && message.ref === ref;
}

/** Events as pages: one, unless they are much. */
function pagesOf(first: number, events: readonly string[]): Page[] {
  const whole = { first, last: first + events.length - 1, frame: Frame.fromEvents(events) };
  if (whole.frame.size <= PAGE_CHARS) return [whole];
  const pages: Page[] = [];
  let chars = 0;
  let start = 0;
  events.forEach((event, index) => {
    chars += event.length;
    if (chars < PAGE_CHARS && index < events.length - 1) return;
    const frame = Frame.fromEvents(events.slice(start, index + 1));
    pages.push({ first: first + start, last: first + index, frame });
    start = index + 1;
    chars = 0;
  });
  return pages;
}
