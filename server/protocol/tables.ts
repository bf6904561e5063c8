/**
 * The tables of the wire: subprotocols, error codes, close codes, and the bounds that are not options.
 *
 * @module
 */

/** Subprotocols (RFC 6455 §1.9), best first. Without one a client is *plain*: it joins at once. */
export const SUBPROTOCOLS = {
  /** A JSON array of events a frame; may send a command or an array of commands. */
  batched: "parley.v1.batched",
  /** One event a frame. */
  single: "parley.v1",
} as const;

/** Error codes: the HTTP status that goes with each, and whether the same command may succeed later. */
export const ERRORS = {
  bad_json: { status: 400, retry: false },
  bad_command: { status: 400, retry: false },
  bad_field: { status: 400, retry: false },
  too_large: { status: 413, retry: false },
  rate_limited: { status: 429, retry: true },
  not_in_room: { status: 403, retry: false },
  room_full: { status: 503, retry: true },
  too_many_rooms: { status: 429, retry: true },
  unauthorized: { status: 401, retry: false },
  forbidden: { status: 403, retry: false },
  conflict: { status: 409, retry: false },
  unavailable: { status: 503, retry: true },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** Close codes (RFC 6455 §7.4): why, and whether a client should come back. */
export const CLOSE_CODES = {
  1000: { reason: "done", comeBack: false },
  1001: { reason: "going away", comeBack: true },
  1003: { reason: "binary frames are not understood", comeBack: false },
  1008: { reason: "policy", comeBack: false },
  1009: { reason: "frame too large", comeBack: false },
  1012: { reason: "server restart", comeBack: true },
  1013: { reason: "overloaded, or the reader is too slow", comeBack: true },
} as const;

export type CloseCode = keyof typeof CLOSE_CODES;

/** The room of a command that names none. */
export const DEFAULT_ROOM = "lobby";

/** How deep a `custom` payload may nest. */
export const MAX_DEPTH = 32;

/** How many people `joined` lists. */
export const MAX_LISTED = 100;
