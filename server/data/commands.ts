/**
 * The commands of the program besides serving: `backup`, `export` and `import`. They show on the terminal how
 * far they are.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ApiKeys } from "../access/api_keys.ts";
import type { Archive } from "../broker/archive.ts";
import type { Broker } from "../broker/broker.ts";
import { BrokerError } from "../broker/broker_error.ts";
import { SqliteBroker } from "../broker/sqlite/sqlite_broker.ts";
import { reason, silentLog } from "../log.ts";
import { OptionError, type Options } from "../options.ts";
import { readOptions } from "../read_options.ts";
import { exportData } from "./export_data.ts";
import { fetchBackup } from "./fetch_backup.ts";
import { DataImport, linesOf } from "./import_data.ts";
import { writeNewFile } from "./new_file.ts";
import { Progress, type Terminal } from "./progress.ts";

/** What a command is given of the process. */
export interface Process {
  /** The arguments after the command's name. */
  readonly args: readonly string[];
  readVariable(name: string): string | undefined;
  /** Standard error, for people. */
  readonly terminal: Terminal;
  readonly input: ReadableStream<Uint8Array>;
  /** Writes to standard output. */
  print(text: string): Promise<unknown>;
}

/** The flags of the commands; all others are options of the server. */
const FLAGS = {
  out: { type: "string" },
  in: { type: "string" },
  url: { type: "string" },
  "skip-existing": { type: "boolean" },
} as const;

interface Flags {
  readonly out?: string | undefined;
  readonly in?: string | undefined;
  readonly url?: string | undefined;
  readonly "skip-existing"?: boolean | undefined;
}

type Command = (options: Options, flags: Flags, process: Process) => Promise<void>;

const COMMANDS: ReadonlyMap<string, readonly [run: Command, flags: readonly string[]]> = new Map([
  ["backup", [backUp, ["out", "url"]]],
  ["export", [exportTo, ["out"]]],
  ["import", [importFrom, ["in", "skip-existing"]]],
]);

/** Carries out a command. @throws {OptionError} {BrokerError} in one line. */
export async function runCommand(name: string, process: Process): Promise<void> {
  const [run, known] = COMMANDS.get(name) ?? [];
  if (run === undefined || known === undefined) throw new OptionError(`There is no ${name}.`);
  const { own, others } = split(process.args);
  let flags: Flags;
  try {
    flags = parseArgs({ args: own, options: FLAGS }).values;
  } catch (thrown) {
    throw new OptionError(thrown instanceof Error ? thrown.message : String(thrown));
  }
  const wrong = Object.keys(flags).find((flag) => !known.includes(flag));
  if (wrong !== undefined) throw new OptionError(`There is no --${wrong} for ${name}.`);
  const options = readOptions(others, process.readVariable);
  if (typeof options === "string") {
    const shown = known.map((flag) => `--${flag}`).join(", ");
    return void await process.print(`deno task ${name}: ${shown}, and the server's options.\n`);
  }
  try {
    await run(options, flags, process);
  } catch (thrown) {
    throw isFault(thrown) ? thrown : new OptionError(`The ${name} failed: ${reason(thrown)}`);
  }
}

/** Tells whether something needs no other words: a clear line, or a fault in Parley with its stack. */
function isFault(thrown: unknown): boolean {
  return [OptionError, BrokerError, TypeError, RangeError, ReferenceError]
    .some((kind) => thrown instanceof kind);
}

/** Splits arguments into the flags of the commands, each with its value, and the server's. */
function split(args: readonly string[]): { readonly own: string[]; readonly others: string[] } {
  const own: string[] = [];
  const others: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    const [flag = "", value] = arg.replace(/^--/, "").split("=", 2);
    const isOwn = arg.startsWith("--") && Object.hasOwn(FLAGS, flag);
    (isOwn ? own : others).push(arg);
    if (!isOwn || value !== undefined || flag === "skip-existing") continue;
    own.push(...args.slice(++index, index + 1));
  }
  return { own, others };
}

async function backUp(options: Options, flags: Flags, { terminal }: Process): Promise<void> {
  const { out, url = urlOf(options) } = flags;
  if (out === undefined) throw new OptionError("--out must name the file to write.");
  const [key] = await ApiKeys.list(options);
  if (key === undefined) {
    throw new OptionError("A backup needs an API key: PARLEY_API_KEYS or --api-key-file.");
  }
  await fetchBackup({ url, key, out }, new Progress(terminal));
}

/** Where a server with these options listens. */
function urlOf({ cert, host, port, basePath }: Options): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `${cert === "" ? "http" : "https"}://${name}:${port}${basePath}`;
}

async function exportTo(options: Options, { out }: Flags, process: Process): Promise<void> {
  const progress = new Progress(process.terminal);
  if (options.redis === "") await assertThere(options.db);
  await using store = await openStore(options);
  if (out === undefined) {
    return await exportData(store.broker, store.archive, (text) => process.print(text), progress);
  }
  const encoder = new TextEncoder();
  await writeNewFile(out, async (add) => {
    const print = async (text: string) => await add(encoder.encode(text));
    await exportData(store.broker, store.archive, print, progress);
  });
}

/** Opening a database makes it: the export of a wrong path would be empty, and look well. */
async function assertThere(db: string): Promise<void> {
  try {
    await Deno.stat(db);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new OptionError(`There is no database ${db}.`);
  }
}

async function importFrom(options: Options, flags: Flags, process: Process): Promise<void> {
  const input = flags.in === undefined ? process.input : await openInput(flags.in);
  await using store = await openStore(options);
  const skipsExisting = flags["skip-existing"] === true;
  const reading = new DataImport(store.broker, store.archive, { skipsExisting });
  await reading.run(linesOf(input), new Progress(process.terminal));
}

async function openInput(path: string): Promise<ReadableStream<Uint8Array>> {
  try {
    return (await Deno.open(path, { read: true })).readable;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new OptionError(`Cannot read ${path}: ${why}`);
  }
}

interface OpenStore extends AsyncDisposable {
  readonly broker: Broker;
  readonly archive: Archive;
}

/** Opens the store of the options. Nothing is pruned from a file: the server does that. */
async function openStore(options: Options): Promise<OpenStore> {
  if (options.redis === "") {
    const keepsAll = { retainMessages: 0, retainDays: 0, maxDatabaseMb: 0, log: silentLog };
    const broker = await SqliteBroker.open({ ...options, path: options.db, ...keepsAll });
    const close = () => broker[Symbol.asyncDispose]();
    return { broker, archive: broker.archive, [Symbol.asyncDispose]: close };
  }
  // Imported only here, so that nobody else loads the client of Redis.
  const { RedisBroker } = await import("../broker/redis/redis_broker.ts");
  const { RedisArchive } = await import("../broker/redis/redis_archive.ts");
  const { redis: url, redisPrefix: prefix } = options;
  const broker = await RedisBroker.open({ ...options, url, prefix, log: silentLog });
  const archive = await RedisArchive.open({ ...options, url, prefix });
  return {
    broker,
    archive,
    [Symbol.asyncDispose]: async () => {
      await archive[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    },
  };
}
