/**
 * The words of the wire, version 1, as types: commands are what a client may send, events are what it is
 * sent, and messages are the events that are in a room's log. Nothing here runs.
 *
 * @module
 */
import type { ErrorCode } from "./tables.ts";

/** A person, as others see them. */
export interface User {
  /** Chosen by the server, stable for as long as the client keeps its token. */
  readonly id: string;
  /** 1 to 64 visible characters, as {@linkcode NAME} says; not unique. */
  readonly name: string;
}

/** A place in a room's log: everything up to and including `seq` has been seen. */
export interface Cursor {
  /** Names the log. A cursor from another epoch says nothing about this log. */
  readonly epoch: string;
  /** The last `seq` seen; 0 before the first message. */
  readonly seq: number;
}

/** Says who the client is; answered by {@linkcode WelcomeEvent}. Without it the client is a guest. */
export interface HelloCommand {
  readonly type: "hello";
  readonly name?: string;
  /** The token of an earlier `welcome`: the client is that person again. */
  readonly token?: string;
  readonly ref?: string;
}

/** Enters a room; answered by {@linkcode JoinedEvent}, the missed or recent messages, then live ones. */
export interface JoinCommand {
  readonly type: "join";
  readonly room: string;
  /** Where the client left off. Without it, it gets the room's recent messages. */
  readonly since?: Cursor;
  readonly ref?: string;
}

/** Leaves a room. */
export interface LeaveCommand {
  readonly type: "leave";
  readonly room: string;
  readonly ref?: string;
}

/** Says something: stored, numbered, and sent to all members, the sender included. */
export interface ChatCommand {
  readonly type: "chat";
  readonly room: string;
  readonly payload: string;
  readonly ref?: string;
}

/** An application's own event, to all members, the sender included; stored only if `durable`. */
export interface CustomCommand {
  readonly type: "custom";
  readonly room: string;
  /** 1 to 64 visible characters. */
  readonly name: string;
  /** Any JSON value, nested at most {@linkcode MAX_DEPTH} deep. */
  readonly payload: Json;
  readonly ref?: string;
  readonly durable?: boolean;
}

/** The sender began (`true`) or stopped (`false`) typing; to the others. */
export interface TypingCommand {
  readonly type: "typing";
  readonly room: string;
  readonly payload: boolean;
  readonly ref?: string;
}

/** Takes a new name, in all rooms and in all of the person's tabs. */
export interface RenameCommand {
  readonly type: "rename";
  readonly name: string;
  readonly ref?: string;
}

/** An answer to `ping`; not required of anyone. */
export interface PongCommand {
  readonly type: "pong";
  readonly at?: number;
  readonly ref?: string;
}

/** Anything a client may say. */
export type Command =
  | HelloCommand
  | JoinCommand
  | LeaveCommand
  | ChatCommand
  | CustomCommand
  | TypingCommand
  | RenameCommand
  | PongCommand;

/** A JSON value (RFC 8259). */
export type Json = null | boolean | number | string | readonly Json[] | {
  readonly [key: string]: Json;
};

/** The limits that hold for this connection, so that a client can stay within them; 0 is no limit. */
export interface AnnouncedLimits {
  /** The largest frame that the server reads, in bytes of UTF-8. */
  readonly frameBytes: number;
  /** Commands a second, sustained. */
  readonly rate: number;
  /** Commands at once. */
  readonly burst: number;
  /** Rooms that one connection may be in. */
  readonly roomsPerConnection: number;
}

/** The answer to `hello`. */
export interface WelcomeEvent {
  readonly type: "welcome";
  readonly user: User;
  /**
   * Keep it, and say it in the next `hello`, to be the same person, by the same name. It is a secret.
   * After a `rename` it still says the old name; a `hello` with the new one is answered with a new token.
   */
  readonly token: string;
  /** How often a `ping` comes. Two missed in a row: the server is dead. */
  readonly heartbeatSeconds: number;
  readonly limits: AnnouncedLimits;
}

/** The answer to `join`. Missed or recent messages follow it, then live ones. */
export interface JoinedEvent {
  readonly type: "joined";
  readonly room: string;
  readonly epoch: string;
  /** The room's newest `seq`. */
  readonly seq: number;
  /**
   * True: every message after the `since` that was asked for follows, and nothing else. False:
   * start the room afresh with the messages that follow. A room joined without `since` says false.
   * It may also come unasked, to a reader so slow that the log was pruned past its cursor.
   */
  readonly recovered: boolean;
  /** At most {@linkcode MAX_LISTED} people; `memberCount` says how many there are. */
  readonly members: readonly User[];
  readonly memberCount: number;
}

/** A message, live or replayed: the same text either way. */
export interface ChatEvent {
  readonly type: "chat";
  readonly room: string;
  /** 1, 2, 3 … in each room, no holes. */
  readonly seq: number;
  /** When it was committed, in milliseconds since 1970 by the server's clock. */
  readonly at: number;
  readonly from: User;
  readonly payload: string;
  readonly ref?: string;
}

/** An application's own event; it has `seq` and `at` if it was durable. */
export interface CustomEvent {
  readonly type: "custom";
  readonly room: string;
  readonly seq?: number;
  readonly at?: number;
  readonly name: string;
  readonly from: User;
  readonly payload: Json;
  readonly ref?: string;
}

/** A notice about people, in a room of up to 200; above that only `count` comes, once a second. */
export interface SystemEvent {
  readonly type: "system";
  readonly room: string;
  /** A sentence for people. */
  readonly payload: string;
  readonly kind: "joined" | "left" | "renamed" | "count";
  /** Whom it is about; for `renamed`, with the new name. */
  readonly user?: User;
  readonly memberCount: number;
}

/** Somebody began or stopped typing. At most one a second a person. */
export interface TypingEvent {
  readonly type: "typing";
  readonly room: string;
  readonly from: User;
  readonly payload: boolean;
}

/** The heartbeat. */
export interface PingEvent {
  readonly type: "ping";
  readonly at: number;
}

/** A command was refused and changed nothing. */
export interface ErrorEvent {
  readonly type: "error";
  readonly code: ErrorCode;
  /** A sentence for people. */
  readonly payload: string;
  /** The field that was wrong. */
  readonly field?: string;
  /** The refused command's own. */
  readonly ref?: string;
  /** The room that cannot be joined: a stream of several rooms goes on without it. */
  readonly room?: string;
  /** Try again, but not sooner than this. */
  readonly retryAfterMs?: number;
}

/** The server is going; a close follows. Each client is told its own delay. */
export interface ByeEvent {
  readonly type: "bye";
  readonly payload: string;
  readonly retryAfterMs: number;
}

/** Anything a client is told. */
export type Event =
  | WelcomeEvent
  | JoinedEvent
  | ChatEvent
  | CustomEvent
  | SystemEvent
  | TypingEvent
  | PingEvent
  | ErrorEvent
  | ByeEvent;

/** An event as it is in a room's log: those events that have both `seq` and `at`. */
type StoredFormOf<E extends Event> = E extends Event
  ? "seq" | "at" extends keyof E ? E & { readonly seq: number; readonly at: number } : never
  : never;

/** What is in a room's log. */
export type Message = StoredFormOf<Event>;
