/** The load generator as a process: made for Node by the pinned bundler, given a job, read once. */
import { eachLine } from "./lines.ts";
import type { FloodJob, FloodResult, Job, Results, Slice } from "./load/job.ts";
import { SCRATCH } from "./servers.ts";

const HERE = import.meta.dirname ?? ".";
const PEERS = `${HERE}/peers`;

/** What npm has to bring: once, and again if `package-lock.json` changes. */
export async function install(): Promise<void> {
  const installed = await Deno.stat(`${PEERS}/node_modules/.package-lock.json`).catch(() => null);
  const wanted = await Deno.stat(`${PEERS}/package-lock.json`);
  if (installed === null || (installed.mtime ?? 0) < (wanted.mtime ?? 0)) {
    // No scripts: bufferutil and esbuild bring binaries, and Bun's is started where it lies.
    await output("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], PEERS);
  }
  await Deno.mkdir(SCRATCH, { recursive: true });
}

/** Runs esbuild; returns what it writes to standard output. */
export async function esbuild(...args: readonly string[]): Promise<string> {
  return await output("node", [`${PEERS}/node_modules/esbuild/bin/esbuild`, ...args]);
}

/** Makes the generator's program. */
export async function bundleGenerator(): Promise<void> {
  await esbuild(
    `${HERE}/load/main.ts`,
    "--bundle",
    "--platform=node",
    "--format=esm",
    "--target=node20",
    "--log-level=error",
    `--outfile=${SCRATCH}/load.mjs`,
  );
}

/** A crowd that talks when it is told to. */
export class Flood {
  readonly #process: Deno.ChildProcess;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: Promise<void>;
  #answer = Promise.withResolvers<FloodResult>();

  /** Connects the crowd; the first slice waits for it. */
  constructor(job: FloodJob) {
    this.#process = new Deno.Command("node", {
      args: [`${SCRATCH}/load.mjs`, JSON.stringify(job)],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#orders = this.#process.stdin.getWriter();
    this.#output = eachLine(this.#process.stdout, (line) => this.#answer.resolve(JSON.parse(line)))
      .then(() => this.#answer.reject(new Error("the generator ended")));
    this.#answer.promise.catch(() => {}); // Nobody waits between two slices.
  }

  /** Lets the crowd talk for a slice of time, and waits until all that was said has arrived. */
  async slice(slice: Slice): Promise<FloodResult> {
    await this.#orders.write(new TextEncoder().encode(`${JSON.stringify(slice)}\n`));
    const result = await this.#answer.promise;
    this.#answer = Promise.withResolvers();
    this.#answer.promise.catch(() => {});
    return result;
  }

  async end(): Promise<void> {
    await this.#orders.close().catch(() => {}); // It may have ended by itself.
    await this.#output;
    await this.#process.status;
  }
}

/** Has one job done. */
export async function generate<K extends keyof Results>(
  job: Extract<Job, { kind: K }>,
): Promise<Results[K]> {
  const text = await output("node", [`${SCRATCH}/load.mjs`, JSON.stringify(job)]);
  return JSON.parse(text) as Results[K];
}

/** What a command prints. */
export async function output(
  program: string,
  args: readonly string[],
  cwd?: string,
): Promise<string> {
  const command = new Deno.Command(program, {
    args: [...args],
    ...(cwd !== undefined && { cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  });
  const { success, stdout } = await command.output();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed`);
  return new TextDecoder().decode(stdout);
}
