/**
 * The program. It reads options from flags and the environment, starts a server, and stops it at a signal.
 * No other file reads arguments or the environment, listens to signals, or exits.
 *
 * @module
 */
import { BrokerError } from "./server/broker/broker_error.ts";
import { type ConsoleLog, consoleLogOf, reason, writeAll } from "./server/log.ts";
import { OptionError, type Options } from "./server/options.ts";
import { catchUnforeseen } from "./server/safety_net.ts";
import { descriptorLimit } from "./server/process/descriptor_limit.ts";
import { helpText, readOptions, shownOptions } from "./server/read_options.ts";
import { VERSION, whyTooOld } from "./server/runtime.ts";

/** What the program does besides serving, by its first argument. */
const COMMANDS = ["backup", "export", "import"];
/**
 * A stop that takes longer than this ends at once, with exit code 1. Clients are sent away within 5 seconds.
 * The rest is for the disk: to commit what was accepted and to close the database takes up to 17 syncs, and
 * on a bad disk each of them takes a second.
 */
const MAX_STOP_MS = 20_000;
/** File descriptors that the program cannot start without. */
const MIN_DESCRIPTORS = 30;
/** Those that are used without a single connection, also while a backup is made. */
const OWN_DESCRIPTORS = 50;
/** And those of each thread besides the first: 6 or 7. */
const THREAD_DESCRIPTORS = 8;
/**
 * The signals at which the program says goodbye to its clients and ends. With TLS, SIGHUP renews the
 * certificate instead. A signal without a listener would end the program at once, without a goodbye.
 *
 * SIGUSR1 is not among them: the runtime opens its debugger at it.
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
  const [command = "", ...args] = Deno.args;
  if (COMMANDS.includes(command)) return await run(command, args);
  const options = readOptions(Deno.args, (variable) => Deno.env.get(variable));
  if (options === "help") return void await writeAll(Deno.stdout, helpText() + "\n");
  if (options === "version") {
    return void await writeAll(Deno.stdout, `Parley ${VERSION}, Deno ${Deno.version.deno}\n`);
  }
  const log = consoleLogOf(options);
  await checkDescriptorLimit(options, log);
  // Loaded only now: a runtime that is too old cannot even link all of its modules.
  const { Serving } = await import("./server/process/serving.ts");
  const serving = await Serving.listen(options, log, { isExporting: exportsTelemetry() });
  const { server } = serving;
  const drain = drainOnce(options.drainSeconds, log, () => serving.drain());
  const stop = exitOnce(() => serving.stop(), log);
  catchUnforeseen(log, server, () => void stop(1, "unsound"));
  void serving.failed.then((why) => stop(1, why));
  // Before the other threads are there: clients are served already, and a signal would cut them off.
  let renewing = Promise.resolve();
  for (const signal of STOP_SIGNALS) {
    listenTo(signal, () => {
      if (signal === "SIGHUP" && options.cert !== "") {
        renewing = renewing.then(() => serving.renewCertificate());
        return;
      }
      if (drain(signal, () => void stop(0, signal))) return;
      if (!stop(0, signal)) Deno.exit(1); // one more signal does not wait for the stop
    });
  }
  listenTo("SIGXFSZ", () => log.warn("file too large", { signal: "SIGXFSZ" }));
  await serving.startWorkers();
  log.info("started", {
    version: VERSION,
    deno: Deno.version.deno,
    url: server.url,
    store: server.location,
    options: shownOptions(options),
  });
  // Not awaited: the program serves even if nobody reads its output, as after `| head -1`.
  void writeAll(Deno.stdout, `Parley is at ${server.url}\nMessages are in ${server.location}\n`);
}

/** Carries out a command that serves nobody, and ends. */
async function run(command: string, args: readonly string[]): Promise<void> {
  const { runCommand } = await import("./server/data/commands.ts");
  await runCommand(command, {
    args,
    readVariable: (name) => Deno.env.get(name),
    terminal: {
      write: (text) => writeAll(Deno.stderr, text),
      isTerminal: Deno.stderr.isTerminal(),
    },
    input: Deno.stdin.readable,
    async print(text) {
      if (await writeAll(Deno.stdout, text)) return;
      throw new OptionError("Standard output cannot be written to.");
    },
  });
}

/** @throws {OptionError} if there are not even enough for the program itself: the runtime would panic. */
async function checkDescriptorLimit(
  { maxConnections, workers }: Options,
  log: ConsoleLog,
): Promise<void> {
  const limit = await descriptorLimit();
  const threads = workers * THREAD_DESCRIPTORS;
  const needed = maxConnections * Math.max(1, workers) + OWN_DESCRIPTORS + threads;
  if (limit === undefined || limit >= needed) return;
  const min = MIN_DESCRIPTORS + threads;
  if (limit < min) {
    throw new OptionError(
      `The process may have ${limit} files and sockets open, and needs ${min} without a single ` +
        "connection. Raise the limit (ulimit -n).",
    );
  }
  log.warn("descriptor limit is below max-connections", { limit, needed });
}

/** Tells whether the runtime exports metrics: then it reads this variable itself. */
function exportsTelemetry(): boolean {
  try {
    return Deno.env.get("OTEL_DENO") === "true";
  } catch {
    return false; // the program may not read the variable
  }
}

/**
 * Returns a function that has balancers told that the program is about to stop, and calls `then` when they
 * have had the time. It returns false if there is no such time, or if it was called before: then the stop
 * waits no longer.
 */
function drainOnce(
  seconds: number,
  log: ConsoleLog,
  tell: () => void,
): (why: string, then: () => void) => boolean {
  let isDraining = seconds === 0;
  return (why, then) => {
    if (isDraining) return false;
    isDraining = true;
    log.info("draining", { why, seconds });
    tell();
    setTimeout(then, seconds * 1000);
    return true;
  };
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
    const timer = setTimeout(async () => {
      log.error("stop failed", { reason: `It takes longer than ${MAX_STOP_MS} ms.` });
      await log.flush();
      Deno.exit(1);
    }, MAX_STOP_MS);
    try {
      await stopAll();
    } catch (thrown) {
      code = 1;
      log.error("stop failed", { reason: reason(thrown) });
    }
    clearTimeout(timer); // a disk that blocks this thread may have let it run out
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
