/**
 * A server in a process of its own that can be looked into, so that what it holds is not mixed up
 * with what a test holds.
 *
 *     await using server = await WatchedProcess.start({ stallSeconds: 3600 });
 *     const { rssBytes } = await server.sample();
 *
 * @module
 */
import type { Options } from "../../server/mod.ts";
import { patiently } from "./harness.ts";
import { LineProcess } from "./line_process.ts";

/** What a server holds, after it has let go of what it need not hold. */
export interface Sample {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** `bufferedAmount` of all sockets together, and of the fullest. */
  readonly queuedBytes: number;
  readonly mostQueuedBytes: number;
  /** Sockets with something queued. */
  readonly stuck: number;
  /** Sockets that the runtime still has. */
  readonly sockets: number;
  readonly connections: number;
  /** The connections of WebSockets that are in memory: open, or closed and still referred to. */
  readonly keptConnections: number;
  readonly rooms: number;
  readonly timers: number;
}

/** What it has open, and on disk. */
export interface Outside {
  readonly files: number;
  readonly databaseBytes: number;
  readonly walBytes: number;
}

/** Options under which a test is not in the way of itself. */
const ROOMY: Partial<Options> = {
  port: 0,
  rate: 0,
  addressRate: 0,
  maxConnections: 0,
  maxConnectionsPerAddress: 0,
};

export class WatchedProcess implements AsyncDisposable {
  readonly #process: LineProcess;
  readonly #folder: string;
  url = "";

  private constructor(folder: string, options: Partial<Options>) {
    this.#folder = folder;
    this.#process = new LineProcess([
      "--allow-net=127.0.0.1",
      "--allow-read",
      `--allow-write=${folder}`,
      "--allow-ffi", // for malloc_trim()
      // A young generation that stays small: else 30 MB come in one step, at no moment in particular.
      // No free pages kept: else V8 holds hundreds of MB that nothing is in, until it collects again.
      "--v8-flags=--expose-gc,--max-semi-space-size=2,--memory-pool-timeout=0",
      "tests/support/watched_server.ts",
      JSON.stringify({ ...ROOMY, db: `${folder}/parley.db`, ...options }),
    ]);
  }

  static async start(options: Partial<Options> = {}): Promise<WatchedProcess> {
    const folder = await Deno.makeTempDir({ prefix: "parley-" });
    const started = new WatchedProcess(folder, options);
    const { url } = await started.#answer<{ url: string }>();
    started.url = url;
    return started;
  }

  async sample(): Promise<Sample> {
    await this.#process.tell("sample");
    return await this.#answer<Sample>();
  }

  /** By `ls`, since only programs that may do everything may look into /proc. */
  async outside(): Promise<Outside> {
    const args = [`/proc/${this.#process.pid}/fd`];
    const { stdout } = await new Deno.Command("ls", { args }).output();
    const files = new TextDecoder().decode(stdout).trim().split("\n").length;
    const sizes = new Map<string, number>();
    for await (const { name } of Deno.readDir(this.#folder)) {
      sizes.set(name, (await Deno.stat(`${this.#folder}/${name}`)).size);
    }
    const sizeOf = (name: string) => sizes.get(name) ?? 0;
    return { files, databaseBytes: sizeOf("parley.db"), walBytes: sizeOf("parley.db-wal") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #answer<T>(): Promise<T> {
    const answer = await patiently(this.#process.next<T>(), "the server to answer");
    if (answer === undefined) throw new Error("The server has ended");
    return answer;
  }
}
