/**
 * The script of a worker thread. It is a whole node: it starts with the options of the first message, and
 * stops at the second.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { consoleLog, reason } from "../log.ts";
import { createServer, type Options, type Server } from "../mod.ts";
import { startOpenTelemetry } from "../monitoring/open_telemetry.ts";
import { monitorOf } from "../server.ts";
import { catchUnforeseen } from "./safety_net.ts";
import { shareNumbers } from "./thread_numbers.ts";

/** What a thread starts with. */
export interface Start {
  readonly start: Options;
  /** The number of the thread: 1 is the first one after the main thread. */
  readonly thread: number;
  /** Where its metrics go; `undefined` if nobody adds them up. */
  readonly numbers: MessagePort | undefined;
  /** Whether the runtime exports metrics with OpenTelemetry. */
  readonly isExporting: boolean;
}

/** A message to the thread. */
export type Order = Start | "drain" | "stop";

/** The answer to each message; `error` says why it failed. */
export type Answer = { readonly error?: string };

let server: Server | undefined;
let stopSharing = () => {};

async function obey(order: Order): Promise<Answer> {
  try {
    if (order === "stop") await stop();
    else if (order === "drain") server?.drain();
    else await start(order);
    return {};
  } catch (thrown) {
    return { error: reason(thrown) };
  }
}

async function start({ start: options, thread, numbers, isExporting }: Start): Promise<void> {
  const started = await createServer({ ...options, workers: 1 });
  server = started;
  const monitor = monitorOf(started);
  if (numbers !== undefined) stopSharing = shareNumbers(monitor, numbers);
  if (isExporting) await startOpenTelemetry(monitor, thread);
  started.listen({ reusePort: true });
  const endCatching = catchUnforeseen(consoleLog, started, async () => {
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
    stopSharing();
    await consoleLog.flush();
  }
}

self.onmessage = async ({ data }: MessageEvent<Order>) => {
  self.postMessage(await obey(data));
};
