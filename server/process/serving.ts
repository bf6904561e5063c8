/**
 * `Serving` is everything that runs in the program: the first server, in the thread that starts it; the
 * other serving threads; and the thread that stores, unless the first server does, or Redis.
 *
 * @module
 */
import { ApiKeys } from "../access/api_keys.ts";
import { readSecretFile } from "../access/jwt/secret_file.ts";
import { Rules } from "../access/rules.ts";
import { checkCertificate, readCertificate } from "../certificate.ts";
import type { StoringThread } from "../broker/threads/storing_thread.ts";
import { openServer } from "../create_server.ts";
import { type Log, reason } from "../log.ts";
import type { Server } from "../mod.ts";
import { startOpenTelemetry } from "../monitoring/open_telemetry.ts";
import { type Connect, startStoringThread } from "../open_storage.ts";
import { OptionError, type Options } from "../options.ts";
import { monitorOf } from "../server.ts";
import { assertPortsAreFree } from "./free_ports.ts";
import type { FilesRead } from "./worker.ts";
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
  /**
   * Settles with what has happened when the program cannot go on, and should be stopped: the thread that
   * stores has died, or a serving thread hangs.
   */
  readonly failed: Promise<string>;
  readonly #workers: Workers;
  readonly #storing: StoringThread | undefined;

  private constructor(server: Server, workers: Workers, storing: StoringThread | undefined) {
    this.server = server;
    const failures = [workers.hung.then(() => "serving thread hangs")];
    if (storing !== undefined) failures.push(storing.died.then(() => "storing thread died"));
    this.failed = Promise.race(failures);
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
    if (options.cert !== "") checkCertificateFiles(options, log);
    assertPortsAreFree(options);
    let storing: StoringThread | undefined;
    const connect: Connect = async (context) => {
      storing = await startStoringThread(options, context);
      return storing.connect();
    };
    const hasThread = options.workers > 0 && options.redis === "";
    let server: Server | undefined;
    const { options: read, ...files } = await readFiles(options);
    const { rules, jwtSecret } = files;
    try {
      const shared = { connect: hasThread ? connect : undefined, jwtSecret };
      server = await openServer({ ...read, workers: 0 }, { log, rules }, shared);
      listen(server, options);
    } catch (thrown) {
      await server?.stop();
      await storing?.[Symbol.asyncDispose]();
      throw thrown;
    }
    const monitor = monitorOf(server);
    if (isExporting) await startOpenTelemetry(monitor, 0);
    const how = { monitor, isExporting, storing, files, script: workerScript };
    return new Serving(server, new Workers({ ...read, port: server.port }, log, how), storing);
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
 * Reads the rules, the API keys and the secret of tokens once for all threads: one that takes another's place
 * later must obey the same, whatever the files hold by then.
 *
 * @throws {OptionError} if a file cannot be read, or something in it is wrong.
 */
async function readFiles(options: Options): Promise<FilesRead & { readonly options: Options }> {
  const { list: rules } = await Rules.load(options.rules);
  const apiKeys = (await ApiKeys.list(options)).join(" ");
  const { jwtSecretFile: path } = options;
  return {
    rules,
    ...(path !== "" && { jwtSecret: await readSecretFile(path) }),
    options: { ...options, rules: "", apiKeys, apiKeyFile: "" },
  };
}

/**
 * Checks the certificate before anything is opened.
 *
 * @throws {OptionError} if it cannot be used.
 */
function checkCertificateFiles({ cert, key }: Options, log: Log): void {
  let until: Date;
  try {
    until = checkCertificate(readCertificate({ cert, key }));
  } catch (thrown) {
    throw new OptionError(`Cannot use --cert ${cert} with --key ${key}. ${reason(thrown)}`);
  }
  if (until.getTime() > Date.now()) return;
  log.warn("certificate has ended", { cert, until: until.toISOString() });
}

/**
 * The ports are checked once more: opening a database may take minutes, and where several threads share a port,
 * the system would let another program of the same user share it unnoticed.
 *
 * @throws {OptionError} if it cannot listen.
 */
function listen(server: Server, options: Options): void {
  assertPortsAreFree(options);
  server.listen({ reusePort: options.workers > 1 });
}
