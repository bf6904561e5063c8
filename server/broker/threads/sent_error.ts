/**
 * A `SentError` is an error on its way to another thread. Copied as it is, it would lose its class, by which
 * callers tell what happened.
 *
 * @module
 */
import { type BackupProblem, BackupRefusal } from "../backups.ts";
import { BrokerError, FullError } from "../broker_error.ts";
import { RetainedBoundError } from "../retained.ts";

export interface SentError {
  readonly kind: "BrokerError" | "FullError" | "RetainedBoundError" | "BackupRefusal" | "other";
  readonly message: string;
  /** What tells errors of one kind apart. */
  readonly detail?: string;
}

/** Writes what was thrown. */
export function sendError(thrown: unknown): SentError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof BackupRefusal) {
    return { kind: "BackupRefusal", message, detail: thrown.problem };
  }
  if (thrown instanceof RetainedBoundError) {
    return { kind: "RetainedBoundError", message, detail: thrown.what };
  }
  if (thrown instanceof FullError) return { kind: "FullError", message };
  if (thrown instanceof BrokerError) return { kind: "BrokerError", message };
  return { kind: "other", message };
}

/** Makes what was thrown of what has crossed. */
export function receiveError({ kind, message, detail }: SentError): Error {
  switch (kind) {
    case "BrokerError":
      return new BrokerError(message);
    case "FullError":
      return new FullError(message);
    case "RetainedBoundError":
      return new RetainedBoundError(detail === "events" ? "events" : "bytes");
    case "BackupRefusal":
      return new BackupRefusal(problemOf(detail), message);
    case "other":
      return new Error(message);
  }
}

function problemOf(detail: string | undefined): BackupProblem {
  return detail === "busy" || detail === "full" ? detail : "failed";
}
