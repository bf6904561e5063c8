/**
 * The program: flags and environment become options, a server listens, signals end it. The only file
 * that reads arguments and environment, listens to signals, and exits.
 *
 * @module
 */
import { BrokerError, consoleLog, createServer, OptionError, type Server } from "./server/mod.ts";
import { helpText, type Options, readOptions } from "./server/options.ts";
import { reason } from "./server/log.ts";
import { Workers } from "./server/workers.ts";

/** A stop that takes longer than this is cut short. */
const STOP_MS = 4500;

async function main(): Promise<void> {
  const options = readOptions(Deno.args, (variable) => Deno.env.get(variable));
  if (options === "help") return say(helpText());
  const server = await start(options);
  const workers = new Workers({ ...options, port: server.port }, consoleLog);
  await workers.start();
  say(`Parley is at ${server.url}\nMessages are in ${server.place}`);
  stopOnSignals(() => Promise.all([server.stop(), workers.stop()]));
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

function stopOnSignals(stopAll: () => Promise<unknown>): void {
  let stopping = false;
  const stop = async (signal: Deno.Signal) => {
    if (stopping) Deno.exit(1);
    stopping = true;
    consoleLog.info("stopping", { signal });
    setTimeout(() => Deno.exit(1), STOP_MS);
    await stopAll();
    Deno.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void stop(signal));
  }
}

function say(text: string): void {
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
  } catch {
    // Nobody reads it any more, as after `| head -1`: no reason not to serve.
  }
}

try {
  await main();
} catch (thrown) {
  if (!(thrown instanceof OptionError || thrown instanceof BrokerError)) throw thrown;
  Deno.stderr.writeSync(new TextEncoder().encode(`parley: ${thrown.message}\n`));
  Deno.exit(1);
}
