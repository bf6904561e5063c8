/**
 * `checkApplicationUser` checks what an application says of one of its users: by the claims of a token, or
 * by the answer of the hook `authenticate`. Nothing else may go into the log and to other clients.
 *
 * @module
 */
import type { Json } from "../protocol/messages.ts";
import { NAME } from "../protocol/names.ts";
import { INFO, isPlain, isRecord, pattern, type Rule } from "../protocol/rules.ts";
import { type Right, RIGHTS } from "../protocol/tables.ts";

/** An `ApplicationUser` is a user whom the application vouches for. */
export interface ApplicationUser {
  /** The application's own id of the user, as {@linkcode USER_ID} says. */
  readonly id: string;
  /** The name. If it is given, the user cannot change it. */
  readonly name?: string;
  /** What all others may know of the user, such as the URL of a picture: at most 256 bytes of JSON. */
  readonly info?: Json;
  /**
   * The user's rights by the name of a room, or by a pattern in which `*` stands for any characters.
   * The exact name wins, then the longest pattern.
   */
  readonly rooms?: Readonly<Record<string, Right>>;
  /** When the user must bring a new token, in milliseconds since 1970. */
  readonly expiresAt?: number;
}

/** How many entries `rooms` may have. */
const MAX_ROOMS = 1000;
/** The last moment that a `Date` can hold. */
const MAX_TIME = 8.64e15;

/**
 * The rule for the id of an application's user. 16 hexadecimal digits are a guest's id, `server` is
 * who speaks for the application, and `deleted` is named as the sender where a user was erased: a user with
 * such an id would be taken for them. `.` and `..` are steps in a URL's path, so no request could name such
 * a user.
 */
export const USER_ID: Rule = pattern(
  "^(?!\\.{1,2}$)(?!(?:server|deleted)$)(?![0-9A-Fa-f]{16}$)[^\\p{C}\\p{Zl}\\p{Zp}]{1,128}$",
  "1 to 128 characters without control and format characters, and neither 16 hexadecimal digits, " +
    'which are a guest\'s, nor "server", "deleted", "." or ".."',
);

/** One of {@linkcode RIGHTS}, as a set that can be asked for any value. */
const RIGHT_NAMES: ReadonlySet<unknown> = new Set(RIGHTS);

const ROOM_RIGHTS: Rule = {
  accepts: (value) => {
    if (!isRecord(value) || !isPlain(value)) return false;
    const entries = Object.entries(value);
    return entries.length <= MAX_ROOMS &&
      entries.every(([room, right]) => NAME.accepts(room) && RIGHT_NAMES.has(right));
  },
  expects: `an object of at most ${MAX_ROOMS} names or patterns of rooms, each with one of ` +
    RIGHTS.map((right) => `"${right}"`).join(", "),
  schema: { type: "object", additionalProperties: { enum: RIGHTS } },
};

const TIME: Rule = {
  accepts: (value) => typeof value === "number" && value >= 0 && value <= MAX_TIME,
  expects: "a time since 1970",
  schema: { type: "number", minimum: 0, maximum: MAX_TIME },
};

/** Makes the error that says what a field must be. It must repeat no value. */
export type WrongField = (field: keyof ApplicationUser, expected: string) => Error;

/** The error of a hook that answered with something else. */
const wrongAnswer: WrongField = (field, expected) =>
  new TypeError(`Its user's field "${field}" must be ${expected}.`);

/**
 * `checkApplicationUser` returns the user whom an application describes, as a copy. Fields that are not
 * of an `ApplicationUser` are left out.
 *
 * @throws {Error} that `wrongField` makes, by default a `TypeError`.
 */
export function checkApplicationUser(
  value: unknown,
  wrongField: WrongField = wrongAnswer,
): ApplicationUser {
  const wrong = (field: keyof ApplicationUser, { expects }: Rule) => wrongField(field, expects);
  if (!isRecord(value) || !isText(value.id, USER_ID)) throw wrong("id", USER_ID);
  const { id, name, info, rooms, expiresAt } = value;
  if (name !== undefined && !isText(name, NAME)) throw wrong("name", NAME);
  if (info !== undefined && !INFO.accepts(info)) throw wrong("info", INFO);
  if (rooms !== undefined && !isRoomRights(rooms)) throw wrong("rooms", ROOM_RIGHTS);
  if (expiresAt !== undefined && !isTime(expiresAt)) throw wrong("expiresAt", TIME);
  return {
    id,
    ...(name !== undefined && { name }),
    ...(info !== undefined && { info: JSON.parse(JSON.stringify(info)) }),
    ...(rooms !== undefined && { rooms: copyOf(rooms) }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

function isText(value: unknown, rule: Rule): value is string {
  return rule.accepts(value);
}

function isRoomRights(value: unknown): value is Record<string, Right> {
  return ROOM_RIGHTS.accepts(value);
}

function isTime(value: unknown): value is number {
  return TIME.accepts(value);
}

/** Copies rights. A room named like a property of all objects, such as `constructor`, has none by that. */
function copyOf(rooms: Readonly<Record<string, Right>>): Readonly<Record<string, Right>> {
  return Object.assign(Object.create(null), rooms);
}
