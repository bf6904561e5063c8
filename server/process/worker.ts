/**
 * A node in a thread of its own: it is told its options, listens, and stops when it is told to.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { consoleLog, reason } from "../log.ts";
import { createServer, type Options, type Server } from "../mod.ts";
import { catchUnforeseen } from "./safety_net.ts";

/** What a thread is told. */
export type Order = { readonly start: Options } | "stop";

/** What it answers: to `stop` too, then with nothing. */
export type Answer = { readonly error?: string };

let server: Server | undefined;

async function carryOut(order: Order): Promise<Answer> {
  try {
    if (order === "stop") await stop();
    else await start(order.start);
    return {};
  } catch (thrown) {
    return { error: reason(thrown) };
  }
}

async function start(options: Options): Promise<void> {
  const started = await createServer(options);
  server = started;
  started.listen();
  const takeNetAway = catchUnforeseen(consoleLog, started, async () => {
    try {
      await stop();
    } finally {
      takeNetAway();
      reportError(new Error("unsound")); // which ends this thread, and it is replaced
    }
  });
}

async function stop(): Promise<void> {
  try {
    await server?.stop();
  } finally {
    await consoleLog.flush();
  }
}

self.onmessage = async ({ data }: MessageEvent<Order>) => {
  self.postMessage(await carryOut(data));
};
