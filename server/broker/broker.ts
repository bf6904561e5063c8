/**
 * What stores, numbers and carries messages: the only thing that differs between one machine and
 * many. A broker knows rooms as names and events as text. It knows nothing of members, sessions or
 * sockets, and tells what was committed by calling back, in `seq` order for each room.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Draft, numbered } from "../protocol/encode.ts";
import type { Message, User } from "../protocol/messages.ts";

/** A room's log, as one finds it. */
export interface LogState {
  /** Names the log, and may be the same for all rooms: clients are told {@linkcode epochOf}. */
  readonly epoch: string;
  /** The newest `seq`; 0 if there is no message yet. */
  readonly head: number;
  /**
   * Names the present start of the log: letters, digits, "-" and "_", at most 40. A cursor carries it,
   * so that {@linkcode Broker.vouches} can tell whether what the client saw is what the log holds.
   */
  readonly mark?: string;
}

/**
 * The epoch of one room, as cursors have it: a digest that names the room's log, a dot, and the mark.
 * Each room's digest is its own, so that a cursor from another room is not taken for a place in this
 * one: what lies before it would silently never be shown.
 */
export function epochOf({ epoch, mark }: LogState, room: string): string {
  const digest = createHash("sha256").update(JSON.stringify([epoch, room])).digest("base64url");
  return digest.slice(0, 16) + (mark === undefined ? "" : `.${mark}`);
}

/**
 * The mark within a cursor's epoch; empty if it has none.
 *
 * @param own the room's epoch now.
 * @returns `undefined` if the cursor's epoch names another log.
 */
export function markOf(epoch: string, own: string): string | undefined {
  const [digest, mark = "", ...more] = epoch.split(".");
  return more.length === 0 && digest === own.split(".")[0] ? mark : undefined;
}

/** The events of a stretch of a log, without holes: `first`, `first + 1`, … `last`. */
export interface Page {
  readonly first: number;
  readonly last: number;
  readonly frame: Frame;
}

/** Which stretch to read. */
export interface Range {
  /** The oldest messages above this `seq` … */
  readonly after?: number;
  /** … or the newest below this one. */
  readonly before?: number;
  /** At most so many. */
  readonly limit: number;
  /** And not much more text than this. @default {Infinity} */
  readonly chars?: number;
}

/** Where a draft is in the log: told of those that were there already, and of those that ask. */
export interface Receipt<D extends Draft> {
  readonly draft: D;
  readonly seq: number;
  /** The event's text; if it was there already, the original's. */
  readonly event: string;
  /**
   * Not stored now: the same person's `ref` was in the room's log already. {@linkcode isRepeat} says
   * whether it is the same message.
   */
  readonly repeated: boolean;
}

/**
 * Whether a draft says the same as the event that its `ref` was given to. Its sender may have another
 * name by now.
 */
export function isRepeat(event: string, draft: Draft): boolean {
  if (event.startsWith(draft.head) && event.endsWith(draft.rest)) return true;
  return said(event) === said(numbered(draft, 0, 0));
}

/** What a message says, as text to compare. */
function said(event: string): string {
  const message: Message = JSON.parse(event);
  const name = message.type === "custom" ? message.name : undefined;
  return JSON.stringify([message.type, message.payload, name]);
}

/** What a broker tells the hub. None of it may throw. */
export interface BrokerListener {
  /** These are in the log now. */
  committed(room: string, page: Page): void;
  /** Something ephemeral happened. */
  signalled(room: string, signal: Signal): void;
  /**
   * The room goes on from here, and not from where it was: its log was lost and begun anew, or
   * pruned past what was heard. What comes next is `head + 1`.
   */
  began?(room: string, state: LogState): void;
  /** Somebody came, went or took another name, on any node. Only from a broker with `people`. */
  people?(room: string, change: PeopleChange): void;
  /** The people who are in that room on this node. */
  present?(room: string): readonly User[];
}

/** What happened to the people of a room: the same, in the same order, on every node. */
export type PeopleChange =
  | { readonly kind: "joined" | "left"; readonly user: User }
  | { readonly kind: "renamed"; readonly user: User; readonly old: string }
  /** Changes were missed: this is how it is now. */
  | { readonly kind: "everyone"; readonly users: readonly User[] };

/** A room that somebody is in. */
export interface Occupied {
  readonly name: string;
  readonly memberCount: number;
}

/**
 * Who is in which room, over all nodes: people, so one who is on two nodes is there once. Each call
 * is told once by each node, about its own people; what comes of it is called back everywhere.
 */
export interface SharedPeople {
  enter(room: string, user: User): void;
  leave(room: string, user: User): void;
  rename(room: string, user: User): void;
  /** The fullest rooms. */
  rooms(most: number): Promise<readonly Occupied[]>;
}

/** Something ephemeral on its way to a room's members, on this node and on others. */
export interface Signal {
  /** The event's text. */
  readonly event: string;
  /** The person who is not told, being its origin. */
  readonly exceptUserId?: string;
}

/** The log was found unusable; one line for people, no stack trace needed. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
}

/** Nothing more can be stored for now. Clients are told the message. */
export class FullError extends BrokerError {}

/**
 * Stores batches, numbers them, reads them back and carries signals.
 *
 * All that is asynchronous may reject when the storage is away; nothing was then shown, and the
 * same call may be made again later.
 */
export interface Broker extends AsyncDisposable {
  /** Where the data is, for people. */
  readonly place: string;
  /** The secret that tokens are signed with, kept with the log. */
  readonly secret: Uint8Array;
  /** Set if rooms have members on other nodes too; without it a node's own people are all. */
  readonly people?: SharedPeople;
  /** Sets who is told. To be called once, before anything else. */
  listen(listener: BrokerListener): void;
  /**
   * From here on this room's messages and signals are called back, from any node: the first page
   * that is `committed` after the answer begins at `head + 1`.
   */
  open(room: string): Promise<LogState>;
  /** Where a room's log stands, without opening it. */
  state(room: string): Promise<LogState>;
  /** The opposite of `open`. */
  close(room: string): void;
  /**
   * Finds the rooms of a batch that have to be prepared before it is published, and begins that: each
   * promise settles when its room is ready. A broker that needs none does without.
   *
   * @returns `undefined` if all are ready, as they mostly are.
   */
  prepare?(batch: readonly Draft[]): ReadonlyMap<string, Promise<void>> | undefined;
  /**
   * Commits a batch and calls `committed` before it answers. If it rejects, nothing is stored.
   * One call at a time: the hub gathers the next batch meanwhile.
   *
   * @param unstored told of those that could not be stored while other rooms' were.
   */
  publish<D extends Draft>(
    batch: readonly D[],
    unstored?: (draft: D) => void,
  ): Promise<readonly Receipt<D>[]>;
  /**
   * Whether the log still holds what a client was shown up to `seq` under an earlier mark of the same
   * log. When it cannot be sure, it says no: then the client starts the room afresh. A backup that is
   * put back forgets marks and messages that clients remember. Without this method only cursors that
   * carry the present mark are good.
   */
  vouches?(room: string, mark: string, seq: number): Promise<boolean>;
  /** A page of history; `undefined` where there is nothing. It may be shorter than `limit`. */
  read(room: string, range: Range): Promise<Page | undefined>;
  /**
   * Hears of an open room up to that `seq`, if there is so much: somebody who comes from another node
   * may be ahead of this one. A broker whose node hears everything at once does without.
   */
  reach?(room: string, seq: number): Promise<void>;
  /** Carries something that is not stored: at most once. */
  signal(room: string, signal: Signal): void;
  /**
   * Looks whether what is committed from now on is kept. Storage that is away for now is no fault.
   *
   * @throws {BrokerError} if it would be lost, for example because the file was deleted.
   */
  check(): Promise<void>;
}

/**
 * Several events encoded once, for many readers: as the JSON array that a batched client is sent and
 * that the log stores, and one by one for all others. Between events stands a line feed, which
 * cannot occur inside JSON text (RFC 8259 §7), so either form is made from the other by cutting.
 */
export class Frame {
  #array: string | undefined;
  #events: readonly string[] | undefined;

  private constructor(array: string | undefined, events: readonly string[] | undefined) {
    this.#array = array;
    this.#events = events;
  }

  /** @param array what {@linkcode Frame.array} once was. */
  static fromArray(array: string): Frame {
    return new Frame(array, undefined);
  }

  static fromEvents(events: readonly string[]): Frame {
    return new Frame(undefined, events);
  }

  static of(event: string): Frame {
    return new Frame(`[${event}]`, [event]);
  }

  /** Several frames as one. */
  static join(frames: readonly Frame[]): Frame {
    const first = frames[0];
    if (frames.length === 1 && first !== undefined) return first;
    return Frame.fromArray(`[${frames.map((frame) => frame.array.slice(1, -1)).join(SEPARATOR)}]`);
  }

  /** `[event,⏎event]` */
  get array(): string {
    return this.#array ??= `[${(this.#events ?? []).join(SEPARATOR)}]`;
  }

  get events(): readonly string[] {
    return this.#events ??= this.array.slice(1, -1).split(SEPARATOR);
  }

  /** About how many bytes: exact for ASCII, at least a third of the truth for anything. */
  get size(): number {
    return this.array.length;
  }
}

const SEPARATOR = ",\n";

/** The part of a page that lies above `after` and not above `upTo`. */
export function cut(page: Page, after: number, upTo = Infinity): Page | undefined {
  if (page.first > after && page.last <= upTo) return page;
  const first = Math.max(page.first, after + 1);
  const last = Math.min(page.last, upTo);
  if (first > last) return undefined;
  const events = page.frame.events.slice(first - page.first, last - page.first + 1);
  return { first, last, frame: Frame.fromEvents(events) };
}

/** Pages that follow each other, as one. */
export function concat(pages: readonly Page[]): Page | undefined {
  const [first, last] = [pages[0], pages.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  if (first === last) return first;
  return {
    first: first.first,
    last: last.last,
    frame: Frame.join(pages.map((page) => page.frame)),
  };
}
