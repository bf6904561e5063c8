/**
 * What stores, numbers and carries messages: the only thing that differs between one machine and many. A
 * broker knows rooms as names and events as text. It knows nothing of members, sessions or sockets, and
 * calls back with what was committed, in `seq` order for each room.
 *
 * @module
 */
import type { Draft } from "../protocol/encode.ts";
import type { User } from "../protocol/messages.ts";
import type { Page } from "./page.ts";

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
  logReplaced?(room: string, state: LogState): void;
  /** Somebody came, went or took another name, on any node. Only from a broker with `people`. */
  membersChanged?(room: string, change: MemberChange): void;
  /** The people who are in that room on this node. */
  membersHere?(room: string): readonly User[];
}

/** What happened to the people of a room: the same, in the same order, on every node. */
export type MemberChange =
  | { readonly kind: "joined" | "left"; readonly user: User }
  | { readonly kind: "renamed"; readonly user: User; readonly old: string }
  /** Changes were missed: this is how it is now. */
  | { readonly kind: "everyone"; readonly users: readonly User[] };

/** A room that somebody is in. */
export interface RoomSummary {
  readonly name: string;
  readonly memberCount: number;
}

/**
 * Who is in which room, over all nodes: people, so one who is on two nodes is there once. Each call
 * is told once by each node, about its own people; what comes of it is called back everywhere.
 */
export interface SharedMembers {
  enter(room: string, user: User): void;
  leave(room: string, user: User): void;
  rename(room: string, user: User): void;
  /** The fullest rooms. */
  rooms(most: number): Promise<readonly RoomSummary[]>;
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
  /** Always `"BrokerError"`. */
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
  readonly members?: SharedMembers;
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
  catchUpTo?(room: string, seq: number): Promise<void>;
  /** Carries something that is not stored: at most once. */
  signal(room: string, signal: Signal): void;
  /**
   * Looks whether what is committed from now on is kept. Storage that is away for now is no fault.
   *
   * @throws {BrokerError} if it would be lost, for example because the file was deleted.
   */
  check(): Promise<void>;
}
