/**
 * The rule for the names of users, rooms and events: people can see a name, and tell it from others.
 *
 * @module
 */
import { pattern, type Rule } from "./rules.ts";
import { badField } from "./refusal.ts";

/** Characters that Unicode calls visible, but whose glyph is blank or stands for a missing one. */
const BLANKS = "\\u2800\\u303F\\uFFFC\\u{13441}\\u{13442}\\u{16FE4}\\u{1D159}";

/** The signs after which Indic scripts write a joiner to change the letter (RFC 5892, A.1). */
const VIRAMAS = "\\u094D\\u09CD\\u0A4D\\u0ACD\\u0B4D\\u0BCD\\u0C4D\\u0CCD\\u0D4D\\u0DCA";

/** Arabic letters that never join to the next one: a non-joiner after them cannot be seen. */
const UNJOINED =
  "\\u0621-\\u0625\\u0627\\u0629\\u062F-\\u0632\\u0648\\u0671-\\u0673\\u0675-\\u0677" +
  "\\u0688-\\u0699\\u06C0\\u06C3-\\u06CB\\u06CD\\u06CF\\u06D2\\u06D3\\u06D5\\u06EE\\u06EF";

/** The characters of a word: visible ones, and invisible ones where they change what is seen. */
const SEEN = [
  `[^\\p{C}\\p{Z}\\p{Default_Ignorable_Code_Point}${BLANKS}]`,
  // A heart or a keycap as an emoji, and emoji joined into one: ❤️ 1️⃣ 👩‍💻
  "(?<=\\p{Extended_Pictographic})[\\uFE0E\\uFE0F]",
  "(?<=[#*0-9])\\uFE0F(?=\\u20E3)",
  "(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\uFE0F])\\u200D(?=\\p{Extended_Pictographic})",
  // क्‍ष in Devanagari, علی‌رضا in Persian
  `(?<=[${VIRAMAS}])(?:\\u200D|\\u200C(?=\\p{L}))`,
  `(?<=(?![${UNJOINED}])(?=\\p{L})\\p{Script=Arabic})\\u200C(?=\\p{Script=Arabic})`,
].join("|");

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
