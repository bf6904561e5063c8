/**
 * The interface by which all that a store holds is written out, and into another store. What the interface
 * of a broker can do already is not here.
 *
 * @module
 */
import { BrokerError } from "./broker_error.ts";
import type { UserMark } from "./marks.ts";
import type { RetainedEvent } from "./retained.ts";

/** Who has reacted how to a message. */
export interface Reaction {
  readonly seq: number;
  readonly userId: string;
  readonly reaction: string;
}

/** A room's log as it was: its head and its newest revision. */
export interface RoomHead {
  readonly name: string;
  readonly head: number;
  readonly rev: number;
}

/** A message to be put into a log, under the `seq` that it had. */
export interface ArchivedMessage {
  readonly seq: number;
  readonly at: number;
  /** The revision that made it what it is; 0 if there was none. */
  readonly rev: number;
  readonly userId: string;
  readonly ref: string | undefined;
  /** The message's text: its `rev` is the last field. */
  readonly text: string;
}

/** A room that is being put into a store. Nobody sees it before `commit`. */
export interface RoomWriter {
  /** Adds the next messages. */
  add(messages: readonly ArchivedMessage[]): Promise<void> | void;
  react(reactions: readonly Reaction[]): Promise<void> | void;
  /**
   * Adds all that the room retains. Call it once.
   *
   * @throws {RetainedBoundError} if that is too much.
   */
  retain(events: readonly RetainedEvent[]): Promise<void> | void;
  /** Makes the room appear, whole. It has an epoch that no client has seen. */
  commit(): Promise<void> | void;
  /** Leaves nothing of it behind. */
  abort(): Promise<void> | void;
}

/** Reads and writes what a store holds. */
export interface Archive {
  /** Yields the rooms that have messages, or retain something. */
  rooms(): AsyncIterable<string> | Iterable<string>;
  /** Yields who has reacted to a room's messages, in any order. */
  reactions(room: string): AsyncIterable<Reaction> | Iterable<Reaction>;
  /** Returns the retained events of a room, as text by name. */
  retained(room: string): Promise<ReadonlyMap<string, string>>;
  /** Yields all read marks. */
  marks(): AsyncIterable<UserMark> | Iterable<UserMark>;
  /**
   * Begins to write a room.
   *
   * @throws {RoomExistsError} if it has messages or retains something already.
   */
  write(room: RoomHead): Promise<RoomWriter>;
}

/** A room cannot be imported, because it is there. */
export class RoomExistsError extends BrokerError {
  constructor(room: string) {
    super(`The room ${JSON.stringify(room)} is there already.`);
  }
}
