/**
 * The log that writes to standard error, and what all logs have in common. Only this file and `main.ts` use
 * the console.
 *
 * @module
 */
import { LineLog, type Log } from "./line_log.ts";
import type { Facts, LogFormat, LogLevel } from "./log_line.ts";

export { type Log, writeAll } from "./line_log.ts";
export type { Facts } from "./log_line.ts";

/** A log that can be written to its end, before the program ends. */
export interface ConsoleLog extends Log {
  /** Writes everything, and returns when that is done or when the reader takes too long. */
  flush(): Promise<void>;
}

/** `consoleLog` writes text to standard error. Standard output is left to what the program prints. */
export const consoleLog: ConsoleLog = new LineLog(Deno.stderr);

/** Returns a log that writes to standard error, in a format and from a level on. */
export function consoleLogOf(
  { log: format, logLevel: level }: { readonly log: LogFormat; readonly logLevel: LogLevel },
): ConsoleLog {
  return new LineLog(Deno.stderr, { format, level });
}

/** `silentLog` writes nothing. */
export const silentLog: Log = { info() {}, warn() {}, error() {} };

/** Returns a log that never throws. An application's log may, and a lost line must cost no more than that. */
export function withoutThrowing(log: Log): Log {
  const safely = (write: (event: string, facts?: Facts) => void): Log["info"] => (event, facts) => {
    try {
      write.call(log, event, facts);
    } catch {
      // The line is lost, and nothing else.
    }
  };
  return {
    debug: log.debug && safely(log.debug),
    info: safely(log.info),
    warn: safely(log.warn),
    error: safely(log.error),
    audit: safely(log.audit ?? log.info),
  };
}

/** Logs what a manager has done to another user, or to another user's message. */
export function audit(log: Log, facts: Facts): void {
  if (log.audit) log.audit("moderated", facts);
  else log.info("moderated", facts);
}

/** Returns what was thrown as one line. */
export function reason(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}

/** Returns why a request to another server failed as one line, without its URL, which may hold a secret. */
export function requestReason(thrown: unknown): string {
  return reason(thrown).replace(/ for (?:url \(\S*\)|https?:\/\/\S*)/gi, "");
}
