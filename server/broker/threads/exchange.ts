/**
 * What a serving thread and the storing thread say to each other. Each message over a port is a list of
 * sayings: a name and what it takes.
 *
 * @module
 */
import type { Signal } from "../broker.ts";
import type { LogState, MemberChange, Range, RoomSummary } from "../broker.ts";
import type { Erasure } from "../eraser.ts";
import type { Excerpt, Place } from "../journal.ts";
import type { Mark, MovedMark, UserMark } from "../marks.ts";
import type { Order, Sanction } from "../orders.ts";
import type { RetainedChange, RetainedEvent } from "../retained.ts";
import type { ReactionRange, RevisedMessage, RevisedRange } from "../revisions.ts";
import type { StoreGauges, StoreTrouble } from "../store_health.ts";
import type { User } from "../../protocol/messages.ts";
import type { SentBatch } from "./sent_batch.ts";
import type { SentError } from "./sent_error.ts";
import type { SentOutcome } from "./sent_outcome.ts";
import type { SentPage } from "./sent_page.ts";

/** What a serving thread says first. */
export interface Hello {
  readonly readsJournal: boolean;
  /** The far end of its lifeline. */
  readonly lifeline: MessagePort;
}

/** The answer to {@linkcode Hello}. */
export interface Welcome {
  readonly location: string;
  readonly secret: Uint8Array;
  readonly hasBackups: boolean;
  /** The sanctions of now. Orders that come later change them. */
  readonly sanctions: readonly Sanction[];
  readonly gauges: StoreGauges;
  /** Since when a message waits for the reader of the journal. */
  readonly waitingSince: number | undefined;
  /** The far end of the storing thread's lifeline. */
  readonly lifeline: MessagePort;
}

/** What the storing thread is asked. Each call is answered. */
export interface Calls {
  open(room: string): Promise<LogState>;
  state(room: string): Promise<LogState>;
  canResume(room: string, mark: string, seq: number, rev: number): Promise<boolean>;
  /** Reads the recent `ref`s of a room, if they are not in memory. */
  prepare(room: string): Promise<void>;
  read(room: string, range: Range): Promise<SentPage | undefined>;
  revisedSince(room: string, range: RevisedRange): Promise<readonly RevisedMessage[]>;
  reactionsOf(
    room: string,
    userId: string,
    range: ReactionRange,
  ): Promise<ReadonlyMap<number, readonly string[]>>;
  retain(room: string, event: RetainedEvent): Promise<void>;
  order(order: Order): Promise<void>;
  mark(userId: string, room: string): Promise<Mark | undefined>;
  marksOf(userId: string): Promise<readonly Mark[]>;
  writeMarks(marks: readonly UserMark[]): Promise<void>;
  eraseRoom(room: string): Promise<void>;
  eraseUser(erasure: Erasure): Promise<void>;
  roomsWithMembers(max: number, skip: number): Promise<readonly RoomSummary[]>;
  renameIn(room: string, user: User): Promise<void>;
  membersOf(room: string): Promise<readonly User[]>;
  memberOf(room: string, id: string): Promise<User | undefined>;
  readJournal(upTo: Place | undefined): Promise<Excerpt | undefined>;
  takeFromJournal(upTo: Place): Promise<void>;
  /** Makes a copy of the store. @returns its bytes. */
  makeBackup(): Promise<number>;
  /** Reads the next bytes of the copy, and ends it after the last ones; then `null`. */
  readBackup(): Promise<Uint8Array | null>;
  probe(): Promise<StoreTrouble | undefined>;
  check(): Promise<void>;
  /** Settles when everything that the thread has said before was heard: the thread is about to go. */
  leave(): Promise<void>;
}

/** The name of a call. */
export type CallName = keyof Calls;

/** What a serving thread says. */
export interface ToStoring {
  call(id: number, name: CallName, args: readonly unknown[]): void;
  /** @param pauseMs how long it took since the last batch was answered. */
  publish(id: number, batch: SentBatch, pauseMs: number): void;
  close(room: string): void;
  signal(room: string, signal: Signal): void;
  enterRoom(room: string, user: User): void;
  leaveRoom(room: string, user: User): void;
  tellMarks(marks: readonly MovedMark[]): void;
  /** So much text was taken from the port, as the storing thread counts what it sends. */
  took(chars: number): void;
  endBackup(): void;
  /** The answer to `settle`. */
  settled(id: number): void;
}

/** What the storing thread says. */
export interface ToServing {
  /** The answer to a call. */
  answered(id: number, value: unknown): void;
  /** A call or a batch has failed. */
  failed(id: number, error: SentError): void;
  /** A batch is committed: the pages and revisions that came before in the same message hold it. */
  published(id: number, outcome: SentOutcome): void;
  /** A room was opened: what is said of it from now on is for that opening. */
  opened(room: string): void;
  committed(room: string, ...page: SentPage): void;
  revised(room: string, messages: readonly RevisedMessage[]): void;
  /** Pages and revisions were left out, up to there: the thread was late, and has to read them. */
  leftOut(room: string, head: number, rev: number): void;
  signalled(room: string, signal: Signal): void;
  /** Signals with so many characters were taken from the port. */
  took(chars: number): void;
  logReplaced(room: string, state: LogState): void;
  membersChanged(room: string, change: MemberChange): void;
  retainedChanged(room: string, change: RetainedChange): void;
  ordered(order: Order): void;
  marked(marks: readonly MovedMark[]): void;
  /** How many serving threads there are. */
  threads(count: number): void;
  measured(gauges: StoreGauges): void;
  /** Another thread is about to erase: what was queued on this one before must be stored first. */
  settle(id: number): void;
  /** The journal has grown or was taken from. */
  journalMoved(waitingSince: number | undefined, hasGrown: boolean): void;
}
