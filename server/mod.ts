/**
 * Parley as a library: a real-time room server to put in front of your own application.
 *
 * ```ts
 * import { createServer } from "./server/mod.ts";
 *
 * await using parley = await createServer({ db: ":memory:", port: 0 });
 * parley.listen();
 * console.log(parley.url);
 * ```
 *
 * @module
 */
export { BrokerError } from "./broker/broker.ts";
export { createServer, type Hooks } from "./create_server.ts";
export type { PeerInfo } from "./http/client_address.ts";
export type { LogFormat, LogLevel } from "./log_line.ts";
export { type ConsoleLog, consoleLog, type Facts, type Log, silentLog } from "./log.ts";
export { OptionError, type Options } from "./options.ts";
export {
  CLOSE,
  CLOSE_CODES,
  type CloseCode,
  type CloseRow,
  DEFAULT_ROOM,
  type ErrorCode,
  ERRORS,
  type LimitName,
  type Right,
  RIGHTS,
  SUBPROTOCOLS,
} from "./protocol/tables.ts";
export type {
  AnnouncedLimits,
  AnnouncedRate,
  AnnouncedRoomLimits,
  ByeEvent,
  ChatCommand,
  ChatEvent,
  Command,
  CommandBase,
  Cursor,
  CustomCommand,
  CustomEvent,
  DeleteCommand,
  EditCommand,
  ErrorEvent,
  Event,
  EventBase,
  HelloCommand,
  JoinCommand,
  JoinedEvent,
  Json,
  LeaveCommand,
  Message,
  MessageState,
  PingEvent,
  PongCommand,
  ReactCommand,
  ReadCommand,
  ReadEvent,
  RenameCommand,
  RevisedEvent,
  RightEvent,
  RoomCommand,
  RoomEvent,
  StoredEvent,
  SystemEvent,
  TypingCommand,
  TypingEvent,
  User,
  WelcomeEvent,
} from "./protocol/messages.ts";
export type {
  Application,
  Authenticate,
  Authorize,
  Credentials,
  IncomingMessage,
  MessageChange,
  OnMember,
  OnMessage,
  OnStored,
} from "./access/application.ts";
export type { RoomRule } from "./access/rules.ts";
export type { ApplicationUser } from "./access/application_user.ts";
export { Refusal } from "./protocol/refusal.ts";
export type { GapRecord, WebhookBody } from "./protocol/webhook_body.ts";
export type { HistoryRange } from "./rooms/history.ts";
export type { Members } from "./rooms/members.ts";
export type { Server } from "./server.ts";
export type { Moderation, Reason, Terms } from "./moderation.ts";
export type { EmitOptions, HistoryPage, PublishOptions, ReactOptions, Voice } from "./voice.ts";
