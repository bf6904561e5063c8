/**
 * The client library of Parley: a connection that reconnects, resumes and sends again by itself.
 *
 * ```ts
 * const client = connect("wss://example.org/ws", { name: "Ada" });
 * client.on("chat", ({ from, payload }) => console.log(from.name, payload));
 * client.join("lobby");
 * const stored = await client.send("lobby", "hello"); // stored.seq is its number in the room
 * ```
 *
 * @module
 */
export { Client } from "./client.ts";
export { connect } from "./connect.ts";
export { ClientError, RETRIABLE_ERRORS } from "./errors.ts";
export type { AnyEvents, ClientEvents, ClientState, ClientTarget } from "./events.ts";
export type { EventsOf, Lost, NamedEvent } from "./events.ts";
export type { ClientRequests } from "./client_requests.ts";
export type { HistoryPage, ListedRoom, Requester } from "./http.ts";
export type { Moderation, ModerationTerms } from "./moderate.ts";
export type { ClientOptions, TokenSource } from "./options.ts";
export { type Acknowledgement, newRef, type ReviseCommand, type Unsent } from "./outbox.ts";
export type { KeyValue } from "./storage.ts";
export { webSocket } from "./transport.ts";
export type { OpenTransport, Transport, TransportHandlers } from "./transport.ts";

// The words of the wire that appear in these: its values, commands and events.
export type {
  AnnouncedLimits,
  AnnouncedRate,
  AnnouncedRoomLimits,
} from "../../server/protocol/messages.ts";
export type { Cursor, Json, User } from "../../server/protocol/messages.ts";
export type { ErrorCode, ERRORS, Right, RIGHTS } from "../../server/protocol/tables.ts";
export type { CommandBase, RoomCommand } from "../../server/protocol/messages.ts";
export type { Command, HelloCommand, RenameCommand } from "../../server/protocol/messages.ts";
export type {
  JoinCommand,
  LeaveCommand,
  PongCommand,
  ReadCommand,
} from "../../server/protocol/messages.ts";
export type { DeleteCommand, EditCommand, ReactCommand } from "../../server/protocol/messages.ts";
export type { MessageState, RevisedEvent } from "../../server/protocol/messages.ts";
export type { ChatCommand, CustomCommand, TypingCommand } from "../../server/protocol/messages.ts";
export type { EventBase, RoomEvent, StoredEvent } from "../../server/protocol/messages.ts";
export type { Event, JoinedEvent, WelcomeEvent } from "../../server/protocol/messages.ts";
export type {
  ChatEvent,
  CustomEvent,
  Message,
  SystemEvent,
} from "../../server/protocol/messages.ts";
export type {
  ByeEvent,
  ErrorEvent,
  PingEvent,
  ReadEvent,
  RightEvent,
  TypingEvent,
} from "../../server/protocol/messages.ts";
