/**
 * The rule for the names of users, rooms and events: people can see a name, and tell it from others.
 *
 * @module
 */
import { pattern, type Rule } from "./rules.ts";
import { badField } from "./refusal.ts";
import { SEEN } from "./visible.ts";

/** A word. It does not begin with a mark, which would change the space or the text before it. */
const WORD = `(?!\\p{M})(?:${SEEN})+`;

/** Matches most names, in half of the time that the pattern below takes. That one accepts them too. */
const PLAIN_NAME = /^[\w-](?: ?[!-~])*$/;

const NAME_PATTERN = pattern(
  // "." and ".." are steps in a URL's path (RFC 3986 §5.2.4): no request could name such a room.
  `^(?!\\.{1,2}$)(?=.{1,64}$)${WORD}(?: ${WORD})*$`,
  "1 to 64 visible characters in Unicode's form NFC, with single spaces between words only, without " +
    'control, format or filler characters, and neither "." nor ".."',
);

/**
 * The name of a user, a room or an event. A name with an invisible or blank character is refused, and
 * never changed: names are shown as they were sent. Variants of Han and Mongolian letters are refused
 * too, because most fonts do not show them. The schema says all of this except the form NFC, which a
 * pattern cannot say.
 */
export const NAME: Rule = {
  ...NAME_PATTERN,
  accepts: (value) =>
    typeof value === "string" && value.length <= 64 && PLAIN_NAME.test(value) ||
    NAME_PATTERN.accepts(value) && typeof value === "string" && value === value.normalize("NFC"),
};

/**
 * Checks a name from the path or the query of a URL.
 *
 * @throws {Refusal} `bad_field`
 */
export function parseName(field: string, text: string | undefined): string {
  if (text !== undefined && NAME.accepts(text)) return text;
  throw badField(field, `Field "${field}" must be ${NAME.expects}.`);
}

/** Makes the name of a user who did not choose one: `Guest-7f3a`. */
export function guestName(id: string): string {
  return `Guest-${id.slice(0, 4)}`;
}

/** Says whether an id is a guest's. No user of an application may have such an id. */
export function isGuestId(id: string): boolean {
  return /^[0-9a-f]{16}$/.test(id);
}

/** Makes the name of an application's user who has none: the id, if people can read it as a name. */
export function userName(id: string): string {
  return NAME.accepts(id) ? id : guestName(id);
}

/** Says whether a name was made from the user's id, so that any other name is preferred to it. */
export function isDefaultName(name: string, id: string): boolean {
  return name === id || name === guestName(id);
}
