/**
 * `Serving` is everything that runs in the program: the first server, in the thread that starts it; the
 * other serving threads; and the thread that stores, unless the first server does, or Redis.
 *
 * @module
 */
import { ApiKeys } from "../access/api_keys.ts";
import { type RoomRule, Rules } from "../access/rules.ts";
import type { StoringThread } from "../broker/threads/storing_thread.ts";
import { openServer } from "../create_server.ts";
import { type Log, reason } from "../log.ts";
import type { Server } from "../mod.ts";
import { startOpenTelemetry } from "../monitoring/open_telemetry.ts";
import { type Connect, startStoringThread } from "../open_storage.ts";
import { OptionError, type Options } from "../options.ts";
import { monitorOf } from "../server.ts";
import { Workers } from "./workers.ts";

/** How to run, besides the options. */
export interface ServingHow {
  /** Whether the runtime exports metrics with OpenTelemetry. */
  readonly isExporting?: boolean;
  /** @default {new URL("./worker.ts", import.meta.url)} */
  readonly workerScript?: URL | undefined;
}

export class Serving implements AsyncDisposable {
  /** The server of this thread, which listens. */
  readonly server: Server;
  /** Settles with the reason when the thread that stores has died. Then nothing can be stored any more. */
  readonly storingDied: Promise<string>;
  readonly #workers: Workers;
  readonly #storing: StoringThread | undefined;

  private constructor(server: Server, workers: Workers, storing: StoringThread | undefined) {
    this.server = server;
    this.storingDied = storing?.died ?? new Promise(() => {});
    this.#workers = workers;
    this.#storing = storing;
  }

  /**
   * Starts the thread that stores and the first server, which listens. {@linkcode Serving.startWorkers}
   * starts the others.
   *
   * @throws {OptionError} if an option is wrong, or the port cannot be had.
   * @throws {BrokerError} if the database cannot be opened, or Redis not be reached.
   */
  static async listen(
    options: Options,
    log: Log,
    { isExporting = false, workerScript }: ServingHow = {},
  ): Promise<Serving> {
    let storing: StoringThread | undefined;
    const connect: Connect = async (context) => {
      storing = await startStoringThread(options, context);
      return storing.connect();
    };
    const hasThread = options.workers > 0 && options.redis === "";
    let server: Server | undefined;
    const { rules, ...read } = await readFiles(options);
    try {
      const own = { ...read.options, workers: 0 };
      server = await openServer(own, { log, rules }, hasThread ? connect : undefined);
      listen(server, options);
    } catch (thrown) {
      await server?.stop();
      await storing?.[Symbol.asyncDispose]();
      throw thrown;
    }
    const monitor = monitorOf(server);
    if (isExporting) await startOpenTelemetry(monitor, 0);
    const shared = { ...read.options, port: server.port };
    const how = { monitor, isExporting, storing, rules, script: workerScript };
    return new Serving(server, new Workers(shared, log, how), storing);
  }

  /** Starts the other serving threads. One that cannot start is logged, and tried again. */
  async startWorkers(): Promise<void> {
    await this.#workers.start();
  }

  /** Has all servers say that they are about to stop. */
  drain(): void {
    this.server.drain();
    this.#workers.drain();
  }

  /** Lets all servers read the certificate again, one after the other. */
  async renewCertificate(): Promise<void> {
    await this.server.renewCertificate();
    await this.#workers.renewCertificate();
  }

  /** Stops all servers in order, and then the thread that stores what they have accepted. */
  async stop(): Promise<void> {
    try {
      await Promise.all([this.server.stop(), this.#workers.stop()]);
    } finally {
      await this.#storing?.[Symbol.asyncDispose]();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/**
 * Reads the rules and the API keys once for all threads: one that takes another's place later must obey the
 * same, whatever the files hold by then.
 *
 * @throws {OptionError} if a file cannot be read, or something in it is wrong.
 */
async function readFiles(
  options: Options,
): Promise<{ readonly rules: readonly RoomRule[]; readonly options: Options }> {
  const { list: rules } = await Rules.load(options.rules);
  const apiKeys = (await ApiKeys.list(options)).join(" ");
  return { rules, options: { ...options, rules: "", apiKeys, apiKeyFile: "" } };
}

/** @throws {OptionError} if it cannot listen. */
function listen(server: Server, options: Options): void {
  try {
    server.listen({ reusePort: options.workers > 1 });
  } catch (thrown) {
    const isListening = server.port > 0; // it is the other port that cannot be had
    throw new OptionError(whyNotListening(options, isListening, thrown));
  }
}

function whyNotListening(
  { host, port, metricsPort, cert, key }: Options,
  isListening: boolean,
  thrown: unknown,
): string {
  if (isListening) return `Cannot listen on 127.0.0.1:${metricsPort}. ${reason(thrown)}`;
  if (thrown instanceof Deno.errors.AddrInUse) return `Port ${port} on ${host} is in use.`;
  if (thrown instanceof Deno.errors.PermissionDenied) {
    return `The process may not listen on port ${port}.`;
  }
  if (thrown instanceof Deno.errors.InvalidData) {
    return `Cannot use the certificate ${cert} with the key ${key}. ${reason(thrown)}`;
  }
  return `Cannot listen on ${host}:${port}. ${reason(thrown)}`;
}
