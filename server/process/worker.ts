/**
 * The script of a worker thread. It is a whole node: it starts with the options of the first message, and
 * obeys those after it.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import type { RoomRule } from "../access/rules.ts";
import { type ConsoleLog, consoleLogOf, reason } from "../log.ts";
import { openServer } from "../create_server.ts";
import type { Options, Server } from "../mod.ts";
import { startOpenTelemetry } from "../monitoring/open_telemetry.ts";
import { monitorOf } from "../server.ts";
import { catchUnforeseen } from "../safety_net.ts";
import { MAX_SILENCE_MS } from "./hang_watch.ts";
import { shareNumbers } from "./thread_numbers.ts";

/**
 * How long the threads have to say goodbye to their clients when the main thread hangs. They notice it within a
 * second of each other.
 */
const GOODBYE_MS = 2000;

/** What was read of files when the program started. They are not read again: all threads obey the same. */
export interface FilesRead {
  readonly rules: readonly RoomRule[];
  /** The secret in the file of `--jwt-secret-file`. */
  readonly jwtSecret?: Uint8Array<ArrayBuffer>;
}

/** What a thread starts with. */
export interface Start {
  readonly start: Options;
  readonly files: FilesRead | undefined;
  /** The number of the thread: 1 is the first one after the main thread. */
  readonly thread: number;
  /** Where its metrics go; `undefined` if nobody adds them up. */
  readonly numbers: MessagePort | undefined;
  /** Leads to the thread that stores; `undefined` with Redis. */
  readonly store: MessagePort | undefined;
  /** Whether the runtime exports metrics with OpenTelemetry. */
  readonly isExporting: boolean;
}

/** A message to the thread. */
export type Order = Start | "drain" | "stop" | "renew certificate";

/** The answer to each message; `error` says why it failed. */
export type Answer = { readonly error?: string };

let server: Server | undefined;
let log: ConsoleLog | undefined;
let stopSharing = () => {};

async function obey(order: Order): Promise<Answer> {
  try {
    if (order === "stop") await stop();
    else if (order === "drain") server?.drain();
    else if (order === "renew certificate") await server?.renewCertificate();
    else await start(order);
    return {};
  } catch (thrown) {
    return { error: reason(thrown) };
  }
}

async function start(order: Start): Promise<void> {
  const { start: options, files, thread, numbers, store, isExporting } = order;
  log = consoleLogOf(options);
  const hooks = { log, ...(files !== undefined && { rules: files.rules }) };
  const shared = { connect: store && (() => store), jwtSecret: files?.jwtSecret };
  const started = await openServer({ ...options, workers: 0 }, hooks, shared);
  server = started;
  const monitor = monitorOf(started);
  if (numbers !== undefined) stopSharing = shareNumbers(monitor, numbers, mainHangs);
  if (isExporting) await startOpenTelemetry(monitor, thread);
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

/**
 * The main thread hangs, so nobody listens to signals any more, and its clients get no answer. The program has
 * to end. A thread cannot exit for it; but in Deno 2.9.6 a program may always kill itself.
 */
function mainHangs(): void {
  log?.error("first thread hangs", { silentSeconds: MAX_SILENCE_MS / 1000 });
  log?.info("stopping", { why: "first thread hangs" });
  setTimeout(() => Deno.kill(Deno.pid, "SIGKILL"), GOODBYE_MS);
  obeyed = obeyed.then(stop).catch(() => {}); // the program ends all the same
}

async function stop(): Promise<void> {
  try {
    await server?.stop();
  } finally {
    stopSharing();
    await log?.flush();
  }
}

/** One order after the other: a stop that comes while the server starts waits until it has. */
let obeyed = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<Order>) => {
  obeyed = obeyed.then(async () => self.postMessage(await obey(data)));
};
