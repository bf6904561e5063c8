/**
 * Everything that can be set, as one table: name, default, range, and what it means. Flags,
 * environment variables, `--help`, the README's table and the checks for embedders all come from it.
 * It reads nothing itself: `main.ts` hands it the arguments and the environment.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** What a server may be told. Sizes are in bytes of UTF-8; for limits, 0 is "no limit". */
export interface Options {
  /** TCP port, 0 to 65535; 0 picks a free one. @default {8080} */
  readonly port: number;
  /**
   * Address to listen on; `0.0.0.0` or `::` for all. On a loopback address, with no proxy trusted, only
   * loopback names, this one and the hosts of `allowOrigin` are answered; `*` names none.
   *
   * @default {"127.0.0.1"}
   */
  readonly host: string;
  /** Path of the database; `:memory:` forgets everything at the end. @default {"parley.db"} */
  readonly db: string;
  /** Redis in place of a database of one's own, for several nodes: `redis://…` @default {""} */
  readonly redis: string;
  /** Begins all keys and channels in Redis: letters, digits, `_.:-`. @default {"parley"} */
  readonly redisPrefix: string;
  /** Threads that listen on the one port, each a node by itself; over 1 needs `redis`. @default {1} */
  readonly workers: number;
  /** Origins allowed besides the server's own (RFC 6454); `*` is any, `null` the opaque one. */
  readonly allowOrigin: readonly string[];
  /** PEM file with the certificate chain: serves https and wss. Needs `key`. @default {""} */
  readonly cert: string;
  /** PEM file with the certificate's private key. @default {""} */
  readonly key: string;
  /** Commands a second, sustained, of each user on all connections to one node. @default {10} */
  readonly rate: number;
  /** Commands at once, of each person. @default {30} */
  readonly burst: number;
  /** Units a second, sustained, of each address over everything that it does. @default {300} */
  readonly addressRate: number;
  /** Units at once, of each address. @default {3000} */
  readonly addressBurst: number;
  /** Bad commands before a connection is closed with 1008; one is forgiven every 10 s. @default {20} */
  readonly badCommands: number;
  /** Connections at once. @default {10000} */
  readonly maxConnections: number;
  /** Connections at once from one address. @default {200} */
  readonly maxConnectionsPerAddress: number;
  /** Reverse proxies in front whose `X-Forwarded-For` entry is believed. @default {0} */
  readonly trustProxies: number;
  /** Rooms with members at once. @default {10000} */
  readonly maxRooms: number;
  /** Rooms that one connection may be in. @default {50} */
  readonly maxRoomsPerConnection: number;
  /** Connections in one room. @default {10000} */
  readonly maxMembersPerRoom: number;
  /** Largest frame or request body that is read. @default {16384} */
  readonly frameBytes: number;
  /** Queued for a connection above this, it becomes behind and is fed from the log. @default {262144} */
  readonly highWaterBytes: number;
  /** Queued below this, a behind connection is fed again. @default {65536} */
  readonly lowWaterBytes: number;
  /**
   * A connection that takes nothing of what is queued for this long is dropped, and a request whose
   * body takes longer is refused, in seconds. @default {30}
   */
  readonly stallSeconds: number;
  /** Seconds between `ping` events; a peer silent for two of them is gone. @default {25} */
  readonly heartbeatSeconds: number;
  /** Seconds that a person may be gone before the room is told. @default {5} */
  readonly graceSeconds: number;
  /** Messages shown to one who joins without a cursor. @default {50} */
  readonly recentMessages: number;
  /** Newest messages of a room kept in memory, for those who are behind. @default {524288} */
  readonly tailBytes: number;
  /** Messages kept in each room. @default {10000} */
  readonly retainMessages: number;
  /** Days that a message is kept. @default {30} */
  readonly retainDays: number;
  /** Megabytes of the database file that may be in use; not with Redis. @default {4096} */
  readonly maxDatabaseMb: number;
  /** Newest messages of a room among which a repeated `ref` is recognised. @default {10000} */
  readonly dedupeMessages: number;
  /** On shutdown clients are told to come back at moments spread over this many seconds. @default {10} */
  readonly returnSeconds: number;
}

interface Spec<T> {
  readonly value: T;
  readonly help: string;
  /** The least and the greatest, for numbers. */
  readonly range?: readonly [number, number];
  /** May have a fraction. */
  readonly real?: true;
  /** The environment variable, where it is not the flag's name. */
  readonly variable?: string;
}

const LIMIT = [0, 1e9] as const;

/** The table. Its order is the order of `--help` and of the README. */
export const SPECS: { readonly [K in keyof Options]: Spec<Options[K]> } = {
  port: { value: 8080, range: [0, 65535], help: "TCP port; 0 picks a free one" },
  host: {
    value: "127.0.0.1",
    help: "address to listen on; 0.0.0.0 for all, loopback for its own names",
  },
  db: { value: "parley.db", help: "path of the database, or :memory:" },
  redis: {
    value: "",
    variable: "REDIS_URL",
    help: "redis://… in place of the database, for several nodes",
  },
  redisPrefix: {
    value: "parley",
    help: "begins all keys and channels in Redis: letters, digits, _.:-",
  },
  workers: {
    value: 1,
    range: [1, 64],
    help: "nodes on the one port, a thread each; needs --redis",
  },
  allowOrigin: {
    value: [],
    help: "origin allowed besides our own; repeatable; * and null possible",
  },
  cert: { value: "", help: "PEM certificate chain: serves https and wss; needs --key" },
  key: { value: "", help: "PEM private key; needs --cert" },
  rate: {
    value: 10,
    range: LIMIT,
    real: true,
    help: "commands a second a person; 0: no limit",
  },
  burst: { value: 30, range: [0, 1e6], help: "commands at once a person; 0: no limit" },
  addressRate: {
    value: 300,
    range: LIMIT,
    real: true,
    help: "units a second an address, on each node; 0: no limit",
  },
  addressBurst: { value: 3000, range: LIMIT, help: "units at once an address; 0: no limit" },
  badCommands: { value: 20, range: LIMIT, help: "bad commands before a close; 0: no limit" },
  maxConnections: { value: 10_000, range: LIMIT, help: "connections at once; 0: no limit" },
  maxConnectionsPerAddress: {
    value: 200,
    range: LIMIT,
    help: "connections at once from one address; 0: no limit",
  },
  trustProxies: {
    value: 0,
    range: [0, 16],
    help: "reverse proxies in front whose X-Forwarded-For entry is believed",
  },
  maxRooms: { value: 10_000, range: LIMIT, help: "rooms with members at once; 0: no limit" },
  maxRoomsPerConnection: { value: 50, range: LIMIT, help: "rooms a connection; 0: no limit" },
  maxMembersPerRoom: { value: 10_000, range: LIMIT, help: "connections in one room; 0: no limit" },
  frameBytes: {
    value: 16_384,
    range: [256, 1 << 24],
    help: "largest frame or body read, in bytes",
  },
  highWaterBytes: {
    value: 262_144,
    range: [1024, 1 << 30],
    help: "bytes queued for a connection above which it is fed from the log",
  },
  lowWaterBytes: {
    value: 65_536,
    range: [0, 1 << 30],
    help: "bytes queued below which feeding goes on",
  },
  stallSeconds: {
    value: 30,
    range: [0.05, 3600],
    real: true,
    help: "seconds without progress before a stuck connection or request is dropped",
  },
  heartbeatSeconds: { value: 25, range: [0.05, 3600], real: true, help: "seconds between pings" },
  graceSeconds: {
    value: 5,
    range: [0, 3600],
    real: true,
    help: "seconds that a person may be gone before the room is told",
  },
  recentMessages: {
    value: 50,
    range: [0, 10_000],
    help: "messages shown to one who joins without a cursor",
  },
  tailBytes: {
    value: 524_288,
    range: [0, 1 << 30],
    help: "bytes of newest messages kept in memory a room",
  },
  retainMessages: { value: 10_000, range: LIMIT, help: "messages kept a room; 0: all" },
  retainDays: {
    value: 30,
    range: [0, 36_500],
    real: true,
    help: "days that a message is kept; 0: for ever",
  },
  maxDatabaseMb: {
    value: 4096,
    range: LIMIT,
    help: "megabytes in the database file, the oldest go then; 0: no bound",
  },
  dedupeMessages: {
    value: 10_000,
    range: [1, 1e7],
    help: "newest messages of a room among which a repeated ref is recognised",
  },
  returnSeconds: {
    value: 10,
    range: [0, 3600],
    real: true,
    help: "seconds over which clients are told to come back after a shutdown",
  },
};

const NAMES = Object.keys(SPECS) as (keyof Options)[];

/** What was wrong with an option, in one line for people. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

/** `maxConnections` → `max-connections`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}

/** `maxConnections` → `MAX_CONNECTIONS`, unless the table says otherwise. */
export function variableOf(name: string): string {
  const row = Object.entries(SPECS).find(([key]) => key === name)?.[1];
  return row?.variable ?? flagOf(name).replaceAll("-", "_").toUpperCase();
}

/**
 * Every option, from what an embedding program gave and the defaults.
 *
 * @throws {OptionError} if a value is of the wrong type or out of its range.
 */
export function completeOptions(given: Partial<Options> = {}): Options {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(SPECS, name)) throw new OptionError(`There is no option ${name}.`);
  }
  const options: Options = { ...defaults(), ...given };
  for (const name of NAMES) check(name, options[name]);
  if (options.lowWaterBytes >= options.highWaterBytes) {
    throw new OptionError("--low-water-bytes must be below --high-water-bytes.");
  }
  if (options.redis !== "" && !/^rediss?:$/.test(URL.parse(options.redis)?.protocol ?? "")) {
    throw new OptionError("--redis must be like redis://127.0.0.1:6379.");
  }
  if (!/^[\w.:-]{1,64}$/.test(options.redisPrefix)) {
    throw new OptionError("--redis-prefix must be 1 to 64 letters, digits or _.:- in all.");
  }
  if (options.workers > 1 && options.redis === "") {
    throw new OptionError("--workers needs --redis: two of them cannot share a database file.");
  }
  if ((options.cert === "") !== (options.key === "")) {
    throw new OptionError("--cert and --key go together.");
  }
  return options;
}

/**
 * Every option, from flags, the environment and the defaults, in that order.
 * Lists in the environment are separated by commas.
 *
 * @returns `"help"` if `--help` or `-h` is among the flags.
 * @throws {OptionError} in one line, for the first thing that is wrong.
 */
export function readOptions(
  args: readonly string[],
  env: (variable: string) => string | undefined,
): Options | "help" {
  const flags = parseFlags(args);
  if (flags.help) return "help";
  const given: Record<string, unknown> = {};
  for (const name of NAMES) {
    const flag = flags[flagOf(name)];
    const variable = env(variableOf(name));
    if (flag !== undefined) given[name] = fromText(name, flag, `--${flagOf(name)}`);
    else if (variable !== undefined && variable !== "") {
      const text = Array.isArray(SPECS[name].value)
        ? variable.split(",").map((item) => item.trim())
        : variable;
      given[name] = fromText(name, text, variableOf(name));
    }
  }
  return completeOptions(given);
}

/** What `--help` prints. */
export function helpText(): string {
  const rows = NAMES.map((name) => {
    const { value, help, variable }: Spec<unknown> = SPECS[name];
    const fact = variable ?? (Array.isArray(value) ? "" : value);
    const shown = fact === "" ? "" : ` (${fact})`;
    return `  --${flagOf(name).padEnd(29)}${help}${shown}`;
  });
  return [
    "Parley, a real-time room server.",
    "",
    "  deno task start [flags]",
    "",
    ...rows,
    `  --${"help".padEnd(29)}this text`,
    "",
    "Each is also read from the environment: --max-connections is MAX_CONNECTIONS. Flags win.",
  ].join("\n");
}

/** The README's table, a row for each option. */
export function tableRows(): string[] {
  return NAMES.map((name) => {
    const { value, help } = SPECS[name];
    const shown = Array.isArray(value) || value === "" ? "" : `\`${value}\``;
    return `| \`--${flagOf(name)}\` | \`${variableOf(name)}\` | ${shown} | ${help} |`;
  });
}

type Flags = Record<string, string | boolean | (string | boolean)[] | undefined>;

function parseFlags(args: readonly string[]): Flags {
  const options = Object.fromEntries(
    NAMES.map((name) => [flagOf(name), {
      type: "string" as const,
      multiple: Array.isArray(SPECS[name].value),
    }]),
  );
  // `deno task start -- --port 1` hands the "--" on.
  const rest = args[0] === "--" ? args.slice(1) : [...args];
  const { values, tokens } = parseArgs({
    args: rest,
    options: { ...options, help: { type: "boolean", short: "h" } },
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") throw new OptionError(`What is "${token.value}"? See --help.`);
    if (token.kind !== "option") continue;
    const known = token.name === "help" || Object.hasOwn(options, token.name);
    if (!known) throw new OptionError(`There is no flag ${token.rawName}. See --help.`);
    // `--db --port 1`: the next flag is nobody's value.
    const eatsFlag = !token.inlineValue && token.value?.startsWith("--");
    if (token.name !== "help" && (token.value === undefined || eatsFlag)) {
      throw new OptionError(`${token.rawName} needs a value.`);
    }
  }
  return values;
}

function fromText(name: keyof Options, text: unknown, source: string): unknown {
  if (typeof SPECS[name].value !== "number") return text;
  const number = typeof text === "string" && /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : NaN;
  if (Number.isNaN(number)) throw new OptionError(`${source} must be a number, not "${text}".`);
  return number;
}

function check(name: keyof Options, value: unknown): void {
  const { value: normal, range, real } = SPECS[name];
  const flag = `--${flagOf(name)}`;
  if (range !== undefined) {
    const whole = real === true || Number.isInteger(value);
    if (typeof value !== "number" || !(value >= range[0] && value <= range[1]) || !whole) {
      const kind = real ? "a number" : "a whole number";
      throw new OptionError(
        `${flag} must be ${kind} from ${range[0]} to ${range[1]}, not ${value}.`,
      );
    }
    return;
  }
  if (Array.isArray(normal)) {
    const origins: unknown[] = Array.isArray(value) ? value : [undefined];
    for (const origin of origins) checkOrigin(flag, origin);
    return;
  }
  if (typeof value !== "string") throw new OptionError(`${flag} must be text.`);
  if (value === "" && normal !== "") throw new OptionError(`${flag} must not be empty.`);
}

/** An origin as browsers send it (RFC 6454 §6.2): anything else would never match. */
function checkOrigin(flag: string, origin: unknown): void {
  if (origin === "*" || origin === "null") return;
  if (typeof origin === "string" && URL.parse(origin)?.origin === origin) return;
  throw new OptionError(`${flag} must be like https://example.com, or * or null, not "${origin}".`);
}

function defaults(): Options {
  return Object.fromEntries(NAMES.map((name) => [name, SPECS[name].value])) as unknown as Options;
}
