/**
 * The words of the wire, version 1, as types. A command is what a client may send, an event is what
 * it is sent, and a message is an event in a room's log. `commands.ts` and `events.ts` have tables.
 *
 * @module
 */
import type { ErrorCode, Right } from "./tables.ts";

/** A `User` is a person as the others in a room see them. */
export interface User {
  /** The application's id of the user; for a guest one that the server chose: 16 hexadecimal digits. */
  readonly id: string;
  /** 1 to 64 visible characters, as {@linkcode NAME} says; two users may have the same name. */
  readonly name: string;
  /** What the application says of the user, for all to see; at most 256 bytes of JSON. */
  readonly info?: Json;
  /** Set for guests, on a server where an application brings users. */
  readonly guest?: true;
}

/** A `Cursor` says that a client has everything of a room's log up to and including `seq`. */
export interface Cursor {
  /** The name of the log. A cursor with another epoch says nothing about this log. */
  readonly epoch: string;
  /** The last `seq` that the client has; 0 before the first message. */
  readonly seq: number;
  /**
   * The last `rev` that the client has: all revisions up to it of the messages up to `seq`. Without it,
   * the client is not told what became of older messages while it was away.
   */
  readonly rev?: number;
}

/** A JSON value (RFC 8259). */
export type Json = null | boolean | number | string | readonly Json[] | {
  readonly [key: string]: Json;
};

/** `CommandBase` is what all commands have. */
export interface CommandBase<T extends string> {
  /** Which command it is. */
  readonly type: T;
  /** The client's own id for the command, 1 to 64 characters. The answer has it too. */
  readonly ref?: string;
}

/** `RoomCommand` is what all commands to a room have. */
export interface RoomCommand<T extends string> extends CommandBase<T> {
  /** The name of the room. A client may leave it out and means `lobby` then. */
  readonly room: string;
}

/** `hello` says who the client is, and is answered by `welcome`. Without it the client is a guest. */
export interface HelloCommand extends CommandBase<"hello"> {
  /** The name that the user wants. */
  readonly name?: string;
  /** The application's token of the user, or the token of an earlier `welcome`; 1 to 4,096 characters. */
  readonly token?: string;
}

/** `join` enters a room. `joined` answers it, then the missed or recent messages, then live ones. */
export interface JoinCommand extends RoomCommand<"join"> {
  /** The client's cursor. Without it, the client gets the room's recent messages. */
  readonly since?: Cursor;
}

/** `leave` leaves a room. */
export interface LeaveCommand extends RoomCommand<"leave"> {}

/** `chat` says something: it is stored, numbered, and sent to all members, the sender included. */
export interface ChatCommand extends RoomCommand<"chat"> {
  /** The text. */
  readonly payload: string;
  /** The `seq` of the message that this one answers. */
  readonly replyTo?: number;
}

/** `edit` changes the text of a `chat`: one's own, or anyone's with the right `manage`. */
export interface EditCommand extends RoomCommand<"edit"> {
  /** The message. */
  readonly seq: number;
  /** The new text. */
  readonly payload: string;
}

/** `delete` takes back a message: one's own, or anyone's with the right `manage`. Its place stays. */
export interface DeleteCommand extends RoomCommand<"delete"> {
  /** The message. */
  readonly seq: number;
}

/** `react` adds a reaction to a message, or removes it. */
export interface ReactCommand extends RoomCommand<"react"> {
  /** The message. */
  readonly seq: number;
  /** The reaction, such as an emoji: 1 to 32 characters without blanks. */
  readonly payload: string;
  /** Whether the user reacts so; without it, true. */
  readonly on?: boolean;
}

/** `custom` sends an application's own event to all members, the sender included. */
export interface CustomCommand extends RoomCommand<"custom"> {
  /** The name of the event, 1 to 64 visible characters. */
  readonly name: string;
  /** Nested at most {@linkcode MAX_DEPTH} deep. */
  readonly payload: Json;
  /** Whether the event is stored and numbered like a `chat`; without it, it is not. */
  readonly durable?: boolean;
  /**
   * Whether the newest event of this name is kept and given to everyone who joins. It has no `seq`, so
   * it does not go with `durable`. A payload of `null` removes what is kept.
   */
  readonly retain?: boolean;
}

/** `typing` tells the other members that the user began or stopped typing. */
export interface TypingCommand extends RoomCommand<"typing"> {
  /** True: began; false: stopped. */
  readonly payload: boolean;
}

/** `read` says that the user has seen a room up to a message. `read` answers it. */
export interface ReadCommand extends RoomCommand<"read"> {
  /** The last message that the user has seen. The mark only grows: a smaller one changes nothing. */
  readonly seq: number;
}

/** `rename` gives the user a new name, in all rooms and on all of the user's connections. */
export interface RenameCommand extends CommandBase<"rename"> {
  /** The new name, 1 to 64 visible characters. */
  readonly name: string;
}

/** `pong` answers a `ping`. No client has to send it. */
export interface PongCommand extends CommandBase<"pong"> {
  /** The `at` of the `ping`. */
  readonly at?: number;
}

/** Everything that a client may send. */
export type Command =
  | HelloCommand
  | JoinCommand
  | LeaveCommand
  | ChatCommand
  | CustomCommand
  | EditCommand
  | DeleteCommand
  | ReactCommand
  | TypingCommand
  | ReadCommand
  | RenameCommand
  | PongCommand;

/** `EventBase` is what all events have. */
export interface EventBase<T extends string> {
  /** Which event it is. */
  readonly type: T;
}

/** `RoomEvent` is what all events about a room have. */
export interface RoomEvent<T extends string> extends EventBase<T> {
  /** The name of the room. */
  readonly room: string;
}

/** `StoredEvent` is what every event has that is always stored. */
export interface StoredEvent<T extends string> extends RoomEvent<T> {
  /** Its place in the room: 1, 2, 3, without holes. */
  readonly seq: number;
  /** When it was committed, in milliseconds since 1970 by the server's clock. */
  readonly at: number;
  /** The sender. */
  readonly from: User;
  /** The sender's own id for the message. */
  readonly ref?: string;
}

/** How many commands may be sent; 0: no limit. */
export interface AnnouncedRate {
  /** So many a second in the long run. */
  readonly rate: number;
  /** So many at once. */
  readonly burst: number;
}

/** The limits of a connection, announced so that a client can keep them; 0: no limit. */
export interface AnnouncedLimits extends AnnouncedRate {
  /** The largest frame that the server reads, in bytes of UTF-8. */
  readonly frameBytes: number;
  /** Rooms that one connection may be in. */
  readonly roomsPerConnection: number;
  /** Seconds in which users may edit and delete what they have said, unless they have the right `manage`. */
  readonly editSeconds: number;
}

/** What limits a user in a room in place of {@linkcode AnnouncedLimits}; 0: no limit. */
export interface AnnouncedRoomLimits {
  /** The allowance of commands that are sent to this room. */
  readonly commands?: AnnouncedRate;
  /** The allowance of signals: `typing`, and `custom` that is not stored. Without it, they are commands. */
  readonly signals?: AnnouncedRate;
  /** Seconds between two messages that are stored, unless the user has the right `manage`. */
  readonly slowSeconds?: number;
}

/** `welcome` answers `hello`. */
export interface WelcomeEvent extends EventBase<"welcome"> {
  /** The time by the server's clock, in milliseconds since 1970. */
  readonly at: number;
  /** The client's user. */
  readonly user: User;
  /** For guests: a secret. A later `hello` with it is the same user, by the name when it was made. */
  readonly token?: string;
  /** Seconds between two `ping` events. When two in a row are missing, the server is dead. */
  readonly heartbeatSeconds: number;
  /** The limits of this connection. */
  readonly limits: AnnouncedLimits;
}

/** `joined` answers `join`. The missed or recent messages follow it, then live ones. */
export interface JoinedEvent extends RoomEvent<"joined"> {
  /** The name of the room's log, for the client's cursor. */
  readonly epoch: string;
  /** The room's newest `seq`. */
  readonly seq: number;
  /**
   * The room's newest revision; 0 if no message was revised. If `recovered` is false, it is the `rev` of
   * the client's cursor: what follows shows each message as it is now.
   */
  readonly rev: number;
  /**
   * True: every message after the client's cursor follows, and nothing else. False, as always without
   * `since`: what follows replaces all that the client has of the room. It also comes without a `join`,
   * to a client so slow that the log was pruned past its cursor.
   */
  readonly recovered: boolean;
  /** The user's own reactions to the messages that follow, by `seq`; at most {@linkcode MAX_MINE}. */
  readonly mine?: Readonly<Record<string, readonly string[]>>;
  /** At most {@linkcode MAX_LISTED} of the members. */
  readonly members: readonly User[];
  /** How many members there are. */
  readonly memberCount: number;
  /** What the user may do in the room: `read`, `write` or `manage`. */
  readonly right: Right;
  /** Set if a rule of the server has other limits for this room. */
  readonly limits?: AnnouncedRoomLimits;
  /** The user's read mark: the last message that was seen, on any device. Without it there is no mark. */
  readonly read?: number;
  /** How many messages are above the mark; 0 without a mark. */
  readonly unread: number;
}

/** `read` says that the user's read mark has moved. It goes to all connections of that user. */
export interface ReadEvent extends RoomEvent<"read"> {
  /** The mark. It only grows, so of two the higher one holds. */
  readonly seq: number;
  /** The `ref` of the command. Missing if the mark moved because the user said something. */
  readonly ref?: string;
}

/** `right` says that what the user may do in a room has changed. */
export interface RightEvent extends RoomEvent<"right"> {
  /** The right from now on. `none` ends the membership. */
  readonly right: Right;
  /** Why, in a sentence for people. */
  readonly payload?: string;
  /** For how many seconds, if it is not for good. */
  readonly seconds?: number;
}

/** `MessageState` is what has become of a message since it was said. */
export interface MessageState {
  /** When its text was last changed, in milliseconds since 1970 by the server's clock. */
  readonly edited?: number;
  /** Set if it was deleted: its text and its reactions are gone. */
  readonly deleted?: true;
  /** How many users reacted, by reaction. */
  readonly reactions?: Readonly<Record<string, number>>;
  /** The revision that made it what it is: of two states of a message, the newer has the higher `rev`. */
  readonly rev?: number;
}

/** `chat` is a message. Its text is the same when it is live and when it is replayed. */
export interface ChatEvent extends StoredEvent<"chat">, MessageState {
  /** The text; empty if the message was deleted. */
  readonly payload: string;
  /** The `seq` of the message that this one answers. */
  readonly replyTo?: number;
}

/** `custom` is an application's own event. It has `seq` and `at` if it is stored. */
export interface CustomEvent
  extends
    Omit<StoredEvent<"custom">, "seq" | "at">,
    Partial<Pick<ChatEvent, "seq" | "at">>,
    Omit<MessageState, "edited"> {
  /** The name of the event. */
  readonly name: string;
  /** What the sender sent; `null` if the event was deleted. */
  readonly payload: Json;
  /** Set where the newest event of this name is given to a client that joins. */
  readonly retained?: true;
}

/**
 * `revised` says that a message was edited, deleted or reacted to. It comes at most ten times a second for
 * each message, in the order of `rev`. Whoever asked for the revision gets it once more as the answer, with
 * `mine`, and with `ref` if there was one.
 */
export interface RevisedEvent extends RoomEvent<"revised"> {
  /** Which revision of the room it is; 0 in an answer if the message was never revised. */
  readonly rev: number;
  /** The whole message as it is now. */
  readonly message: Message;
  /** The sender's own id for the revision. */
  readonly ref?: string;
  /** The reactions of the user who asked, to this message. */
  readonly mine?: readonly string[];
}

/** `system` tells of members. In a room of more than 200 only `count` comes, once a second. */
export interface SystemEvent extends RoomEvent<"system"> {
  /** A sentence for people. */
  readonly payload: string;
  /** What happened to `user`; or `count`, which is about `memberCount` only. */
  readonly kind: "joined" | "left" | "renamed" | "count";
  /** The user that the event is about; after `renamed`, with the new name. Missing for `count`. */
  readonly user?: User;
  /** How many members there are now. */
  readonly memberCount: number;
}

/** `typing` says that a user began or stopped typing. A start comes at most once a second per user. */
export interface TypingEvent extends RoomEvent<"typing">, Pick<ChatEvent, "from"> {
  /** True: began; false: stopped. */
  readonly payload: boolean;
}

/** `ping` is the heartbeat. */
export interface PingEvent extends EventBase<"ping"> {
  /** When it was sent, in milliseconds since 1970 by the server's clock. */
  readonly at: number;
}

/** `error` says that a command was refused. The command changed nothing. */
export interface ErrorEvent extends EventBase<"error"> {
  /** Why, for programs. */
  readonly code: ErrorCode;
  /** Why, in a sentence for people. */
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
export interface ByeEvent extends EventBase<"bye"> {
  /** A sentence for people. */
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
  | RevisedEvent
  | SystemEvent
  | TypingEvent
  | RightEvent
  | ReadEvent
  | PingEvent
  | ErrorEvent
  | ByeEvent;

/** A `Message` is an event in a room's log: only such an event has both `seq` and `at`. */
export type Message =
  | Extract<Event, { readonly seq: number; readonly at: number }>
  | (CustomEvent & { readonly seq: number; readonly at: number });
