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
import { completeOptions, OptionError, type Options } from "./options.ts";
import type {
  Application,
  Authenticate,
  Authorize,
  OnMember,
  OnMessage,
  OnStored,
} from "./access/application.ts";
import { type RoomRule, Rules } from "./access/rules.ts";
import { Server } from "./server.ts";
import { readWebhookKeys } from "./webhooks/read_webhook_keys.ts";

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
  type Right,
  RIGHTS,
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
   * Says which of the application's users a client is, by a cookie or a token. It is asked when a socket
   * opens, for each `hello` with a token, and for each request. It may be asynchronous and has 10 seconds;
   * what the client says meanwhile waits. Without it, and without signed tokens, everybody is a guest.
   */
  readonly authenticate?: Authenticate;
  /**
   * Says what a user may do in a room: `none`, `read`, `write` or `manage`, or `undefined` to leave it to
   * the token, the rules and the defaults. It is asked for every join and every request; for a member
   * the answer holds until the server is told to ask again. It may be asynchronous and has 10 seconds.
   * If it throws, the join or request fails.
   */
  readonly authorize?: Authorize;
  /**
   * May change or refuse a message before it is stored or sent on. It is asked last, about each `chat` and
   * `custom` of a socket and each posted message, but not about what the application itself says. Return
   * nothing, or `{ payload }` with another payload. A `Refusal` that is thrown is what the sender gets; if
   * anything else is thrown, the sender gets `unavailable`, and the log says why.
   *
   * It may be asynchronous and has 10 seconds. What the same connection sends meanwhile waits, so each
   * sender's messages keep their order. A message that is sent again with its `ref` comes here again:
   * change it in the same way, or the sender gets `conflict`.
   */
  readonly onMessage?: OnMessage;
  /**
   * Is told of each message that this server has stored, also of the application's own, when members were
   * sent it. It is told at most once: use a webhook where no message may be missed.
   */
  readonly onStored?: OnStored;
  /**
   * Is told when a user becomes a member of a room by this server. With several nodes, each node tells of
   * its own connections.
   */
  readonly onJoin?: OnMember;
  /**
   * Is told when a user is no member of a room any more. After a lost connection that is when
   * `graceSeconds` are over. Nobody leaves when the server stops.
   */
  readonly onLeave?: OnMember;
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
 * @throws {OptionError} if an option or a rule is unknown, out of its range, or does not go with another.
 * @throws {BrokerError} if the database cannot be opened, or Redis not be reached.
 */
export async function createServer(
  options: Partial<Options> = {},
  hooks: Hooks = {},
): Promise<Server> {
  const { log = consoleLog, rules: given } = hooks;
  const complete = completeOptions(options);
  if (given !== undefined && complete.rules !== "") {
    throw new OptionError("Rules come from --rules or from the hook `rules`, not from both.");
  }
  const rules = given === undefined ? await Rules.load(complete.rules) : new Rules(given);
  const webhookKeys = await readWebhookKeys(complete);
  const files = await StaticFiles.load();
  const broker = await openBroker(complete, rules, log);
  const application = applicationOf(hooks);
  return new Server({ options: complete, rules, broker, files, log, application, webhookKeys });
}

/** Takes the functions out of the hooks, which may be an object of a class. */
function applicationOf(hooks: Hooks): Application {
  return {
    authenticate: hooks.authenticate?.bind(hooks),
    authorize: hooks.authorize?.bind(hooks),
    onMessage: hooks.onMessage?.bind(hooks),
    onStored: hooks.onStored?.bind(hooks),
    onJoin: hooks.onJoin?.bind(hooks),
    onLeave: hooks.onLeave?.bind(hooks),
  };
}

async function openBroker(options: Options, rules: Rules, log: Log): Promise<Broker> {
  const retainDaysOf = (room: string) => rules.of(room)?.retainDays;
  if (options.redis === "") {
    return await SqliteBroker.open({ ...options, path: options.db, retainDaysOf });
  }
  // Imported only here, so that a server without Redis does not load the client of Redis.
  const { RedisBroker } = await import("./broker/redis/redis_broker.ts");
  const { redis: url, redisPrefix: prefix } = options;
  return await RedisBroker.open({ ...options, url, prefix, log, retainDaysOf });
}
