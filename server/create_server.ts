/**
 * `createServer` makes a server of options and hooks: it reads the files that they name, opens the store, and
 * puts the parts together.
 *
 * @module
 */
import { ApiKeys } from "./access/api_keys.ts";
import { type Application, applicationOf } from "./access/application.ts";
import type { TokenVerifier } from "./access/authenticator.ts";
import { type RoomRule, Rules } from "./access/rules.ts";
import { StaticFiles } from "./http/static_files.ts";
import { consoleLogOf, type Log, withoutThrowing } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { type Connect, openStorage } from "./open_storage.ts";
import { completeOptions, OptionError, type Options } from "./options.ts";
import { Server } from "./server.ts";
import { readWebhookKeys } from "./webhooks/read_webhook_keys.ts";

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
 * With `workers: 1` a thread of the server's own stores, and ends with the server. If it dies, that is
 * logged, `/readyz` says so, and whatever would be stored is refused with `unavailable`: make another server.
 *
 * A hook that never returns stops this thread, which is the application's own: nobody is served, and no timer
 * runs. Nothing here can end it, also not with `workers: 1`; the thread that stores then has nothing to do, and
 * nothing acknowledged is lost. Let a supervisor ask for `/healthz`, and restart what does not answer.
 *
 * @throws {OptionError} if an option or a rule is unknown, out of its range, or does not go with another;
 * also for more than one of `workers`, which only the program starts.
 * @throws {BrokerError} if the database cannot be opened, or Redis not be reached.
 */
export async function createServer(
  options: Partial<Options> = {},
  hooks: Hooks = {},
): Promise<Server> {
  return await openServer(options, hooks);
}

/** What the servers of one program share. */
export interface Shared {
  /** Connects to the storing thread. With `--redis` it is not called. */
  readonly connect?: Connect | undefined;
  /** What the file of `--jwt-secret-file` held when the program started. */
  readonly jwtSecret?: Uint8Array<ArrayBuffer> | undefined;
}

/** Makes one of the program's servers. */
export async function openServer(
  options: Partial<Options>,
  hooks: Hooks,
  { connect, jwtSecret }: Shared = {},
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
    throw new OptionError("--workers above 1 is for the program: createServer makes one node.");
  }
  const safeLog = withoutThrowing(log); // a throw in a callback of a network client ends the process
  const files = page ? await StaticFiles.load() : undefined;
  const apiKeys = await ApiKeys.read(complete);
  const webhookKeys = await readWebhookKeys(complete);
  const verifier = await openVerifier(complete, safeLog, jwtSecret);
  const metrics = new Metrics();
  const { broker, thread } = await openStorage(complete, { rules, log: safeLog, metrics, connect });
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
    broker,
    storing: thread,
  });
}

async function openVerifier(
  options: Options,
  log: Log,
  secret: Shared["jwtSecret"],
): Promise<TokenVerifier | undefined> {
  const { jwtSecret, jwtSecretFile, jwks } = options;
  if (jwtSecret === "" && jwtSecretFile === "" && jwks === "") return undefined;
  // Imported only here, so that a server without tokens of an application does not load `jose`.
  const { JwtVerifier } = await import("./access/jwt/jwt_verifier.ts");
  return await JwtVerifier.open(options, { log, secret });
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
