/**
 * The program: flags and environment become options, a server listens, signals end it. The only file
 * that reads arguments and environment, listens to signals, and exits.
 *
 * @module
 */
import { descriptorLimit } from "./server/process/descriptor_limit.ts";
import { consoleLog, reason, writeAll } from "./server/log.ts";
import { BrokerError, createServer, OptionError, type Server } from "./server/mod.ts";
import type { Options } from "./server/options.ts";
import { helpText, readOptions } from "./server/read_options.ts";
import { catchUnforeseen } from "./server/process/safety_net.ts";
import { Workers } from "./server/process/workers.ts";

/** A stop that takes longer than this is cut short. */
const STOP_MS = 4500;
/** Descriptors that are in use without a single connection: about 30 and the database's. */
const OWN_DESCRIPTORS = 50;
/**
 * Signals that would end the program without a word, and end it in order instead. SIGUSR1 is not among
 * them, because the runtime opens its debugger at it.
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
  await warnOfDescriptors(options);
  const server = await start(options);
  const workers = new Workers({ ...options, port: server.port }, consoleLog);
  const stop = stopper(() => Promise.all([server.stop(), workers.stop()]));
  catchUnforeseen(consoleLog, server, () => void stop(1, "unsound"));
  await workers.start();
  // Nobody may read it any more, as after `| head -1`: no reason not to serve.
  void writeAll(Deno.stdout, `Parley is at ${server.url}\nMessages are in ${server.place}\n`);
  for (const signal of STOP_SIGNALS) {
    listenTo(signal, () => {
      if (!stop(0, signal)) Deno.exit(1); // the second one is impatient
    });
  }
  listenTo("SIGXFSZ", () => consoleLog.warn("file too large", { signal: "SIGXFSZ" }));
}

async function start(options: Options): Promise<Server> {
  const server = await createServer(options);
  try {
    server.listen();
    return server;
  } catch (thrown) {
    await server.stop();
    throw new OptionError(explain(options, thrown));
  }
}

function explain({ host, port, cert, key }: Options, thrown: unknown): string {
  if (thrown instanceof Deno.errors.AddrInUse) return `Port ${port} on ${host} is in use.`;
  if (thrown instanceof Deno.errors.PermissionDenied) return `May not listen on port ${port}.`;
  if (thrown instanceof Deno.errors.InvalidData) {
    return `Cannot use the certificate ${cert} with the key ${key}. ${reason(thrown)}`;
  }
  return `Cannot listen on ${host}:${port}. ${reason(thrown)}`;
}

async function warnOfDescriptors({ maxConnections, workers }: Options): Promise<void> {
  const limit = await descriptorLimit();
  const needed = maxConnections * workers + OWN_DESCRIPTORS;
  if (limit === undefined || limit >= needed) return;
  consoleLog.warn("descriptor limit is below max-connections", { limit, needed });
}

/** What stops everything and leaves with a code; it answers whether nothing else had begun to. */
function stopper(stopAll: () => Promise<unknown>): (code: number, why: string) => boolean {
  let stopping = false;
  const stop = async (code: number) => {
    setTimeout(() => Deno.exit(1), STOP_MS);
    try {
      await stopAll();
    } catch (thrown) {
      code = 1;
      consoleLog.error("stop failed", { reason: reason(thrown) });
    }
    await consoleLog.flush();
    Deno.exit(code);
  };
  return (code, why) => {
    if (stopping) return false;
    stopping = true;
    consoleLog.info("stopping", { why });
    void stop(code);
    return true;
  };
}

/** Listens to a signal, where the system has it. */
function listenTo(signal: Deno.Signal, act: () => void): void {
  try {
    Deno.addSignalListener(signal, act);
  } catch {
    // Another system, with other signals.
  }
}

try {
  await main();
} catch (thrown) {
  if (!(thrown instanceof OptionError || thrown instanceof BrokerError)) throw thrown;
  await writeAll(Deno.stderr, `parley: ${thrown.message}\n`);
  Deno.exit(1);
}
