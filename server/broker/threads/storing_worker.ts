/**
 * The script of the storing thread. It opens the file with the options of the first message, and takes a port
 * for each serving thread from then on.
 *
 * @module
 */
import type { Facts, Log } from "../../log.ts";
import { catchUnforeseen } from "../../safety_net.ts";
import { SqliteBroker } from "../sqlite/sqlite_broker.ts";
import { sendError, type SentError } from "./sent_error.ts";
import { Storing } from "./storing.ts";
import { retainDaysIn, type StoringOptions } from "./storing_options.ts";

/** A message to the thread. */
export type StoringOrder =
  | { readonly start: StoringOptions }
  | { readonly connect: MessagePort }
  | "stop";

/** What the thread reports. */
export type StoringReport =
  | "started"
  | "stopped"
  /** It could not start, or not stop in order. */
  | { readonly failed: SentError }
  /** It still runs, but what it commits may be lost. */
  | { readonly unsound: string }
  /** A line for the log. The thread that started this one writes it. */
  | { readonly level: "info" | "warn" | "error"; readonly event: string; readonly facts?: Facts };

/** What this thread is to the one that started it. JSR refuses `/// <reference lib="deno.worker" />`. */
declare const self: {
  onmessage: (event: MessageEvent<StoringOrder>) => void;
  postMessage(message: StoringReport): void;
};

function report(what: StoringReport): void {
  self.postMessage(what);
}

const lineOf = (level: "info" | "warn" | "error"): Log["info"] => (event, facts) =>
  report({ level, event, ...(facts !== undefined && { facts }) });
const log: Log = { info: lineOf("info"), warn: lineOf("warn"), error: lineOf("error") };

let storing: Storing | undefined;

async function obey(order: StoringOrder): Promise<void> {
  if (order === "stop") {
    await storing?.end();
    return report("stopped");
  }
  if ("connect" in order) return storing?.connect(order.connect);
  const { rules = [], absenceMs = 0, ...options } = order.start;
  const retainDaysOf = (room: string) => retainDaysIn(rules, room);
  const broker = await SqliteBroker.open({ ...options, retainDaysOf }, log);
  storing = new Storing(broker, absenceMs);
  catchUnforeseen(log, broker, () => report({ unsound: "what is committed may be lost" }));
  report("started");
}

self.onmessage = async ({ data }: MessageEvent<StoringOrder>) => {
  try {
    await obey(data);
  } catch (thrown) {
    report({ failed: sendError(thrown) });
  }
};
