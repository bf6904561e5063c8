/**
 * Errors as the application gets them, and what the client does about a refusal or a close code.
 *
 * @module
 */
import type { ErrorCode } from "../../server/protocol/tables.ts";

/** The close codes after which a client does not reconnect (`CLOSE_CODES` of the protocol). */
export const FINAL_CLOSE_CODES: readonly number[] = [1000, 1003, 1008, 1009, 3003];

/** The error codes after which the same command may succeed later (`ERRORS` of the protocol). */
export const RETRIABLE_ERRORS: readonly string[] = [
  "rate_limited",
  "room_full",
  "too_many_rooms",
  "unavailable",
];

/** `ClientError` says why something was not sent or not stored, or why a room was not entered. */
export class ClientError extends Error {
  /** The name of the class. */
  override readonly name = "ClientError";
  /**
   * The server's error code, or one of the client's own: `closed` (the client is closed), `left` (the
   * room was left first) or `full` (too many messages are waiting already). Without a connection the
   * client is in no room, so an event that was to be sent then fails with `not_in_room`.
   */
  declare readonly code: ErrorCode | "closed" | "left" | "full";
  /** What the server's error is about, if it says so: a field of the command, or `address`, for example. */
  declare readonly field: string | undefined;

  /** Creates an error with a code and a sentence for developers. */
  constructor(code: ClientError["code"], message: string, field?: string) {
    super(message);
    this.code = code;
    this.field = field;
  }
}

/** Returns the error of everything that is asked of a closed client. */
export function closedError(reason = ""): ClientError {
  return new ClientError("closed", reason || "The client is closed.");
}
