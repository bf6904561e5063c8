/**
 * `OPTIONS` is the table of everything that can be set. Flags, environment variables, `--help`, the table
 * in the papers and the checks for embedding programs come from it, and tests/options_test.ts holds the
 * documentation of `Options` to it. `read_options.ts` reads the options of the program.
 *
 * @module
 */
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "./log_line.ts";

/** `Options` are what a server is made with; `createServer` fills in what is not given. */
export interface Options {
  /**
   * TCP port to listen on; 0 picks a free one.
   *
   * For `listen()` alone, as are `host`, `cert` and `key`: a program that passes requests to `fetch`
   * listens itself.
   *
   * From 0 to 65,535.
   *
   * @default {8080}
   */
  readonly port: number;
  /**
   * TCP port on 127.0.0.1 for metrics without a key; 0 is none.
   *
   * `/metrics`, `/status`, `/healthz` and `/readyz` are there, for whoever may run programs on this
   * machine. For `listen()` alone.
   *
   * From 0 to 65,535.
   *
   * @default {0}
   */
  readonly metricsPort: number;
  /**
   * Address to listen on; 0.0.0.0 or :: for all.
   *
   * On a loopback address and without a trusted proxy, the server answers only to loopback names,
   * to this name and to the hosts of `allowOrigin` (`*` names none). So no web page can reach it by
   * a name of its own that points to this machine. A program that passes requests to `fetch` has to
   * see to that itself.
   *
   * @default {"127.0.0.1"}
   */
  readonly host: string;
  /**
   * Path of the database file; :memory: keeps nothing after a stop.
   *
   * @default {"parley.db"}
   */
  readonly db: string;
  /**
   * URL of a Redis that nodes share, in place of the database.
   *
   * Such as `redis://127.0.0.1:6379`, or `rediss://…` for TLS.
   *
   * @default {""}
   */
  readonly redis: string;
  /**
   * Text that every key and channel in Redis begins with.
   *
   * 1 to 64 letters, digits or `_.:-`.
   *
   * @default {"parley"}
   */
  readonly redisPrefix: string;
  /**
   * Threads that serve, beside one that stores; 0 does both in one.
   *
   * With 0 a commit blocks the event loop that serves. With 1 it blocks another thread, for the price of
   * a hop between the two. With Redis nothing is stored here, and 0 and 1 are the same.
   *
   * `createServer` makes one node and refuses more than 1, which is for the program alone.
   *
   * From 0 to 64.
   *
   * @default {0}
   */
  readonly workers: number;
  /**
   * Other origins whose pages may connect, or *, or null.
   *
   * As browsers send them (RFC 6454 §6.2), such as `https://example.com`; `null` is the origin of
   * sandboxed pages and local files. The flag may be repeated; the variable lists them by comma.
   *
   * @default {[]}
   */
  readonly allowOrigin: readonly string[];
  /**
   * Path that everything is served under; empty for the root.
   *
   * Such as `/realtime`: then the page is at `/realtime/`, a WebSocket at `/realtime/ws`, and what is
   * not under it gets 404. It begins with a slash and does not end with one.
   *
   * @default {""}
   */
  readonly basePath: string;
  /**
   * Whether the chat page is served; with false, / is 404.
   *
   * Without it the files of `static/` are not loaded, and the client library is not served either.
   *
   * @default {true}
   */
  readonly page: boolean;
  /**
   * PEM file with the certificate chain, to serve https and wss.
   *
   * Needs `key`. For `listen()` alone.
   *
   * @default {""}
   */
  readonly cert: string;
  /**
   * PEM file with the private key of the certificate.
   *
   * Needs `cert`. For `listen()` alone.
   *
   * @default {""}
   */
  readonly key: string;
  /**
   * Secret that the application signs its JWTs with (HS256).
   *
   * At least 32 bytes. The program reads it from its variable alone.
   *
   * @default {""}
   */
  readonly jwtSecret: string;
  /**
   * Path of a file with that secret, in place of the variable.
   *
   * A line break at its end is not part of the secret.
   *
   * @default {""}
   */
  readonly jwtSecretFile: string;
  /**
   * File or URL of the public keys of the JWTs (a JWK Set).
   *
   * A set of keys (RFC 7517 §5) for RS256, ES256 and EdDSA. It is read again when a token names a key
   * that it does not hold. Use https: whoever can change the answer can make tokens.
   *
   * @default {""}
   */
  readonly jwks: string;
  /**
   * What the claim iss of every JWT must be.
   *
   * @default {""}
   */
  readonly jwtIssuer: string;
  /**
   * What the claim aud of every JWT must be or hold.
   *
   * Set it where one issuer signs for several applications.
   *
   * @default {""}
   */
  readonly jwtAudience: string;
  /**
   * Keys by which the application itself is known over HTTP.
   *
   * Several are separated by white space, so that one can be replaced without a gap. Each has 32 to
   * 1,024 letters, digits or `_.~+/=-`. The program reads them from their variable alone.
   *
   * @default {""}
   */
  readonly apiKeys: string;
  /**
   * Path of a file with such keys, besides those of the variable.
   *
   * @default {""}
   */
  readonly apiKeyFile: string;
  /**
   * URL that every message is posted to, signed.
   *
   * An http or https URL without a user and a password. It needs a secret. It does not go with `redis`,
   * where there is no one order over all rooms.
   *
   * @default {""}
   */
  readonly webhook: string;
  /**
   * Secret that requests to the webhook are signed with.
   *
   * `whsec_` and 24 to 64 random bytes in Base64. Of several, separated by white space, each signs, so
   * that a receiver can change from one to the next. The program reads it from its variable alone.
   *
   * @default {""}
   */
  readonly webhookSecret: string;
  /**
   * Path of a file with that secret, in place of its variable.
   *
   * @default {""}
   */
  readonly webhookSecretFile: string;
  /**
   * Commands per second that a user may sustain; 0 is no limit.
   *
   * Counted on each node, over all connections of the user.
   *
   * From 0 to 1,000,000,000; may have a fraction.
   *
   * @default {10}
   */
  readonly rate: number;
  /**
   * Commands that a user may send at once; 0 is no limit.
   *
   * From 0 to 1,000,000.
   *
   * @default {30}
   */
  readonly burst: number;
  /**
   * JSON file with rules for the rooms whose names match a pattern.
   *
   * A list of objects with the keys of `RoomRule`. The first that matches a room holds there.
   *
   * @default {""}
   */
  readonly rules: string;
  /**
   * Units per second that an address may sustain; 0 is no limit.
   *
   * Counted on each node, over everything that comes from the address. A command costs 1 unit and 1
   * more per KiB, a connection 5: see `COSTS` in `server/access/allowances.ts`.
   *
   * From 0 to 1,000,000,000; may have a fraction.
   *
   * @default {300}
   */
  readonly addressRate: number;
  /**
   * Units that an address may use at once; 0 is no limit.
   *
   * From 0 to 1,000,000,000.
   *
   * @default {3000}
   */
  readonly addressBurst: number;
  /**
   * Bad commands before a connection is closed; 0 is no limit.
   *
   * The close code is 1008. One bad command is forgiven every 10 seconds.
   *
   * From 0 to 1,000,000,000.
   *
   * @default {20}
   */
  readonly badCommands: number;
  /**
   * Connections to a node at once; 0 is no limit.
   *
   * From 0 to 1,000,000,000.
   *
   * @default {10000}
   */
  readonly maxConnections: number;
  /**
   * Connections from one address at once; 0 is no limit.
   *
   * From 0 to 1,000,000,000.
   *
   * @default {200}
   */
  readonly maxConnectionsPerAddress: number;
  /**
   * Reverse proxies in front whose X-Forwarded-For is believed.
   *
   * Set it to their exact number: one too many lets a client invent its address.
   *
   * From 0 to 16.
   *
   * @default {0}
   */
  readonly trustProxies: number;
  /**
   * The right that no guest exceeds.
   *
   * `none`, `read` or `write`. Guests are those without a token of the application.
   *
   * @default {"write"}
   */
  readonly guests: "none" | "read" | "write";
  /**
   * Rooms with members at once; 0 is no limit.
   *
   * From 0 to 1,000,000,000.
   *
   * @default {10000}
   */
  readonly maxRooms: number;
  /**
   * Rooms that a connection may be in; 0 is no limit.
   *
   * From 0 to 1,000,000,000.
   *
   * @default {50}
   */
  readonly maxRoomsPerConnection: number;
  /**
   * Connections in one room; 0 is no limit.
   *
   * From 0 to 1,000,000,000.
   *
   * @default {10000}
   */
  readonly maxMembersPerRoom: number;
  /**
   * Bytes of the largest frame or request body that is read.
   *
   * A frame must have room for a `hello` with the longest token.
   *
   * From 8,192 to 16,777,216.
   *
   * @default {16384}
   */
  readonly frameBytes: number;
  /**
   * Bytes queued for a connection, above which it is behind.
   *
   * A connection that is behind is sent pages of the log instead of live messages, so that the
   * queue stays small.
   *
   * From 1,024 to 1,073,741,824.
   *
   * @default {262144}
   */
  readonly highWaterBytes: number;
  /**
   * Bytes queued for a connection, below which the next page is sent.
   *
   * Must be less than `highWaterBytes`.
   *
   * From 0 to 1,073,741,824.
   *
   * @default {65536}
   */
  readonly lowWaterBytes: number;
  /**
   * Seconds without progress after which a peer is dropped.
   *
   * A connection that takes nothing of what is queued is closed; a request whose body does not end
   * is refused.
   *
   * From 0.05 to 3,600; may have a fraction.
   *
   * @default {30}
   */
  readonly stallSeconds: number;
  /**
   * Seconds between two ping events.
   *
   * A WebSocket that stays silent for two of them is closed.
   *
   * From 0.05 to 3,600; may have a fraction.
   *
   * @default {25}
   */
  readonly heartbeatSeconds: number;
  /**
   * Seconds a user may be gone before the room is told.
   *
   * A user who reconnects in that time never left.
   *
   * From 0 to 3,600; may have a fraction.
   *
   * @default {5}
   */
  readonly graceSeconds: number;
  /**
   * Messages that are sent to a client that joins without a cursor.
   *
   * From 0 to 10,000.
   *
   * @default {50}
   */
  readonly recentMessages: number;
  /**
   * Bytes of newest messages kept in memory per room.
   *
   * Connections that are behind read these without the database.
   *
   * From 0 to 1,073,741,824.
   *
   * @default {524288}
   */
  readonly tailBytes: number;
  /**
   * Messages kept per room; 0 keeps all.
   *
   * From 0 to 1,000,000,000.
   *
   * @default {10000}
   */
  readonly retainMessages: number;
  /**
   * Days that a message is kept; 0 is for ever.
   *
   * From 0 to 36,500; may have a fraction.
   *
   * @default {30}
   */
  readonly retainDays: number;
  /**
   * Megabytes (MiB) used in the database file; 0 is no limit.
   *
   * At the limit the oldest messages are deleted first. Without effect with Redis.
   *
   * From 0 to 1,000,000,000.
   *
   * @default {4096}
   */
  readonly maxDatabaseMb: number;
  /**
   * Newest messages per room among which a repeated ref is found.
   *
   * From 1 to 10,000,000.
   *
   * @default {10000}
   */
  readonly dedupeMessages: number;
  /**
   * Seconds in which one may edit and delete what one has said; 0 is always.
   *
   * Users with the right `manage` always may.
   *
   * From 0 to 1,000,000,000; may have a fraction.
   *
   * @default {0}
   */
  readonly editSeconds: number;
  /**
   * Seconds over which clients come back after a shutdown.
   *
   * Each client is told its own moment, so that they do not all return at once.
   *
   * From 0 to 3,600; may have a fraction.
   *
   * @default {10}
   */
  readonly returnSeconds: number;
  /**
   * Seconds that /readyz says draining before a stop.
   *
   * Balancers that poll `/readyz` send no new clients meanwhile, and those that are here stay. For the
   * program alone: an embedding program calls `drain()` and waits before it calls `stop()`.
   *
   * From 0 to 3,600; may have a fraction.
   *
   * @default {0}
   */
  readonly drainSeconds: number;
  /**
   * Format of the log: text, json, or journald.
   *
   * `text` is for people, `json` for collectors, and `journald` for systemd, which keeps the time itself
   * and reads the level from a prefix. An application that brings a log of its own formats it itself.
   *
   * @default {"text"}
   */
  readonly log: LogFormat;
  /**
   * Least serious level that is logged.
   *
   * `debug`, `info`, `warn` or `error`. With `debug` there is a line for each connection and each request.
   *
   * @default {"info"}
   */
  readonly logLevel: LogLevel;
}

interface OptionRow<T> {
  readonly default: T;
  /** One line for `--help`; the documentation of the option begins with it. */
  readonly help: string;
  /** The minimum and the maximum of a number. */
  readonly range?: Range;
  /** Whether the number may have a fraction. */
  readonly fraction?: boolean;
  /** The texts that it may be. */
  readonly choices?: readonly T[];
  /**
   * Whether it is read from its variable alone. Everyone on the machine can see the flags of a
   * program, in the list of processes.
   */
  readonly secret?: true;
}

export type Range = readonly [min: number, max: number];

/** Nothing, or path segments that `URL` leaves as they are: no escapes, and not `.` or `..`. */
const BASE_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*$/;

/** The range of limits, where 0 means that there is none. */
export const LIMIT: Range = [0, 1e9];

function whole(value: number, range: Range, help: string): OptionRow<number> {
  return { default: value, range, help };
}

function fraction(value: number, range: Range, help: string): OptionRow<number> {
  return { default: value, range, help, fraction: true };
}

function secret(help: string): OptionRow<string> {
  return { default: "", help, secret: true };
}

function limit(value: number, help: string): OptionRow<number> {
  return whole(value, LIMIT, help);
}

function choice<T extends string>(value: T, choices: readonly T[], help: string): OptionRow<T> {
  return { default: value, choices, help };
}

/** The table of options, in the order of `--help`. */
export const OPTIONS: { readonly [K in keyof Options]: OptionRow<Options[K]> } = {
  port: whole(8080, [0, 65_535], "TCP port to listen on; 0 picks a free one"),
  metricsPort: whole(
    0,
    [0, 65_535],
    "TCP port on 127.0.0.1 for metrics without a key; 0 is none",
  ),
  host: { default: "127.0.0.1", help: "address to listen on; 0.0.0.0 or :: for all" },
  db: {
    default: "parley.db",
    help: "path of the database file; :memory: keeps nothing after a stop",
  },
  redis: { default: "", help: "URL of a Redis that nodes share, in place of the database" },
  redisPrefix: { default: "parley", help: "text that every key and channel in Redis begins with" },
  workers: whole(0, [0, 64], "threads that serve, beside one that stores; 0 does both in one"),
  allowOrigin: { default: [], help: "other origins whose pages may connect, or *, or null" },
  basePath: { default: "", help: "path that everything is served under; empty for the root" },
  page: { default: true, help: "whether the chat page is served; with false, / is 404" },
  cert: { default: "", help: "PEM file with the certificate chain, to serve https and wss" },
  key: { default: "", help: "PEM file with the private key of the certificate" },
  jwtSecret: secret("secret that the application signs its JWTs with (HS256)"),
  jwtSecretFile: { default: "", help: "path of a file with that secret, in place of the variable" },
  jwks: { default: "", help: "file or URL of the public keys of the JWTs (a JWK Set)" },
  jwtIssuer: { default: "", help: "what the claim iss of every JWT must be" },
  jwtAudience: { default: "", help: "what the claim aud of every JWT must be or hold" },
  apiKeys: secret("keys by which the application itself is known over HTTP"),
  apiKeyFile: {
    default: "",
    help: "path of a file with such keys, besides those of the variable",
  },
  webhook: { default: "", help: "URL that every message is posted to, signed" },
  webhookSecret: secret("secret that requests to the webhook are signed with"),
  webhookSecretFile: {
    default: "",
    help: "path of a file with that secret, in place of its variable",
  },
  rate: fraction(10, LIMIT, "commands per second that a user may sustain; 0 is no limit"),
  burst: whole(30, [0, 1_000_000], "commands that a user may send at once; 0 is no limit"),
  rules: { default: "", help: "JSON file with rules for the rooms whose names match a pattern" },
  addressRate: fraction(300, LIMIT, "units per second that an address may sustain; 0 is no limit"),
  addressBurst: limit(3000, "units that an address may use at once; 0 is no limit"),
  badCommands: limit(20, "bad commands before a connection is closed; 0 is no limit"),
  maxConnections: limit(10_000, "connections to a node at once; 0 is no limit"),
  maxConnectionsPerAddress: limit(200, "connections from one address at once; 0 is no limit"),
  trustProxies: whole(0, [0, 16], "reverse proxies in front whose X-Forwarded-For is believed"),
  guests: choice("write", ["none", "read", "write"], "the right that no guest exceeds"),
  maxRooms: limit(10_000, "rooms with members at once; 0 is no limit"),
  maxRoomsPerConnection: limit(50, "rooms that a connection may be in; 0 is no limit"),
  maxMembersPerRoom: limit(10_000, "connections in one room; 0 is no limit"),
  frameBytes: whole(
    16_384,
    [8192, 16_777_216],
    "bytes of the largest frame or request body that is read",
  ),
  highWaterBytes: whole(
    262_144,
    [1024, 1_073_741_824],
    "bytes queued for a connection, above which it is behind",
  ),
  lowWaterBytes: whole(
    65_536,
    [0, 1_073_741_824],
    "bytes queued for a connection, below which the next page is sent",
  ),
  stallSeconds: fraction(
    30,
    [0.05, 3600],
    "seconds without progress after which a peer is dropped",
  ),
  heartbeatSeconds: fraction(25, [0.05, 3600], "seconds between two ping events"),
  graceSeconds: fraction(5, [0, 3600], "seconds a user may be gone before the room is told"),
  recentMessages: whole(
    50,
    [0, 10_000],
    "messages that are sent to a client that joins without a cursor",
  ),
  tailBytes: whole(524_288, [0, 1_073_741_824], "bytes of newest messages kept in memory per room"),
  retainMessages: limit(10_000, "messages kept per room; 0 keeps all"),
  retainDays: fraction(30, [0, 36_500], "days that a message is kept; 0 is for ever"),
  maxDatabaseMb: limit(4096, "megabytes (MiB) used in the database file; 0 is no limit"),
  dedupeMessages: whole(
    10_000,
    [1, 10_000_000],
    "newest messages per room among which a repeated ref is found",
  ),
  editSeconds: fraction(
    0,
    [0, 1e9],
    "seconds in which one may edit and delete what one has said; 0 is always",
  ),
  returnSeconds: fraction(10, [0, 3600], "seconds over which clients come back after a shutdown"),
  drainSeconds: fraction(0, [0, 3600], "seconds that /readyz says draining before a stop"),
  log: choice("text", LOG_FORMATS, "format of the log: text, json, or journald"),
  logLevel: choice("info", LOG_LEVELS, "least serious level that is logged"),
};

/** The names of all options, in the order of the table. */
export const OPTION_NAMES = Object.keys(OPTIONS) as (keyof Options)[];

/** The bytes that a secret must have at least: the key of HS256 is no shorter (RFC 7518 §3.2). */
export const MIN_SECRET_BYTES = 32;

/** `OptionError` says in one line which option is wrong and what would be right. */
export class OptionError extends Error {
  /** Always `"OptionError"`. */
  override readonly name = "OptionError";
}

/** Returns the flag of an option without its dashes: `max-connections` for `maxConnections`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}

/** Variables that keep the name that many hosting services set. */
const COMMON_VARIABLES: readonly string[] = ["port", "host"];

/** Returns the environment variable of an option: `PARLEY_MAX_ROOMS` for `maxRooms`. */
export function variableOf(name: string): string {
  const prefix = COMMON_VARIABLES.includes(name) ? "" : "PARLEY_";
  return prefix + flagOf(name).replaceAll("-", "_").toUpperCase();
}

/**
 * `completeOptions` fills in defaults and checks every value.
 *
 * @throws {OptionError} if a value has the wrong type, is out of range, or does not go with another.
 */
export function completeOptions(given: Partial<Options> = {}): Options {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(OPTIONS, name)) throw new OptionError(`There is no option "${name}".`);
  }
  const options: Options = { ...defaults(), ...given };
  for (const name of OPTION_NAMES) check(name, options[name]);
  const { lowWaterBytes, highWaterBytes, redis, redisPrefix, basePath, cert, key } = options;
  demand(lowWaterBytes < highWaterBytes, "--low-water-bytes must be less than --high-water-bytes.");
  const isRedisUrl = /^rediss?:$/.test(URL.parse(redis)?.protocol ?? "");
  demand(redis === "" || isRedisUrl, "--redis must be a URL such as redis://127.0.0.1:6379.");
  const isPrefix = /^[\w.:-]{1,64}$/.test(redisPrefix);
  demand(isPrefix, "--redis-prefix must be 1 to 64 letters, digits or _.:- characters.");
  const sentence = `--base-path must be like /realtime, not "${basePath}".`;
  demand(BASE_PATH.test(basePath), sentence);
  demand((cert === "") === (key === ""), "--cert and --key must be given together.");
  checkJwtOptions(options);
  checkWebhookOptions(options);
  return options;
}

function checkJwtOptions(
  { jwtSecret, jwtSecretFile, jwks, jwtIssuer, jwtAudience }: Options,
): void {
  const keys = [jwtSecret, jwtSecretFile, jwks].filter((value) => value !== "").length;
  const sentence = "Give only one of PARLEY_JWT_SECRET, --jwt-secret-file and --jwks.";
  demand(keys <= 1, sentence);
  const claims = jwtIssuer !== "" || jwtAudience !== "";
  demand(
    keys === 1 || !claims,
    "--jwt-issuer and --jwt-audience need PARLEY_JWT_SECRET, --jwt-secret-file or --jwks.",
  );
  demand(
    jwtSecret === "" || new TextEncoder().encode(jwtSecret).length >= MIN_SECRET_BYTES,
    `PARLEY_JWT_SECRET must have at least ${MIN_SECRET_BYTES} bytes.`,
  );
  const { username, password } = URL.parse(jwks) ?? {};
  demand(!username && !password, "--jwks must be a URL without a user and a password.");
}

function checkWebhookOptions(
  { webhook, webhookSecret, webhookSecretFile, redis }: Options,
): void {
  const secrets = [webhookSecret, webhookSecretFile].filter((value) => value !== "").length;
  if (webhook === "") {
    return demand(secrets === 0, "A secret of the webhook needs --webhook, the URL to post to.");
  }
  const { protocol = "", username, password } = URL.parse(webhook) ?? {};
  const isUrl = /^https?:$/.test(protocol) && !username && !password;
  demand(isUrl, "--webhook must be an http or https URL without a user and a password.");
  demand(secrets === 1, "--webhook needs one of PARLEY_WEBHOOK_SECRET and --webhook-secret-file.");
  const sentence =
    "--webhook does not go with --redis, where there is no one order over all rooms.";
  demand(redis === "", sentence);
}

function check(name: keyof Options, value: unknown): void {
  const row: OptionRow<unknown> = OPTIONS[name];
  const { default: normal, range, fraction: mayBeFraction, choices } = row;
  const flag = row.secret ? variableOf(name) : `--${flagOf(name)}`;
  if (choices !== undefined) {
    return demand(choices.includes(value), `${flag} must be one of ${choices.join(", ")}.`);
  }
  if (range !== undefined) {
    const [min, max] = range;
    const isInRange = typeof value === "number" && value >= min && value <= max;
    const kind = mayBeFraction ? "a number" : "a whole number";
    const sentence = `${flag} must be ${kind} from ${min} to ${max}, not ${value}.`;
    return demand(isInRange && (mayBeFraction || Number.isInteger(value)), sentence);
  }
  if (Array.isArray(normal)) {
    demand(Array.isArray(value), `${flag} must be a list of origins.`);
    for (const origin of value) checkOrigin(flag, origin);
    return;
  }
  if (typeof normal === "boolean") {
    return demand(typeof value === "boolean", `${flag} must be true or false, not "${value}".`);
  }
  demand(typeof value === "string", `${flag} must be text.`);
  demand(value !== "" || normal === "", `${flag} must not be empty.`);
}

/** Checks that an origin is written as browsers send it (RFC 6454 §6.2): another would never match. */
function checkOrigin(flag: string, origin: unknown): void {
  const isOrigin = typeof origin === "string" && URL.parse(origin)?.origin === origin;
  const sentence = `${flag} must be like https://example.com, or * or null, not "${origin}".`;
  demand(isOrigin || origin === "*" || origin === "null", sentence);
}

function demand(isRight: boolean, sentence: string): asserts isRight {
  if (!isRight) throw new OptionError(sentence);
}

function defaults(): Options {
  const pairs = OPTION_NAMES.map((name) => [name, OPTIONS[name].default]);
  return Object.fromEntries(pairs) as Options;
}
