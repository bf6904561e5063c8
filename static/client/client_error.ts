/** How the client's promises fail. */
import type { ErrorCode } from "../../server/protocol/tables.ts";

/** What became of a message that was not stored, or of a room that was not entered. */
export class ClientError extends Error {
  /**
   * The server's error code, or `closed` (the client is), `left` (the room was left first), `full`
   * (too many messages are waiting already).
   */
  readonly code: ErrorCode | "closed" | "left" | "full";

  constructor(code: ClientError["code"], message: string) {
    super(message);
    this.name = "ClientError";
    this.code = code;
  }
}

/** A promise that nobody need look at: its rejection is not reported as unhandled. */
export function quietly<T>(settled: PromiseWithResolvers<T>): PromiseWithResolvers<T> {
  settled.promise.catch(() => {});
  return settled;
}

/** Why nothing can be done with a client any more. */
export function closedError(reason = ""): ClientError {
  return new ClientError("closed", reason || "The client is closed.");
}
