/**
 * Nodes in this process that share a thread that stores, as the serving threads of `--workers 2` do. Each has
 * a port of its own, so that a test can say which client is where.
 *
 *     await using threads = await Threads.start();
 *     await using a = await threads.serve();
 *     await using b = await threads.serve();
 *
 * And the threads of the program itself, in this process.
 *
 * @module
 */
import { Rules } from "../../server/access/rules.ts";
import type { StoringThread } from "../../server/broker/threads/storing_thread.ts";
import { openServer } from "../../server/create_server.ts";
import { type Hooks, type Log, type Options, type Server, silentLog } from "../../server/mod.ts";
import { startStoringThread } from "../../server/open_storage.ts";
import { completeOptions } from "../../server/options.ts";
import { Serving } from "../../server/process/serving.ts";
import { ROOMY } from "../../server/testing.ts";

/** Serves as the program does, from this thread and `workers` less one others, on one port. */
export async function serveWith(
  workers: number,
  options: Partial<Options> = {},
  log: Log = silentLog,
  workerScript?: URL,
): Promise<Serving & { readonly url: string }> {
  const complete = completeOptions({ ...ROOMY, ...options, workers, logLevel: "error" });
  const serving = await Serving.listen(complete, log, { workerScript });
  await serving.startWorkers();
  return Object.assign(serving, { url: serving.server.url });
}

export class Threads implements AsyncDisposable {
  readonly storing: StoringThread;
  readonly #options: Partial<Options>;

  private constructor(storing: StoringThread, options: Partial<Options>) {
    this.storing = storing;
    this.#options = options;
  }

  /** Starts the thread that stores. @param options of all nodes. */
  static async start(options: Partial<Options> = {}): Promise<Threads> {
    const all = { ...ROOMY, ...options };
    const context = { rules: new Rules(), log: silentLog };
    return new Threads(await startStoringThread(completeOptions(all), context), all);
  }

  /** Starts a node. */
  async serve(options: Partial<Options> = {}, hooks: Hooks = {}): Promise<Server> {
    const own = { ...this.#options, ...options };
    const connect = () => this.storing.connect();
    const server = await openServer(own, { log: silentLog, ...hooks }, { connect });
    server.listen();
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.storing[Symbol.asyncDispose]();
  }
}
