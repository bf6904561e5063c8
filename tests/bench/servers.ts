/** The servers that are compared: how each is started, told apart and stopped. */
import { flagOf, OPTIONS } from "../../server/options.ts";
import { eachLine } from "./lines.ts";
import type { Dialect } from "./load/job.ts";

const HERE = import.meta.dirname ?? ".";
/** This checkout. */
export const ROOT = `${HERE}/../..`;
const PEER_FOLDER = `${HERE}/peers`;
/** In the repository, not in /tmp, which may be memory: durability has to cost what it costs. */
export const SCRATCH = `${HERE}/.run`;

const LIMITS = [
  "rate",
  "address-rate",
  "bad-commands",
  "max-connections",
  "max-connections-per-address",
  "max-rooms",
  "max-members-per-room",
];

/** Flags that set those back to what they are by default. */
export const DEFAULT_LIMITS: readonly string[] = Object.entries(OPTIONS).flatMap(([name, spec]) =>
  LIMITS.includes(flagOf(name)) ? [`--${flagOf(name)}`, String(spec.default)] : []
);

/** The `start` task: what it sets, and what it gives to `deno`. */
const START = startTask(ROOT);

export type ServerId =
  | "parley"
  | "bun"
  | "deno"
  | "ws"
  | "socketio"
  | "memory"
  | "synced"
  | "batched";

export interface ServerKind {
  readonly label: string;
  readonly dialect: Dialect;
  readonly folder: string;
  /** @param file for those that keep something. */
  readonly command: (file: string) => readonly string[];
}

export const SERVERS: { readonly [K in ServerId]: ServerKind } = {
  parley: parley("Parley", (file) => file),
  memory: parley("Parley in memory*", () => ":memory:"),
  bun: peer("Bun publish", `${PEER_FOLDER}/node_modules/@oven/${bunPackage()}/bin/bun`, "bun.mjs"),
  deno: peer("Deno loop", Deno.execPath(), "run", "--no-prompt", "--allow-net", "deno.mjs"),
  ws: peer("ws on Node", "node", "ws.mjs"),
  socketio: {
    ...peer("Socket.IO", "node", "socketio.mjs"),
    dialect: "socketio",
  },
  synced: {
    ...peer("Deno loop, synced*"),
    command: (file) => [
      ...[Deno.execPath(), "run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write"],
      ...["deno_synced.mjs", "0", file],
    ],
  },
  batched: {
    ...peer(
      "Deno, batched*",
      ...["env", ...START.settings, Deno.execPath(), "run", "--no-prompt", "--allow-net"],
      "deno_batched.mjs",
    ),
    dialect: "batched",
  },
};

/** Those that people choose from; the others, marked *, are yardsticks. */
export const COMPARED = ["parley", "bun", "deno", "ws", "socketio"] as const;

export type YardstickId = Exclude<ServerId, typeof COMPARED[number]>;

/** What is known of a server, which may be named or described. */
export function kindOf(which: ServerId | ServerKind): ServerKind {
  return typeof which === "string" ? SERVERS[which] : which;
}

/** A server that answers. */
export interface Running {
  readonly port: number;
  readonly pid: number;
  readonly dialect: Dialect;
  readonly startSeconds: number;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** More flags for Parley. */
  readonly flags?: readonly string[];
  /** More variables for its environment, each as `NAME=value`. */
  readonly settings?: readonly string[];
  /** Parley's database; a new one if it is left out. */
  readonly db?: string;
}

/** One of those that are compared. */
export interface Side {
  readonly label: string;
  readonly kind: ServerId | ServerKind;
  readonly options?: StartOptions;
  /** Goes on beside the server while it is measured, for so many seconds. */
  readonly beside?: (server: Running, seconds: number) => Promise<void>;
}

/** Starts a server and waits for the line that names its port. */
export async function start(
  which: ServerId | ServerKind,
  options: StartOptions = {},
): Promise<Running> {
  const kind = kindOf(which);
  const { command, folder } = kind;
  const db = options.db ?? `${SCRATCH}/${crypto.randomUUID()}.db`;
  const { flags = [], settings = [] } = options;
  const prefix = settings.length > 0 ? ["env", ...settings] : [];
  const [program = "", ...args] = [...prefix, ...command(db), ...flags];
  const begin = performance.now();
  const child = new Deno.Command(program, {
    args,
    cwd: folder,
    env: { NODE_ENV: "production" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const complaints: string[] = [];
  const silent = eachLine(child.stderr, (line) => {
    complaints.push(line);
    if (complaints.length > 10) complaints.shift();
  });
  const port = await new Promise<number>((resolve, reject) => {
    const ended = eachLine(child.stdout, (line) => {
      const port = /(?:listening |Parley is at .*:)(\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    Promise.all([ended, silent]).then(() => {
      reject(new Error(`${program} ${args.join(" ")} ended:\n${complaints.join("\n")}`));
    });
  });
  return {
    port,
    pid: child.pid,
    dialect: kind.dialect,
    startSeconds: (performance.now() - begin) / 1000,
    async stop() {
      child.kill("SIGTERM");
      const patience = setTimeout(() => child.kill("SIGKILL"), 8000);
      await child.status;
      clearTimeout(patience);
      if (options.db === undefined) await removeDatabase(db);
    },
  };
}

/** The database and what SQLite keeps beside it. */
export async function removeDatabase(path: string): Promise<void> {
  for await (const entry of Deno.readDir(SCRATCH)) {
    const full = `${SCRATCH}/${entry.name}`;
    if (full.startsWith(path)) await Deno.remove(full);
  }
}

/**
 * Parley as its user starts it (the `start` task), with the limits off that a benchmark would meet.
 *
 * @param root the checkout to start: another one may be of another commit.
 */
export function parley(
  label: string,
  database: (file: string) => string,
  root = ROOT,
): ServerKind {
  const { settings, flags } = startTask(root);
  const known = LIMITS.filter((name) => hasOption(root, name));
  const unlimited = known.flatMap((name) => [`--${name}`, "0"]);
  return {
    label,
    dialect: "batched",
    folder: root,
    command: (file) => [
      ...["env", ...settings, Deno.execPath(), ...flags],
      ...["--port", "0", ...unlimited, "--db", database(file)],
    ],
  };
}

/** Whether that checkout, which may be an older one, has the option of that flag. */
function hasOption(root: string, flag: string): boolean {
  const papers = ["README.md", "server/OPERATIONS.md"].map((path) => `${root}/${path}`);
  return papers.some((path) => {
    try {
      return Deno.readTextFileSync(path).includes(`| \`--${flag}\` `);
    } catch {
      return false; // an older checkout has all of its options in its README
    }
  });
}

function startTask(root: string) {
  const config = JSON.parse(Deno.readTextFileSync(`${root}/deno.json`));
  const [settings = "", flags = ""] = String(config.tasks.start).split(/\bdeno (?=run )/);
  return { settings: settings.trim().split(" "), flags: flags.split(" ") };
}

function peer(label: string, ...command: readonly string[]): ServerKind {
  return { label, dialect: "plain", folder: PEER_FOLDER, command: () => command };
}

/** npm's package with Bun's binary for this machine: the `bun` command is only put there by a postinstall. */
function bunPackage(): string {
  const arch = Deno.build.arch === "aarch64" ? "aarch64" : "x64";
  return `bun-${Deno.build.os}-${arch}`;
}
