/**
 * A room of a network broker, as this node receives it. Pages arrive over a channel that may lose,
 * repeat or delay them. Members get every page once, in order and without holes: what is ahead is kept
 * back, and what is missing is read from the log.
 *
 * @module
 */
import type { BrokerListener, LogState, Range } from "./broker.ts";
import { cut, type Page } from "./page.ts";

/** A position in a room's log. */
export interface LogPosition {
  /** The epoch; with a dot and the mark, if it has one. */
  readonly epoch: string;
  readonly head: number;
  /** Identifies the newest batch, for example by its time; empty if unknown. */
  readonly tip: string;
  /** The run of the log's server in which the position was last compared with the log. */
  readonly runId: string;
}

/** The log that all nodes write to. */
export interface ReplicatedLog {
  /**
   * Reads the position of a room's log. If the log is not what it was, it gets another epoch.
   *
   * @param known the position up to which this node has received the room.
   */
  position(room: string, known: LogPosition | undefined): Promise<LogPosition>;
  /** Reads a page; `undefined` where there is nothing. */
  read(room: string, range: Range): Promise<Page | undefined>;
}

/** A page that arrived over the channel. */
export interface ReceivedPage extends Page {
  readonly epoch: string;
  readonly tip: string;
}

/** Pages that are kept while the gap before them is filled. The log has the others too. */
const MAX_AHEAD = 64;
/** What is read at once to fill a gap. */
const FILL = { limit: 4096, chars: 1_048_576 };

export class ReplicatedRoom {
  readonly name: string;
  readonly #log: ReplicatedLog;
  readonly #listener: BrokerListener;
  #known: LogPosition | undefined;
  #ahead: ReceivedPage[] = [];
  #filling: Promise<void> | undefined;
  #waiting: { readonly seq: number; readonly resolve: () => void }[] = [];
  protected isClosed = false;

  constructor(name: string, log: ReplicatedLog, listener: BrokerListener) {
    this.name = name;
    this.#log = log;
    this.#listener = listener;
  }

  /** The position up to which this node has received the room; `undefined` before it is open. */
  get known(): LogPosition | undefined {
    return this.#known;
  }

  /** Starts at the log's position. The channel must be subscribed to before, so that no page is missed. */
  async open(): Promise<LogState> {
    this.#known = await this.#log.position(this.name, undefined);
    this.#takeAhead();
    return stateOf(this.#known);
  }

  close(): void {
    this.isClosed = true;
    this.#release(Infinity);
  }

  /** Takes a page from the channel. */
  receive(page: ReceivedPage): void {
    if (this.isClosed) return;
    if (this.#follows(page)) return this.#deliver(page, page.tip);
    if (this.#ahead.length < MAX_AHEAD) this.#ahead.push(page);
    if (this.#known !== undefined) void this.catchUp();
  }

  /** Waits until a message that this node has just stored has arrived. After a timeout it is read instead. */
  async waitFor(epoch: string, seq: number, timeoutMs: number): Promise<void> {
    if (this.isClosed || this.#known?.epoch !== epoch || this.#known.head >= seq) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ seq, resolve });
    const timer = setTimeout(() => void this.catchUp().then(resolve), timeoutMs);
    await promise;
    clearTimeout(timer);
  }

  /** Delivers the messages up to `seq`, as far as they exist. It rejects if the log cannot be read. */
  async catchUpTo(seq: number): Promise<void> {
    // Twice: a fill may be under way that has read the log's position before the message was stored.
    for (let i = 0; i < 2 && (this.#known?.head ?? Infinity) < seq; i++) await this.#fill();
  }

  /** Delivers what is missing in the log. What cannot be read now is left to a later call. */
  async catchUp(): Promise<void> {
    await this.#fill().catch(() => {
      // The log is away. The broker calls this again when it is back, and at every heartbeat.
    });
  }

  /** Runs once at a time. */
  #fill(): Promise<void> {
    return this.#filling ??= this.#fillOnce().finally(() => this.#filling = undefined);
  }

  async #fillOnce(): Promise<void> {
    const position = await this.#log.position(this.name, this.#known);
    if (this.isClosed) return;
    if (position.epoch !== this.#known?.epoch) this.#restart(position);
    while (this.#known !== undefined && this.#known.head < position.head) {
      const { head } = this.#known;
      const page = await this.#log.read(this.name, { after: head, ...FILL });
      if (this.isClosed || this.#known.epoch !== position.epoch) return;
      if (this.#known.head !== head) continue; // pages have arrived meanwhile
      if (page?.first !== head + 1) this.#restart(position); // the next ones were pruned
      else this.#deliver(page, "");
    }
    const known = this.#known ?? position;
    this.#known = known.head === position.head ? position : { ...known, runId: position.runId };
    this.#takeAhead();
  }

  #restart(position: LogPosition): void {
    this.#known = position;
    this.#listener.logReplaced?.(this.name, stateOf(position));
    this.#release(Infinity);
  }

  /** Whether a page leaves no gap. It may begin with messages that were delivered already. */
  #follows({ epoch, first }: ReceivedPage): boolean {
    return this.#known?.epoch === epoch && first <= this.#known.head + 1;
  }

  #deliver(page: Page, tip: string): void {
    const known = this.#known;
    const part = known && cut(page, known.head);
    if (known === undefined || part === undefined) return;
    this.#known = { ...known, head: part.last, tip };
    this.#listener.committed(this.name, part);
    this.#release(part.last);
  }

  /** Delivers the pages that follow now, and keeps those of this epoch that are still ahead. */
  #takeAhead(): void {
    const ahead = this.#ahead;
    this.#ahead = [];
    for (const page of ahead) {
      if (this.#follows(page)) this.#deliver(page, page.tip);
      else if (page.epoch === this.#known?.epoch) this.#ahead.push(page);
    }
  }

  /** Resolves the calls of `waitFor` that wait for a `seq` up to this one. */
  #release(upTo: number): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ seq }) => seq > upTo);
    for (const { seq, resolve } of waiting) if (seq <= upTo) resolve();
  }
}

/** Splits an epoch into the log's epoch and the mark. */
export function stateOf({ epoch, head }: Pick<LogPosition, "epoch" | "head">): LogState {
  const [name = "", mark] = epoch.split(".");
  return { epoch: name, head, rev: 0, ...(mark !== undefined && { mark }) };
}
