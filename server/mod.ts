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
import { ApiKeys } from "./access/api_keys.ts";
import { completeOptions, OptionError, type Options } from "./options.ts";
import { consoleLogOf, type Log, withoutThrowing } from "./log.ts";
import { Metrics } from "./metrics.ts";
import type { TokenVerifier } from "./access/authenticator.ts";
import { type Application, applicationOf } from "./access/application.ts";
import { type RoomRule, Rules } from "./access/rules.ts";
import { Server } from "./server.ts";
import { readWebhookKeys } from "./webhooks/read_webhook_keys.ts";

export { BrokerError } from "./broker/broker.ts";
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

/** `Hooks` are what an application may bring besides options. */
export interface Hooks extends Application {
  /**
   * Takes the lines of the log. Without it they go to standard error, as the options `log` and
   * `logLevel` say.
   */
  readonly log?: Log;
  /**
   * What holds in rooms whose names match a pattern, in place of the file of the option `rules`.
   *
   * @default {[]}
   */
  readonly rules?: readonly RoomRule[];
}

/**
 * `createServer` opens the database and makes a server that does not listen yet: call `listen()`, or
 * pass requests to `fetch`.
 *
 * @throws {OptionError} if an option or a rule is unknown, out of its range, or does not go with another;
 * also for more than one of `workers`: start threads yourself, and listen with `reusePort`.
 * @throws {BrokerError} if the database cannot be opened, or Redis not be reached.
 */
export async function createServer(
  options: Partial<Options> = {},
  hooks: Hooks = {},
): Promise<Server> {
  checkHooks(options, hooks);
  const complete = completeOptions(options);
  const { log = consoleLogOf(complete), rules: given } = hooks;
  if (given !== undefined && complete.rules !== "") {
    throw new OptionError("Rules come from --rules or from the hook `rules`, not from both.");
  }
  const rules = given === undefined ? await Rules.load(complete.rules) : new Rules(given);
  const { workers, page } = complete;
  if (workers > 1) {
    throw new OptionError("--workers is for the program: createServer makes one node.");
  }
  const safeLog = withoutThrowing(log); // a throw in a callback of a network client ends the process
  const files = page ? await StaticFiles.load() : undefined;
  const apiKeys = await ApiKeys.read(complete);
  const webhookKeys = await readWebhookKeys(complete);
  const verifier = await openVerifier(complete, safeLog);
  const metrics = new Metrics();
  return new Server({
    options: complete,
    rules,
    files,
    log: safeLog,
    application: applicationOf(hooks),
    verifier,
    apiKeys,
    webhookKeys,
    metrics,
    broker: await openBroker(complete, rules, safeLog, metrics),
  });
}

async function openVerifier(options: Options, log: Log): Promise<TokenVerifier | undefined> {
  const { jwtSecret, jwtSecretFile, jwks } = options;
  if (jwtSecret === "" && jwtSecretFile === "" && jwks === "") return undefined;
  // Imported only here, so that a server without tokens of an application does not load `jose`.
  const { JwtVerifier } = await import("./access/jwt/jwt_verifier.ts");
  return await JwtVerifier.open(options, { log });
}

async function openBroker(
  options: Options,
  rules: Rules,
  log: Log,
  metrics: Metrics,
): Promise<Broker> {
  const retainDaysOf = (room: string) => rules.of(room)?.retainDays;
  if (options.redis === "") {
    return await SqliteBroker.open({ ...options, path: options.db, retainDaysOf }, log);
  }
  // Imported only here, so that a server without Redis does not load the client of Redis.
  const { RedisBroker } = await import("./broker/redis/redis_broker.ts");
  const { redis: url, redisPrefix: prefix } = options;
  return await RedisBroker.open({ ...options, url, prefix, log, metrics, retainDaysOf });
}

/** Checks the names and types of hooks: JavaScript would find out at the first request, or never. */
function checkHooks(options: object, hooks: Hooks): void {
  for (const name of Object.keys(applicationOf({}))) {
    if (name in options) {
      throw new OptionError(`"${name}" is a hook: give it in the second argument of createServer.`);
    }
    const hook: unknown = Reflect.get(hooks, name);
    if (hook !== undefined && typeof hook !== "function") {
      throw new OptionError(`The hook "${name}" must be a function.`);
    }
  }
  // An object of a class may have other methods; in a literal, another name is a slip.
  const names = Object.getPrototypeOf(hooks) === Object.prototype ? Object.keys(hooks) : [];
  const known = [...Object.keys(applicationOf({})), "log", "rules"];
  for (const name of names) {
    if (!known.includes(name)) throw new OptionError(`There is no hook "${name}".`);
  }
  if ("rules" in options && Array.isArray(options.rules)) {
    throw new OptionError(
      "A list of rules is a hook: give it in the second argument of createServer.",
    );
  }
}
