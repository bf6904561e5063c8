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
import { StaticFiles } from "./http/static_files.ts";
import { consoleLog, type Log } from "./log.ts";
import { completeOptions, type Options } from "./options.ts";
import type { Authorize } from "./access/rights.ts";
import { Server } from "./server.ts";

export { BrokerError } from "./broker/broker.ts";
export { consoleLog, type Log, silentLog } from "./log.ts";
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
export { Refusal } from "./protocol/refusal.ts";
export { COMMANDS } from "./protocol/commands.ts";
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
export type { Authorize } from "./access/rights.ts";
export type { Server } from "./server.ts";

/** What an embedding program may bring besides options. */
export interface Extras {
  /** Where log lines go. @default {consoleLog} */
  readonly log?: Log;
  /** Who may join which room and speak in it. @default {() => true} */
  readonly authorize?: Authorize;
}

/**
 * A server with its log open, not listening yet: call `listen()`, or hand requests to `fetch`.
 *
 * @throws {OptionError} if an option is out of its range.
 * @throws {BrokerError} if the database cannot be used.
 */
export async function createServer(
  options: Partial<Options> = {},
  { log = consoleLog, authorize = () => true }: Extras = {},
): Promise<Server> {
  const complete = completeOptions(options);
  const files = await StaticFiles.load();
  const broker = await openBroker(complete, log);
  return new Server({ options: complete, broker, files, log, authorize });
}

async function openBroker(options: Options, log: Log): Promise<Broker> {
  if (options.redis === "") return await SqliteBroker.open({ ...options, path: options.db });
  // Only here: on one node there is no Redis, and its client is not loaded.
  const { RedisBroker } = await import("./broker/redis/redis_broker.ts");
  const { redis: url, redisPrefix: prefix } = options;
  return await RedisBroker.open({ ...options, url, prefix, log });
}
