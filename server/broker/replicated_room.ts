/**
 * A room of a network broker, as this node receives it. Pages and revisions arrive over a channel that may
 * lose, repeat or delay them. Members get every page once, in order and without holes, and then what became
 * of its messages: what is ahead is kept back, and what is missing is read from the log.
 *
 * @module
 */
import type { BrokerListener, LogState, Range } from "./broker.ts";
import { cut, type Page } from "./page.ts";
import type { RevisedMessage, RevisedRange } from "./revisions.ts";

/** A position in a room's log. */
export interface LogPosition {
  /** The epoch; with a dot and the mark, if it has one. */
  readonly epoch: string;
  readonly head: number;
  /** Identifies the newest batch, for example by its time; empty if unknown. */
  readonly tip: string;
  readonly rev: number;
  /** The run of the log's server in which `rev` was published, or was last compared with the log. */
  readonly revRunId: string;
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
  /** Reads messages that were revised, in the order of `rev`. */
  revisedSince(room: string, range: RevisedRange): Promise<readonly RevisedMessage[]>;
}

/** A page that arrived over the channel. */
export interface ReceivedPage extends Page {
  readonly epoch: string;
  readonly tip: string;
}

/** Messages that were revised together, in the order of `rev`, which arrived over the channel. */
export interface ReceivedRevisions {
  readonly epoch: string;
  /** The room's `rev` before them. */
  readonly before: number;
  readonly runId: string;
  readonly messages: readonly RevisedMessage[];
}

type Received = ReceivedPage | ReceivedRevisions;

/** How far this node has received the room: up to a message, a revision, or both. */
interface Place {
  readonly seq?: number;
  readonly rev?: number;
}

/** Pages and revisions that are kept while the gap before them is filled. The log has the others too. */
const MAX_AHEAD = 64;
/** What is read at once to fill a gap. */
const FILL = { limit: 4096, chars: 1_048_576 };
const FILL_REVISIONS = { limit: 64, chars: FILL.chars };

export class ReplicatedRoom {
  readonly name: string;
  readonly #log: ReplicatedLog;
  readonly #listener: BrokerListener;
  #known: LogPosition | undefined;
  #ahead: Received[] = [];
  #filling: Promise<void> | undefined;
  #waiting: { readonly place: Place; readonly resolve: () => void }[] = [];
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
    this.#release();
  }

  /** Takes a page or revisions from the channel. */
  receive(received: Received): void {
    if (this.isClosed) return;
    if (this.#follows(received)) return this.#take(received);
    if (this.#ahead.length < MAX_AHEAD) this.#ahead.push(received);
    if (this.#known !== undefined) void this.catchUp();
  }

  /**
   * Waits until what this node has just stored has arrived. After a timeout it is read instead; it rejects if
   * it cannot be read. If the room has another epoch by now, it does not wait: the members start afresh.
   */
  async waitFor(epoch: string, place: Place, timeoutMs: number): Promise<void> {
    if (this.#known?.epoch !== epoch || this.#hasReached(place)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ place, resolve });
    const read = () => void this.catchUpTo(place).then(resolve, reject);
    const timer = setTimeout(read, timeoutMs);
    await promise.finally(() => clearTimeout(timer));
  }

  /** Reads the log until this node has received it up to a place, or to its end. It rejects if it cannot. */
  async catchUpTo(place: Place): Promise<void> {
    // Twice: a fill may be under way that has read the log's position before that was stored.
    for (let i = 0; i < 2 && !this.#hasReached(place); i++) await this.#fill();
  }

  /** Delivers what is missing in the log. What cannot be read now is left to a later call. */
  async catchUp(): Promise<void> {
    // It may have read the log's position before what is missing was stored.
    if (this.#filling !== undefined) await this.#filling.catch(() => {});
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
    // Again, if a message was stored and revised since the position was read.
    if (!await this.#fillRevisions(position)) return await this.#fillOnce();
    const known = this.#known;
    if (this.isClosed || known?.epoch !== position.epoch) return;
    const tip = known.head === position.head ? position.tip : known.tip;
    this.#known = { ...position, head: known.head, tip, rev: known.rev };
    this.#takeAhead();
  }

  /** Returns false if it has come to a message that has not been received yet. */
  async #fillRevisions(position: LogPosition): Promise<boolean> {
    while (this.#known !== undefined && this.#known.rev < position.rev) {
      const { rev } = this.#known;
      const found = await this.#log.revisedSince(this.name, { after: rev, ...FILL_REVISIONS });
      if (this.isClosed || this.#known.epoch !== position.epoch) break;
      if (this.#known.rev !== rev) continue; // revisions have arrived meanwhile
      const early = found.findIndex(({ seq }) => seq > (this.#known?.head ?? 0));
      const messages = early === -1 ? found : found.slice(0, early);
      if (messages.length > 0) this.#revise(messages, position.runId);
      else if (early === 0) return false;
      else this.#known = { ...this.#known, rev: position.rev }; // the others' messages were pruned
    }
    return true;
  }

  #restart(position: LogPosition): void {
    this.#known = position;
    this.#listener.logReplaced?.(this.name, stateOf(position));
    this.#release(true);
  }

  /** Whether what arrived leaves no gap. It may begin with what was delivered already. */
  #follows(received: Received): boolean {
    const known = this.#known;
    if (known?.epoch !== received.epoch) return false;
    if ("first" in received) return received.first <= known.head + 1;
    const { before, messages } = received;
    return before <= known.rev && messages.every(({ seq }) => seq <= known.head);
  }

  #take(received: Received): void {
    if ("first" in received) this.#deliver(received, received.tip);
    else this.#revise(received.messages, received.runId);
  }

  #deliver(page: Page, tip: string): void {
    const known = this.#known;
    const part = known && cut(page, known.head);
    if (known === undefined || part === undefined) return;
    this.#known = { ...known, head: part.last, tip };
    this.#listener.committed(this.name, part);
    this.#release();
  }

  #revise(messages: readonly RevisedMessage[], revRunId: string): void {
    const known = this.#known;
    const news = messages.filter(({ rev }) => rev > (known?.rev ?? Infinity));
    const rev = news.at(-1)?.rev;
    if (known === undefined || rev === undefined) return;
    this.#known = { ...known, rev, revRunId };
    this.#listener.revised?.(this.name, news);
    this.#release();
  }

  /** Delivers what follows now, and keeps what is of this epoch and still ahead. */
  #takeAhead(): void {
    const ahead = this.#ahead;
    this.#ahead = [];
    for (const received of ahead) {
      if (this.#follows(received)) this.#take(received);
      else if (received.epoch === this.#known?.epoch) this.#ahead.push(received);
    }
  }

  #hasReached({ seq = 0, rev = 0 }: Place): boolean {
    if (this.isClosed || this.#known === undefined) return true;
    return this.#known.head >= seq && this.#known.rev >= rev;
  }

  /** Resolves the calls of `waitFor` whose place is reached, or all of them. */
  #release(all = false): void {
    if (this.#waiting.length === 0) return;
    const isOver = ({ place }: { place: Place }) => all || this.#hasReached(place);
    const over = this.#waiting.filter(isOver);
    this.#waiting = this.#waiting.filter((one) => !isOver(one));
    for (const { resolve } of over) resolve();
  }
}

/** Splits an epoch into the log's epoch and the mark. */
export function stateOf(
  { epoch, head, rev }: Pick<LogPosition, "epoch" | "head" | "rev">,
): LogState {
  const [name = "", mark] = epoch.split(".");
  return { epoch: name, head, rev, ...(mark !== undefined && { mark }) };
}
