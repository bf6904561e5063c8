/**
 * The log on one machine: a SQLite file with one writer, and one commit for each batch. Here is what
 * can be known without the disk: the head of each room, and which `ref`s its newest messages carry.
 * The rows are written by a thread of their own. `synchronous=FULL`: what is committed survives a
 * power cut.
 *
 * @module
 */
import { type Draft, type Message, numbered } from "../protocol.ts";
import {
  type Broker,
  BrokerError,
  type BrokerListener,
  Frame,
  type LogState,
  type Page,
  type Range,
  type Receipt,
  type Signal,
} from "./broker.ts";
import { RefWindow } from "./ref_window.ts";
import type { RawPage, Row, StoreOptions } from "./sqlite_store.ts";
import { type Opened, StoreThread } from "./sqlite_thread.ts";

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
  readonly refs: { readonly userId: string; readonly ref: string }[];
}

/** A row holds no more text than this, so that a page of history does not have to cut a large one. */
const ROW_CHARS = 65_536;
/** Logs without members that stay known, so that one who comes and goes does not cost a rebuild. */
const IDLE_LOGS = 256;
const PRUNE_EVERY_MS = 5_000;

export class SqliteBroker implements Broker {
  readonly place: string;
  readonly secret: Uint8Array;
  readonly #epoch: string;
  readonly #thread: StoreThread;
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
  static async open(options: SqliteOptions): Promise<SqliteBroker> {
    const thread = new StoreThread();
    const { path, retainMessages, retainDays } = options;
    try {
      const opened = await thread.open({ path, retainMessages, retainDays });
      return new SqliteBroker(options, thread, opened);
    } catch (thrown) {
      thread.end();
      throw thrown;
    }
  }

  private constructor(options: SqliteOptions, thread: StoreThread, { epoch, secret }: Opened) {
    this.#thread = thread;
    this.#epoch = epoch;
    this.secret = secret;
    this.place = options.path === ":memory:" ? "memory" : options.path;
    this.#now = options.now ?? Date.now;
    this.#dedupeMessages = options.dedupeMessages;
    this.#janitor = setInterval(() => void this.prune(), PRUNE_EVERY_MS);
    Deno.unrefTimer(Number(this.#janitor));
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  open(room: string): Promise<LogState> {
    this.#open.add(room);
    return this.state(room);
  }

  async state(room: string): Promise<LogState> {
    const { head } = await this.#log(room);
    return { epoch: this.#epoch, head };
  }

  close(room: string): void {
    this.#open.delete(room);
    this.#forgetIdle();
  }

  async publish<D extends Draft>(batch: readonly D[]): Promise<readonly Receipt<D>[]> {
    const at = this.#now();
    const additions = new Map<string, Addition>();
    const receipts: Receipt<D>[] = [];
    for (const draft of batch) {
      // In a batch of very many rooms the log of one may have been forgotten since its last draft.
      const log = additions.get(draft.room)?.log ?? this.#logs.get(draft.room) ??
        await this.#log(draft.room);
      if (draft.ref !== undefined) log.refs ??= await this.#readRefs(draft.room);
      const original = await this.#originalOf(log, draft, additions.get(draft.room));
      if (original !== undefined) {
        receipts.push({ draft, ...original, repeated: true });
        continue;
      }
      const { seq, event } = add(log, draft, at, additions);
      if (draft.receipt) receipts.push({ draft, seq, event, repeated: false });
    }
    if (additions.size > 0) await this.#commit([...additions.values()], at);
    return receipts;
  }

  async read(room: string, range: Range): Promise<Page | undefined> {
    return pageOf(await this.#thread.read(room, range));
  }

  signal(room: string, signal: Signal): void {
    if (this.#open.has(room)) this.#listener.signalled(room, signal);
  }

  /** One small step through the rooms, removing messages that are older than is kept. */
  async prune(): Promise<void> {
    try {
      await this.#thread.prune(this.#now());
    } catch {
      // The disk is full or away: what is too old is removed at a later step.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#janitor);
    await this.#thread.close();
  }

  async #commit(additions: readonly Addition[], at: number): Promise<void> {
    const frames = additions.map(({ events }) => Frame.fromEvents(events));
    try {
      await this.#thread.append(additions.flatMap(({ log, first }, index) => {
        const frame = frames[index];
        return frame === undefined ? [] : rowsOf(log.room, first, at, frame);
      }));
    } catch (thrown) {
      for (const { log, refs } of additions) {
        for (const { userId, ref } of refs) log.refs?.remove(userId, ref);
      }
      throw thrown;
    }
    additions.forEach(({ log, first, events }, index) => {
      log.head += events.length;
      this.#logs.set(log.room, log);
      const frame = frames[index];
      if (frame !== undefined) this.#listener.committed(log.room, { first, last: log.head, frame });
    });
  }

  async #log(room: string): Promise<Log> {
    if (!this.#logs.has(room)) {
      const head = await this.#thread.head(room);
      // Somebody else may have asked the same meanwhile; there must be one log for all.
      if (!this.#logs.has(room)) this.#logs.set(room, { room, head, refs: undefined });
    }
    const log = this.#logs.get(room);
    if (log === undefined) throw new BrokerError(`The log of ${room} was forgotten too early.`);
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

  /** The message that a draft repeats, if it does; `undefined` also if that is no longer kept. */
  async #originalOf(log: Log, { room, userId, ref }: Draft, addition: Addition | undefined) {
    const seq = ref === undefined ? undefined : log.refs?.get(userId, ref);
    if (seq === undefined) return undefined;
    if (addition !== undefined && seq >= addition.first) {
      const event = addition.events[seq - addition.first];
      return event === undefined ? undefined : { seq, event };
    }
    const page = await this.read(room, { after: seq - 1, limit: 1 });
    const event = page?.frame.events[0];
    return page?.first !== seq || event === undefined ? undefined : { seq, event };
  }

  /** The window of a room's `ref`s, from the end of its log. */
  async #readRefs(room: string): Promise<RefWindow> {
    const refs = new RefWindow(this.#dedupeMessages);
    const page = await this.read(room, { limit: this.#dedupeMessages });
    page?.frame.events.forEach((event, index) => {
      const { from, ref }: Message = JSON.parse(event);
      if (ref !== undefined) refs.add(from.id, ref, page.first + index);
    });
    return refs;
  }
}

/** Gives a draft its place. */
function add(log: Log, draft: Draft, at: number, additions: Map<string, Addition>) {
  let addition = additions.get(log.room);
  if (addition === undefined) {
    addition = { log, first: log.head + 1, events: [], refs: [] };
    additions.set(log.room, addition);
  }
  const seq = addition.first + addition.events.length;
  const event = numbered(draft, seq, at);
  addition.events.push(event);
  const { userId, ref } = draft;
  if (ref !== undefined) {
    addition.refs.push({ userId, ref });
    log.refs?.add(userId, ref, seq);
  }
  return { seq, event };
}

/** A batch as rows: one, unless it is large. */
function rowsOf(room: string, first: number, at: number, frame: Frame): Row[] {
  if (frame.size <= ROW_CHARS) {
    return [{ room, first, at, count: frame.events.length, events: frame.array }];
  }
  const rows: Row[] = [];
  let events: string[] = [];
  let chars = 0;
  const cut = () => {
    const count = events.length;
    if (count > 0) rows.push({ room, first, at, count, events: Frame.fromEvents(events).array });
    first += count;
    events = [];
    chars = 0;
  };
  for (const event of frame.events) {
    events.push(event);
    chars += event.length;
    if (chars >= ROW_CHARS) cut();
  }
  cut();
  return rows;
}

function pageOf(raw: RawPage | undefined): Page | undefined {
  return raw && { first: raw.first, last: raw.last, frame: Frame.fromArray(raw.events) };
}
