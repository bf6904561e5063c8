/**
 * The interface of a broker, which stores, numbers and carries messages. It is the only thing that
 * differs between one machine and many. A broker knows rooms as names and events as text, and nothing
 * of members, sessions or sockets. It calls back with what was committed, in `seq` order for each room.
 *
 * @module
 */
import type { Draft } from "../protocol/encode.ts";
import type { User } from "../protocol/messages.ts";
import type { Backups } from "./backups.ts";
import type { Eraser } from "./eraser.ts";
import type { Journal } from "./journal.ts";
import type { MarkStore, MovedMark } from "./marks.ts";
import type { Order, Sanction } from "./orders.ts";
import type { Page } from "./page.ts";
import type { Receipt } from "./receipt.ts";
import type { StoreHealth } from "./store_health.ts";
import type { RetainedChange, RetainedEvent } from "./retained.ts";
import type { ReactionRange, RevisedMessage, RevisedRange } from "./revisions.ts";

export { BrokerError, FullError } from "./broker_error.ts";
export { hasRef, isSameMessage, type Receipt } from "./receipt.ts";

/** The state of a room's log. */
export interface LogState {
  /** Names the log. It may be the same for all rooms: clients get `epochOf(state, room)` instead. */
  readonly epoch: string;
  /** The newest `seq`; 0 if there is no message yet. */
  readonly head: number;
  /** The newest `rev`; 0 if no message was revised yet. */
  readonly rev: number;
  /**
   * Names the present start of the log: letters, digits, "-" and "_", at most 40. A cursor carries it,
   * so that {@linkcode Broker.canResume} can tell whether what the client saw is what the log holds.
   */
  readonly mark?: string;
}

/**
 * A part of a room's log to read, by `after` or by `before`, or the newest without both. Any whole
 * numbers may come: where they leave nothing, there is no page.
 */
export interface Range {
  /** The oldest messages above this `seq` … */
  readonly after?: number;
  /** … or the newest below this one. */
  readonly before?: number;
  /** How many messages at most. */
  readonly limit: number;
  /** About how many characters at most, if there is a bound. A page has at least one message. */
  readonly chars?: number;
}

/** The callbacks of a broker. None of them may throw. Those of a room need be called only if it is open. */
export interface BrokerListener {
  /** The page is in the log now. It may come from another node. */
  committed(room: string, page: Page): void;
  /**
   * These messages were revised, on any node: one entry for each message and commit, in the order of
   * `rev`, and after the `committed` of the same batch. Each `rev` comes once, unless the log is
   * replaced; but a node that has missed some gets only the newest of each message.
   */
  revised?(room: string, messages: readonly RevisedMessage[]): void;
  /** The log goes up to there, and this node was too slow to be sent all of it: it has to read it. */
  leftOut?(room: string, head: number, rev: number): void;
  /** An event that is not stored arrived. */
  signalled(room: string, signal: Signal): void;
  /**
   * The log was lost and begun anew, or pruned past what this node has received. The next message is
   * `head + 1` of this state.
   */
  logReplaced?(room: string, state: LogState): void;
  /**
   * A user came, left, was renamed or is shown differently, on any node. Only a broker with `members`
   * calls this.
   */
  membersChanged?(room: string, change: MemberChange): void;
  /** The events that a room keeps have changed. */
  retainedChanged?(room: string, change: RetainedChange): void;
  /** An order is to be carried out on this node. What lasts of it is stored. */
  ordered?(order: Order): void;
  /** Another node tells of read marks that have moved. */
  marked?(marks: readonly MovedMark[]): void;
  /** Orders were missed: these are all sanctions now. */
  sanctionsReplaced?(sanctions: readonly Sanction[]): void;
  /** Returns the users who are in the room on this node. */
  membersHere?(room: string): readonly User[];
  /** Settles when what was queued on this node before is stored or refused: another node is about to erase. */
  settle?(): Promise<void>;
}

/** A change of a room's members. Every node gets the same changes in the same order. */
export type MemberChange =
  | { readonly kind: "joined" | "left"; readonly user: User }
  /** The old name may be the same: then something else of the user changed. */
  | { readonly kind: "renamed"; readonly user: User; readonly old: string }
  /** Changes were missed: these are all members now. */
  | { readonly kind: "everyone"; readonly users: readonly User[] };

/** A room that has members. */
export interface RoomSummary {
  readonly name: string;
  readonly memberCount: number;
}

/**
 * The members of all rooms over all nodes. A user who is on two nodes counts once. Each node reports
 * its own users once; the resulting changes are called back on every node.
 */
export interface SharedMembers {
  enter(room: string, user: User): void;
  leave(room: string, user: User): void;
  rename(room: string, user: User): void;
  /** Returns so many rooms, in the order of their members, the fullest first, without the first `skip`. */
  rooms(max: number, skip: number): Promise<readonly RoomSummary[]>;
  /** Lists the members of a room, which need not be open on this node. */
  list(room: string): Promise<readonly User[]>;
  /** Returns a member of a room, which need not be open on this node. */
  find(room: string, id: string): Promise<User | undefined>;
  /** Reports, before its users are sent away, that this node stops: they stay until they should be back. */
  end?(): Promise<void>;
}

/** An event that is not stored, on its way to a room's members on all nodes. */
export interface Signal {
  /** The event's text. */
  readonly event: string;
  /** The user who sent it, and does not get it. */
  readonly exceptUserId?: string;
}

/**
 * Stores batches, numbers them, reads them back and carries signals. `tests/support/broker_suite.ts`
 * holds every broker to this.
 *
 * A broker is opened with the options `dedupeMessages` and `retainMessages`. It remembers the `ref`s of
 * at least so many messages of a room, and keeps at least so many, but at most about twice as many.
 *
 * Every asynchronous method may reject when the storage is away. Nothing was shown to anyone then,
 * and the call may be repeated later.
 */
export interface Broker extends AsyncDisposable, StoreHealth {
  /** Set if another thread or process commits, so that this thread can write meanwhile. */
  readonly commitsElsewhere?: boolean;
  /** Says where the data is, for an operator to read. */
  readonly location: string;
  /** The secret that tokens are signed with: at least 32 random bytes, which are kept with the log. */
  readonly secret: Uint8Array;
  /** Set if rooms have members on other nodes too. Without it, the members are those of this node. */
  readonly members?: SharedMembers;
  /** All messages in one order. Only a broker that has such an order has a journal. */
  readonly journal?: Journal;
  /** The read marks of users. */
  readonly marks: MarkStore;
  /** Makes copies of the store. Only a broker that keeps a file of its own has them. */
  readonly backups?: Backups | undefined;
  /** Deletes for good. */
  readonly eraser: Eraser;
  /** Sets the listener. Call it once, before anything else. Without it, nothing is called back. */
  listen(listener: BrokerListener): void;
  /**
   * Begins to call back this room's messages and signals, from all nodes. The first page that is
   * `committed` after the answer begins at `head + 1`. If the room keeps events, it calls back
   * `retainedChanged` with all of them before it answers.
   */
  open(room: string): Promise<LogState>;
  /** Reads the state of a room's log without opening it. */
  state(room: string): Promise<LogState>;
  /** Undoes `open`. */
  close(room: string): void;
  /**
   * Starts to prepare the rooms of a batch that cannot be published to yet. Each promise settles when
   * its room is ready. A broker that prepares nothing leaves this method out.
   *
   * @returns `undefined` if all rooms are ready, which is the usual case.
   */
  prepare?(batch: readonly Draft[]): ReadonlyMap<string, Promise<void>> | undefined;
  /**
   * Commits a batch, and calls `committed` and `revised` before it answers. If it rejects, nothing is
   * stored. Each message that was stored has its `seq` then. Over a network, what is stored may not be
   * readable: its messages are told later then, and its revisions refused as `unavailable` for now.
   * Only one call runs at a time: the tick gathers the next batch meanwhile.
   *
   * Messages and revisions take effect in the order of the batch. `Revisable` decides what a revision
   * comes to. All revisions of one message in a batch get one `rev`, if they change anything. A message
   * that is revised in the batch in which it is stored may be `committed` as it is at the end of it.
   *
   * @param unstored is called for each draft that failed while others did not: of other rooms, or the
   * messages of the same room while its revisions failed.
   */
  publish<D extends Draft>(
    batch: readonly D[],
    unstored?: (draft: D) => void,
  ): Promise<readonly Receipt<D>[]>;
  /**
   * Tells whether the log still holds what a client saw up to `seq` under an earlier mark of the same
   * log. It must answer false in doubt: the client then starts the room afresh. A restored backup
   * lacks marks and messages that clients remember. The same holds for revisions up to `rev`. Without
   * this method, only cursors with the present mark can be resumed.
   */
  canResume?(room: string, mark: string, seq: number, rev?: number): Promise<boolean>;
  /**
   * Reads a page of history, each message as it is now; `undefined` where there is nothing. It may be
   * shorter than `limit`.
   */
  read(room: string, range: Range): Promise<Page | undefined>;
  /**
   * Reads messages that were revised, each once and as it is now, in the order of `rev`. It may answer
   * fewer than `limit` only if there are no more, or if they have as many characters as it may answer.
   */
  revisedSince(room: string, range: RevisedRange): Promise<readonly RevisedMessage[]>;
  /** Reads a user's own reactions, by the `seq` of the message. */
  reactionsOf(
    room: string,
    userId: string,
    range: ReactionRange,
  ): Promise<ReadonlyMap<number, readonly string[]>>;
  /**
   * Waits until this node has received an open room's messages up to `seq`, and its revisions up to
   * `rev`, as far as they exist. A client that comes from another node may be ahead of this one. A broker
   * for a single node leaves this method out.
   */
  catchUpTo?(room: string, seq: number, rev: number): Promise<void>;
  /** Sends an event that is not stored. It arrives at most once. */
  signal(room: string, signal: Signal): void;
  /**
   * Stores an event as the newest of its name, or removes what is kept under that name. Then it calls
   * back `retainedChanged` on every node where the room is open: the event is for the members too.
   *
   * @throws {RetainedBoundError} if the room keeps too much already.
   * @throws {FullError} if too much is kept in all.
   */
  retain(room: string, event: RetainedEvent): Promise<void>;
  /**
   * Stores what lasts of an order, then calls back `ordered`: on this node before it answers, and on the
   * others within a second.
   *
   * @throws {FullError} if there are too many sanctions.
   */
  order(order: Order): Promise<void>;
  /** Returns the sanctions of now. Later changes are called back. */
  sanctions(): readonly Sanction[];
  /**
   * Checks that what is committed from now on will be kept. Storage that is only away passes.
   *
   * @throws {BrokerError} if commits would be lost, for example because the file was deleted.
   */
  check(): Promise<void>;
}
