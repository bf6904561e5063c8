/**
 * The program. It reads options from flags and the environment, starts a server, and stops it at a signal.
 * No other file reads arguments or the environment, listens to signals, or exits.
 *
 * @module
 */
import { BrokerError } from "./server/broker/broker_error.ts";
import { type ConsoleLog, consoleLogOf, reason, writeAll } from "./server/log.ts";
import type { Server } from "./server/mod.ts";
import { OptionError, type Options } from "./server/options.ts";
import { catchUnforeseen } from "./server/process/safety_net.ts";
import { descriptorLimit } from "./server/process/descriptor_limit.ts";
import { Workers } from "./server/process/workers.ts";
import { helpText, readOptions, shownOptions } from "./server/read_options.ts";
import { VERSION, whyTooOld } from "./server/runtime.ts";

/** A stop that takes longer than this ends at once, with exit code 1. */
const MAX_STOP_MS = 4500;
/** File descriptors that are used without a single connection: about 30, and those of the database. */
const OWN_DESCRIPTORS = 50;
/**
 * The signals that stop the program in order; with TLS, SIGHUP renews the certificate instead. Without a listener each would end it at once, with no word
 * to the clients. SIGUSR1 is not among them: the runtime opens its debugger at it.
 */
const STOP_SIGNALS: readonly Deno.Signal[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR2",
  "SIGALRM",
  "SIGPWR",
  "SIGXCPU",
];

async function main(): Promise<void> {
  const options = readOptions(Deno.args, (variable) => Deno.env.get(variable));
  if (options === "help") return void await writeAll(Deno.stdout, helpText() + "\n");
  if (options === "version") {
    return void await writeAll(Deno.stdout, `Parley ${VERSION}, Deno ${Deno.version.deno}\n`);
  }
  const log = consoleLogOf(options);
  await checkDescriptorLimit(options, log);
  const server = await start(options, log);
  const workers = new Workers({ ...options, port: server.port }, log);
  const stop = exitOnce(() => Promise.all([server.stop(), workers.stop()]), log);
  catchUnforeseen(log, server, () => void stop(1, "unsound"));
  await workers.start();
  log.info("started", {
    version: VERSION,
    deno: Deno.version.deno,
    url: server.url,
    store: server.location,
    options: shownOptions(options),
  });
  // Not awaited: the program serves even if nobody reads its output, as after `| head -1`.
  void writeAll(Deno.stdout, `Parley is at ${server.url}\nMessages are in ${server.location}\n`);
  let renewing = Promise.resolve();
  for (const signal of STOP_SIGNALS) {
    listenTo(signal, () => {
      if (signal === "SIGHUP" && options.cert !== "") {
        renewing = renewing.then(() => server.renewCertificate())
          .then(() => workers.renewCertificate());
        return;
      }
      if (!stop(0, signal)) Deno.exit(1); // a second signal does not wait for the stop
    });
  }
  listenTo("SIGXFSZ", () => log.warn("file too large", { signal: "SIGXFSZ" }));
}

async function start(options: Options, log: ConsoleLog): Promise<Server> {
  // Loaded only now: a runtime that is too old cannot even link all of its modules.
  const { createServer } = await import("./server/mod.ts");
  const server = await createServer({ ...options, workers: 1 }, { log });
  try {
    server.listen({ reusePort: options.workers > 1 });
    return server;
  } catch (thrown) {
    await server.stop();
    throw new OptionError(whyNotListening(options, thrown));
  }
}

function whyNotListening({ host, port, cert, key }: Options, thrown: unknown): string {
  if (thrown instanceof Deno.errors.AddrInUse) return `Port ${port} on ${host} is in use.`;
  if (thrown instanceof Deno.errors.PermissionDenied) {
    return `The process may not listen on port ${port}.`;
  }
  if (thrown instanceof Deno.errors.InvalidData) {
    return `Cannot use the certificate ${cert} with the key ${key}. ${reason(thrown)}`;
  }
  return `Cannot listen on ${host}:${port}. ${reason(thrown)}`;
}

async function checkDescriptorLimit(
  { maxConnections, workers }: Options,
  log: ConsoleLog,
): Promise<void> {
  const limit = await descriptorLimit();
  const needed = maxConnections * workers + OWN_DESCRIPTORS;
  if (limit === undefined || limit >= needed) return;
  log.warn("descriptor limit is below max-connections", { limit, needed });
}

/**
 * Returns a function that stops everything and exits with a code. It returns false if a stop had begun
 * before.
 */
function exitOnce(
  stopAll: () => Promise<unknown>,
  log: ConsoleLog,
): (code: number, why: string) => boolean {
  let isStopping = false;
  const stop = async (code: number) => {
    setTimeout(() => Deno.exit(1), MAX_STOP_MS);
    try {
      await stopAll();
    } catch (thrown) {
      code = 1;
      log.error("stop failed", { reason: reason(thrown) });
    }
    await log.flush();
    Deno.exit(code);
  };
  return (code, why) => {
    if (isStopping) return false;
    isStopping = true;
    log.info("stopping", { why });
    void stop(code);
    return true;
  };
}

/** Listens to a signal, if the system has it. */
function listenTo(signal: Deno.Signal, act: () => void): void {
  try {
    Deno.addSignalListener(signal, act);
  } catch {
    // This system does not have the signal.
  }
}

try {
  const tooOld = whyTooOld(Deno.version.deno);
  if (tooOld !== undefined) throw new OptionError(tooOld);
  await main();
} catch (thrown) {
  if (!(thrown instanceof OptionError || thrown instanceof BrokerError)) throw thrown;
  await writeAll(Deno.stderr, `parley: ${thrown.message}\n`);
  Deno.exit(1);
}
