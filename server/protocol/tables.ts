/**
 * The tables of the wire: subprotocols, error codes, close codes, and the bounds that are not options.
 *
 * @module
 */

/** The subprotocols (RFC 6455 §1.9), best first. A client without one is *plain*: it joins at once. */
export const SUBPROTOCOLS = {
  /** The client gets arrays of events, and may send a command or an array of commands. */
  batched: "parley.v1.batched",
  /** Every frame holds one event. */
  single: "parley.v1",
} as const;

/** The error codes. `status` is the one of HTTP; `retry`: the same command may succeed later. */
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
  not_found: { status: 404, retry: false },
  conflict: { status: 409, retry: false },
  unavailable: { status: 503, retry: true },
} as const;

/** The name of an error. */
export type ErrorCode = keyof typeof ERRORS;

/** The close codes (RFC 6455 §7.4) by name: `close(CLOSE.tooSlow)`. */
export const CLOSE = {
  done: 1000,
  goingAway: 1001,
  binaryFrame: 1003,
  policy: 1008,
  tooLarge: 1009,
  restart: 1012,
  tooSlow: 1013,
  unauthorized: 3000,
  forbidden: 3003,
} as const;

/** One of the numbers of {@linkcode CLOSE}. */
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

/** A row of the table of close codes. */
export interface CloseRow {
  /** The text of the close frame, at most 123 bytes (RFC 6455 §5.5). */
  readonly reason: string;
  /** Whether the client should connect again. */
  readonly comeBack: boolean;
}

/** What each close code tells the client. */
export const CLOSE_CODES: { readonly [C in CloseCode]: CloseRow } = {
  [CLOSE.done]: { reason: "done", comeBack: false },
  [CLOSE.goingAway]: { reason: "going away", comeBack: true },
  [CLOSE.binaryFrame]: { reason: "binary frames are not understood", comeBack: false },
  [CLOSE.policy]: { reason: "policy", comeBack: false },
  [CLOSE.tooLarge]: { reason: "frame too large", comeBack: false },
  [CLOSE.restart]: { reason: "server restart", comeBack: true },
  [CLOSE.tooSlow]: { reason: "overloaded, or the reader is too slow", comeBack: true },
  [CLOSE.unauthorized]: { reason: "unauthorized: come back with a new token", comeBack: true },
  [CLOSE.forbidden]: { reason: "forbidden", comeBack: false },
};

/**
 * What a user may do in a room, the least first; each right includes those before it.
 *
 * - `none`: nothing, not even learn whether the room exists.
 * - `read`: join the room, read its history, see its members, and see it in the list of rooms.
 * - `write`: send `chat`, `custom` and `typing`.
 * - `manage`: change and take back what others said.
 */
export const RIGHTS = ["none", "read", "write", "manage"] as const;

/** One of {@linkcode RIGHTS}. */
export type Right = (typeof RIGHTS)[number];

/** The room that is meant by a command without `room`. */
export const DEFAULT_ROOM = "lobby";

/** How deep the payload of a `custom` event may be nested. */
export const MAX_DEPTH = 32;

/** How many bytes of JSON the `info` of a user may have. */
export const MAX_INFO_BYTES = 256;

/**
 * How long a message of the application may be: the body of a request with an API key in bytes, and any
 * payload in characters of JSON.
 */
export const MAX_PUBLICATION_BYTES = 1_048_576;

/** How many rooms one `POST /publish` may name. */
export const MAX_PUBLISH_ROOMS = 1000;

/** How many different reactions a message may have. */
export const MAX_REACTIONS = 50;

/** How many reactions a message may have in all: each is kept, with the user's id. */
export const MAX_REACTIONS_IN_ALL = 20_000;

/** How many of the user's own reactions `joined` lists at most: the newest messages' ones. */
export const MAX_MINE = 1000;

/** How many users `joined` lists at most. */
export const MAX_LISTED = 100;
