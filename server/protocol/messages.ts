/**
 * The words of the wire, version 1, as types. A command is what a client may send, an event is what
 * it is sent, and a message is an event in a room's log. The tables that the server works with are in
 * `commands.ts` and `events.ts`.
 *
 * @module
 */
import type { ErrorCode } from "./tables.ts";

/** A `User` is a person as the others in a room see them. */
export interface User {
  /** The server chooses it. It stays the same for as long as the client keeps its token. */
  readonly id: string;
  /** 1 to 64 visible characters, as {@linkcode NAME} says; two users may have the same name. */
  readonly name: string;
}

/** A `Cursor` says that a client has everything of a room's log up to and including `seq`. */
export interface Cursor {
  /** The name of the log. A cursor with another epoch says nothing about this log. */
  readonly epoch: string;
  /** The last `seq` that the client has; 0 before the first message. */
  readonly seq: number;
}

/** `hello` says who the client is, and is answered by `welcome`. Without it the client is a guest. */
export interface HelloCommand {
  readonly type: "hello";
  readonly name?: string;
  /** The token of an earlier `welcome`: it makes the client the same user again. */
  readonly token?: string;
  readonly ref?: string;
}

/** `join` enters a room. `joined` answers it, then the missed or recent messages, then live ones. */
export interface JoinCommand {
  readonly type: "join";
  readonly room: string;
  /** The client's cursor. Without it, the client gets the room's recent messages. */
  readonly since?: Cursor;
  readonly ref?: string;
}

/** `leave` leaves a room. */
export interface LeaveCommand {
  readonly type: "leave";
  readonly room: string;
  readonly ref?: string;
}

/** `chat` says something: it is stored, numbered, and sent to all members, the sender included. */
export interface ChatCommand {
  readonly type: "chat";
  readonly room: string;
  readonly payload: string;
  readonly ref?: string;
}

/** `custom` sends an application's own event to all members, the sender included. */
export interface CustomCommand {
  readonly type: "custom";
  readonly room: string;
  /** 1 to 64 visible characters. */
  readonly name: string;
  /** Any JSON value, nested at most {@linkcode MAX_DEPTH} deep. */
  readonly payload: Json;
  readonly ref?: string;
  /**
   * Whether the event is stored and numbered like a `chat`.
   * @default {false}
   */
  readonly durable?: boolean;
}

/** `typing` tells the other members that the user began (`true`) or stopped (`false`) typing. */
export interface TypingCommand {
  readonly type: "typing";
  readonly room: string;
  readonly payload: boolean;
  readonly ref?: string;
}

/** `rename` gives the user a new name, in all rooms and on all of the user's connections. */
export interface RenameCommand {
  readonly type: "rename";
  readonly name: string;
  readonly ref?: string;
}

/** `pong` answers a `ping`. No client has to send it. */
export interface PongCommand {
  readonly type: "pong";
  readonly at?: number;
  readonly ref?: string;
}

/** Everything that a client may send. */
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

/** The limits of a connection, announced so that a client can keep them; 0: no limit. */
export interface AnnouncedLimits {
  /** The largest frame that the server reads, in bytes of UTF-8. */
  readonly frameBytes: number;
  /** Commands per second in the long run. */
  readonly rate: number;
  /** Commands at once. */
  readonly burst: number;
  /** Rooms that one connection may be in. */
  readonly roomsPerConnection: number;
}

/** `welcome` answers `hello`. */
export interface WelcomeEvent {
  readonly type: "welcome";
  readonly user: User;
  /**
   * A secret. A client that sends it in its next `hello` is the same user, by the same name. After a
   * `rename` it still has the old name; a `hello` with the new name is answered with a new token.
   */
  readonly token: string;
  /** Seconds between two `ping` events. When two in a row are missing, the server is dead. */
  readonly heartbeatSeconds: number;
  readonly limits: AnnouncedLimits;
}

/** `joined` answers `join`. The missed or recent messages follow it, then live ones. */
export interface JoinedEvent {
  readonly type: "joined";
  readonly room: string;
  readonly epoch: string;
  /** The room's newest `seq`. */
  readonly seq: number;
  /**
   * True: every message after the client's cursor follows, and nothing else. False, as always without
   * `since`: the client forgets what it has of the room and shows the messages that follow. It also
   * comes without a `join`, to a client so slow that the log was pruned past its cursor.
   */
  readonly recovered: boolean;
  /** At most {@linkcode MAX_LISTED} users; `memberCount` says how many members there are. */
  readonly members: readonly User[];
  readonly memberCount: number;
}

/** `chat` is a message. Its text is the same when it is live and when it is replayed. */
export interface ChatEvent {
  readonly type: "chat";
  readonly room: string;
  /** Its place in the room: 1, 2, 3, without holes. */
  readonly seq: number;
  /** When it was committed, in milliseconds since 1970 by the server's clock. */
  readonly at: number;
  readonly from: User;
  readonly payload: string;
  readonly ref?: string;
}

/** `custom` is an application's own event. It has `seq` and `at` if it is stored. */
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

/** `system` tells of members. In a room of more than 200 only `count` comes, once a second. */
export interface SystemEvent {
  readonly type: "system";
  readonly room: string;
  /** A sentence for people. */
  readonly payload: string;
  readonly kind: "joined" | "left" | "renamed" | "count";
  /** The user that the event is about; after `renamed`, with the new name. Missing for `count`. */
  readonly user?: User;
  readonly memberCount: number;
}

/** `typing` says that a user began or stopped typing. A start comes at most once a second per user. */
export interface TypingEvent {
  readonly type: "typing";
  readonly room: string;
  readonly from: User;
  readonly payload: boolean;
}

/** `ping` is the heartbeat. */
export interface PingEvent {
  readonly type: "ping";
  readonly at: number;
}

/** `error` says that a command was refused. The command changed nothing. */
export interface ErrorEvent {
  readonly type: "error";
  readonly code: ErrorCode;
  /** A sentence for people. */
  readonly payload: string;
  /** The field that was wrong. */
  readonly field?: string;
  /** The `ref` of the refused command. */
  readonly ref?: string;
  /** The room that cannot be joined. An event stream of several rooms goes on without it. */
  readonly room?: string;
  /** Milliseconds after which the same command may succeed. */
  readonly retryAfterMs?: number;
}

/** `bye` says that the server is going; a close follows. Each client gets a delay of its own. */
export interface ByeEvent {
  readonly type: "bye";
  readonly payload: string;
  /** Milliseconds after which the client should connect again. */
  readonly retryAfterMs: number;
}

/** Everything that a client may be sent. */
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

/** The stored form of an event: only what has both `seq` and `at` can be stored. */
type StoredForm<E extends Event> = E extends Event
  ? "seq" | "at" extends keyof E ? E & { readonly seq: number; readonly at: number } : never
  : never;

/** A `Message` is an event in a room's log. */
export type Message = StoredForm<Event>;
