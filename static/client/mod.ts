/**
 * The client library of Parley: a connection that reconnects, resumes and sends again by itself.
 *
 * ```ts
 * const client = connect("wss://example.org/ws", { name: "Ada" });
 * client.addEventListener("chat", ({ detail }) => console.log(detail.from.name, detail.payload));
 * client.join("lobby");
 * const stored = await client.send("lobby", "hello"); // stored.seq is its number in the room
 * ```
 *
 * @module
 */
export { Client, connect } from "./client.ts";
export { ClientError, RETRIABLE_ERRORS } from "./errors.ts";
export { type ClientEvents, type ClientState, ClientTarget } from "./events.ts";
export type { ClientOptions } from "./options.ts";
export { newRef, type Unsent } from "./outbox.ts";
export type { KeyValue } from "./storage.ts";
export {
  type OpenTransport,
  type Transport,
  type TransportHandlers,
  webSocket,
} from "./transport.ts";
export type {
  AnnouncedLimits,
  ByeEvent,
  ChatCommand,
  ChatEvent,
  Command,
  Cursor,
  CustomCommand,
  CustomEvent,
  ErrorEvent,
  Event,
  HelloCommand,
  JoinCommand,
  JoinedEvent,
  Json,
  LeaveCommand,
  Message,
  PingEvent,
  PongCommand,
  RenameCommand,
  SystemEvent,
  TypingCommand,
  TypingEvent,
  User,
  WelcomeEvent,
} from "../../server/protocol/messages.ts";
export type { ErrorCode } from "../../server/protocol/tables.ts";
