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
import type { Broker } from "./broker/broker.ts";
import { SqliteBroker } from "./broker/sqlite/sqlite_broker.ts";
import { ApiKeys } from "./access/api_keys.ts";
import { StaticFiles } from "./http/static_files.ts";
import { consoleLog, type Log } from "./log.ts";
import { completeOptions, type Options } from "./options.ts";
import type { Authorize } from "./access/rights.ts";
import { Server } from "./server.ts";

export { BrokerError } from "./broker/broker.ts";
export { consoleLog, type Facts, type Log, silentLog } from "./log.ts";
export { OptionError, type Options } from "./options.ts";
export {
  CLOSE,
  CLOSE_CODES,
  type CloseCode,
  type CloseRow,
  DEFAULT_ROOM,
  type ErrorCode,
  ERRORS,
  SUBPROTOCOLS,
} from "./protocol/tables.ts";
export type {
  AnnouncedLimits,
  ByeEvent,
  ChatCommand,
  ChatEvent,
  Command,
  CommandBase,
  Cursor,
  CustomCommand,
  CustomEvent,
  ErrorEvent,
  Event,
  EventBase,
  HelloCommand,
  JoinCommand,
  JoinedEvent,
  Json,
  LeaveCommand,
  Message,
  PingEvent,
  PongCommand,
  RenameCommand,
  RoomCommand,
  RoomEvent,
  StoredEvent,
  SystemEvent,
  TypingCommand,
  TypingEvent,
  User,
  WelcomeEvent,
} from "./protocol/messages.ts";
export { Refusal } from "./protocol/refusal.ts";
export type { Authorize } from "./access/rights.ts";
export type { HistoryRange } from "./rooms/history.ts";
export type { Members } from "./rooms/members.ts";
export type { EmitOptions, HistoryPage, PublishOptions, Voice } from "./voice.ts";
export type { Server } from "./server.ts";

/** `Hooks` are what an application may bring besides options. */
export interface Hooks {
  /**
   * Takes the lines of the log.
   *
   * @default {consoleLog}
   */
  readonly log?: Log;
  /**
   * Decides which user may join which room and speak in it. It is asked for every join, page of
   * history, `chat`, `custom` and `typing`, and for each room of the list of rooms, so it must answer
   * at once. If it throws, the command or request fails.
   *
   * @default {() => true}
   */
  readonly authorize?: Authorize;
}

/**
 * `createServer` opens the database and makes a server that does not listen yet: call `listen()`, or
 * pass requests to `fetch`.
 *
 * @throws {OptionError} if an option is unknown, out of its range, or does not go with another.
 * @throws {BrokerError} if the database cannot be opened, or Redis not be reached.
 */
export async function createServer(
  options: Partial<Options> = {},
  { log = consoleLog, authorize = () => true }: Hooks = {},
): Promise<Server> {
  const complete = completeOptions(options);
  const apiKeys = await ApiKeys.read(complete);
  const files = await StaticFiles.load();
  const broker = await openBroker(complete, log);
  return new Server({ options: complete, broker, files, log, authorize, apiKeys });
}

async function openBroker(options: Options, log: Log): Promise<Broker> {
  if (options.redis === "") return await SqliteBroker.open({ ...options, path: options.db });
  // Imported only here, so that a server without Redis does not load the client of Redis.
  const { RedisBroker } = await import("./broker/redis/redis_broker.ts");
  const { redis: url, redisPrefix: prefix } = options;
  return await RedisBroker.open({ ...options, url, prefix, log });
}
