/**
 * A node in a thread of its own: it is told its options, listens, and stops when it is told to.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { reason } from "./log.ts";
import { createServer, type Options, type Server } from "./mod.ts";

/** What a thread is told. */
export type Order = { readonly start: Options } | "stop";

/** What it answers: to `stop` too, then with nothing. */
export type Answer = { readonly error?: string };

let server: Server | undefined;

async function carryOut(order: Order): Promise<Answer> {
  try {
    if (order === "stop") await server?.stop();
    else await start(order.start);
    return {};
  } catch (thrown) {
    return { error: reason(thrown) };
  }
}

async function start(options: Options): Promise<void> {
  server = await createServer(options);
  server.listen();
}

self.onmessage = async ({ data }: MessageEvent<Order>) => {
  self.postMessage(await carryOut(data));
};
