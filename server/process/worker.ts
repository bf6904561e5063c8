/**
 * The script of a worker thread. It is a whole node: it starts with the options of the first message, and
 * obeys those after it.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { type ConsoleLog, consoleLogOf, reason } from "../log.ts";
import { createServer, type Options, type Server } from "../mod.ts";
import { catchUnforeseen } from "./safety_net.ts";

/** A message to the thread. */
export type Order = { readonly start: Options } | "stop" | "renew certificate";

/** The answer to each message; `error` says why it failed. */
export type Answer = { readonly error?: string };

let server: Server | undefined;
let log: ConsoleLog | undefined;

async function obey(order: Order): Promise<Answer> {
  try {
    if (order === "stop") await stop();
    else if (order === "renew certificate") await server?.renewCertificate();
    else await start(order.start);
    return {};
  } catch (thrown) {
    return { error: reason(thrown) };
  }
}

async function start(options: Options): Promise<void> {
  log = consoleLogOf(options);
  const started = await createServer({ ...options, workers: 1 }, { log });
  server = started;
  started.listen({ reusePort: true });
  const endCatching = catchUnforeseen(log, started, async () => {
    try {
      await stop();
    } finally {
      endCatching();
      reportError(new Error("unsound")); // ends this thread, and `Workers` starts another
    }
  });
}

async function stop(): Promise<void> {
  try {
    await server?.stop();
  } finally {
    await log?.flush();
  }
}

self.onmessage = async ({ data }: MessageEvent<Order>) => {
  self.postMessage(await obey(data));
};
