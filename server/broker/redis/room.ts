/**
 * One room as this node hears it: what is committed, in order and without holes, whatever Pub/Sub
 * loses, repeats or holds up. What is said here comes back this way too, so every node tells its
 * members the same, in the same order.
 *
 * @module
 */
import type { BrokerListener, LogState } from "../broker.ts";
import { cut, type Page } from "../page.ts";
import { frameOf } from "./batch_text.ts";
import type { RedisLink } from "./link.ts";
import { type Known, type RedisLog, stateOf } from "./log.ts";

/** A page with where it belongs. */
interface Heard extends Page {
  readonly epoch: string;
  readonly tip: string;
}

/** Pages that came too early and are kept until the gap before them is filled. */
const MOST_AHEAD = 64;
/** What is read at once to fill a gap. */
const FILL = { limit: 4096, chars: 1_048_576 };

export class RedisRoom {
  readonly name: string;
  readonly #link: RedisLink;
  readonly #log: RedisLog;
  readonly #listener: BrokerListener;
  readonly #people: (message: string) => void;
  #known: Known | undefined;
  #ahead: Heard[] = [];
  #catchingUp: Promise<void> | undefined;
  #waiting: { readonly seq: number; readonly resolve: () => void }[] = [];
  #closed = false;

  /** @param people takes what is heard about people. */
  constructor(
    name: string,
    link: RedisLink,
    log: RedisLog,
    listener: BrokerListener,
    people: (message: string) => void,
  ) {
    this.name = name;
    this.#link = link;
    this.#log = log;
    this.#listener = listener;
    this.#people = people;
  }

  /** What this node has heard of the room; nothing before it is open. */
  get known(): Known | undefined {
    return this.#known;
  }

  /** Listens first and looks then: so nothing falls between the two. */
  async open(): Promise<LogState> {
    await this.#link.subscribe(this.#link.names.channel(this.name), this.#hear);
    const known = await this.#log.look(this.name, undefined);
    this.#known = known;
    this.#takeAhead();
    return stateOf(known);
  }

  close(): void {
    this.#closed = true;
    this.#link.unsubscribe(this.#link.names.channel(this.name), this.#hear);
    this.#release(Infinity);
  }

  /** Settles when that message was heard, or so much time has passed. */
  async reached(epoch: string, seq: number, milliseconds: number): Promise<void> {
    if (this.#closed || this.#known?.epoch !== epoch || this.#known.head >= seq) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ seq, resolve });
    const timer = setTimeout(() => void this.catchUp().then(resolve), milliseconds);
    await promise;
    clearTimeout(timer);
  }

  /** Hears up to that message, if there is one; fails if that cannot be found out. */
  async reach(seq: number): Promise<void> {
    // Twice: the first may be one that had looked already.
    for (let i = 0; i < 2 && (this.#known?.head ?? Infinity) < seq; i++) await this.#fill();
  }

  /** Another look at where the log stands showed this: it may be more than was heard. */
  compare(epoch: string, head: number): void {
    if (epoch !== this.#known?.epoch || head !== this.#known.head) void this.catchUp();
  }

  /** Fills what is missing, from the log; what cannot be read now, when this is called again. */
  async catchUp(): Promise<void> {
    await this.#fill().catch(() => {
      // Redis is away. When it is back, and at every beat, there is another try.
    });
  }

  readonly #hear = (message: string): void => {
    if (this.#closed) return;
    switch (message[0]) {
      case "m":
        return this.#commit(message);
      case "s":
        return this.#signal(message);
      case "p":
        return this.#people(message.slice(1));
      case "e":
        if (this.#known !== undefined) void this.catchUp();
    }
  };

  /** `m` epoch first last at, line feed, text. What is not of that form was not said by a node. */
  #commit(message: string): void {
    const end = message.indexOf("\n");
    const [epoch = "", from, to, tip = ""] = message.slice(1, Math.max(1, end)).split(" ");
    const [first, last] = [Number(from), Number(to)];
    const isSound = first >= 1 && [first, last, Number(tip)].every(Number.isSafeInteger);
    const batch = isSound ? frameOf(message.slice(end + 1), first, last, tip) : undefined;
    if (batch === undefined) return;
    const page = { epoch, first, last, tip, batch };
    if (this.#known?.epoch === epoch && page.first <= this.#known.head + 1) {
      return this.#deliver(page);
    }
    if (this.#ahead.length < MOST_AHEAD) this.#ahead.push(page);
    if (this.#known !== undefined) void this.catchUp();
  }

  /** `s` who is not told, line feed, event: on one line, or it would be taken for several. */
  #signal(message: string): void {
    const end = message.indexOf("\n");
    const isSound = end > 0 && message[end + 1] === "{" && message.endsWith("}") &&
      !message.includes("\n", end + 1);
    if (!isSound) return;
    const exceptUserId = message.slice(1, end);
    this.#listener.signalled(this.name, {
      event: message.slice(end + 1),
      ...(exceptUserId !== "" && { exceptUserId }),
    });
  }

  #deliver(page: Page & { readonly tip?: string }): void {
    const known = this.#known;
    const part = known && cut(page, known.head);
    if (known === undefined || part === undefined) return;
    this.#known = { ...known, head: part.last, tip: page.tip ?? "" };
    this.#listener.committed(this.name, part);
    this.#release(part.last);
  }

  /** Once at a time. */
  #fill(): Promise<void> {
    return this.#catchingUp ??= this.#catchUp().finally(() => this.#catchingUp = undefined);
  }

  async #catchUp(): Promise<void> {
    const state = await this.#log.look(this.name, this.#known);
    if (this.#closed) return;
    if (state.epoch !== this.#known?.epoch) this.#begin(state);
    while (this.#known !== undefined && this.#known.head < state.head) {
      const { head } = this.#known;
      const page = await this.#log.read(this.name, { after: head, ...FILL });
      if (this.#closed || this.#known.epoch !== state.epoch) return;
      if (this.#known.head !== head) continue; // heard meanwhile
      if (page?.first !== head + 1) this.#begin(state); // pruned past what was heard
      else this.#deliver(page);
    }
    const known = this.#known ?? state;
    // Held against the log in this life, as far as it goes.
    this.#known = known.head === state.head ? state : { ...known, runId: state.runId };
    this.#takeAhead();
  }

  #begin(state: Known): void {
    this.#known = state;
    this.#listener.logReplaced?.(this.name, stateOf(state));
    this.#release(Infinity);
  }

  /** What came too early, as far as it follows now. */
  #takeAhead(): void {
    const ahead = this.#ahead;
    this.#ahead = [];
    for (const page of ahead) {
      if (page.epoch === this.#known?.epoch) this.#commitAgain(page);
    }
  }

  #commitAgain(page: Heard): void {
    if (page.first <= (this.#known?.head ?? 0) + 1) this.#deliver(page);
    else this.#ahead.push(page);
  }

  #release(upTo: number): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ seq }) => seq > upTo);
    for (const { seq, resolve } of waiting) if (seq <= upTo) resolve();
  }
}
