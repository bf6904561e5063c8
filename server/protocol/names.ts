/**
 * The rule for names of users, rooms and events: they can be seen, and told apart from each other.
 *
 * @module
 */
import { pattern, type Rule } from "./rules.ts";
import { badField } from "./refusal.ts";

/** What Unicode calls visible, though its glyph is blank or stands for something that is missing. */
const BLANKS = "\\u2800\\u303F\\uFFFC\\u{13441}\\u{13442}\\u{16FE4}\\u{1D159}";

/** After these signs Indic scripts write a joiner: it changes the letter (RFC 5892, appendix A.1). */
const VIRAMAS = "\\u094D\\u09CD\\u0A4D\\u0ACD\\u0B4D\\u0BCD\\u0C4D\\u0CCD\\u0D4D\\u0DCA";

/** Arabic letters that never join to the next one, so that a non-joiner after them cannot be seen. */
const UNJOINED =
  "\\u0621-\\u0625\\u0627\\u0629\\u062F-\\u0632\\u0648\\u0671-\\u0673\\u0675-\\u0677" +
  "\\u0688-\\u0699\\u06C0\\u06C3-\\u06CB\\u06CD\\u06CF\\u06D2\\u06D3\\u06D5\\u06EE\\u06EF";

/** The characters of a word: those that are seen, and the invisible ones where they change what is seen. */
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

/** No word begins with a mark: it would change the space, or the text, before it. */
const WORD = `(?!\\p{M})(?:${SEEN})+`;

/** Some of what the pattern below accepts. Most names are like this, and it takes half of the time. */
const PLAIN_NAME = /^[\w-](?: ?[!-~])*$/;

const NAME_PATTERN = pattern(
  // "." and ".." are steps in a URL's path (RFC 3986 §5.2.4): no request could name such a room.
  `^(?!\\.{1,2}$)(?=.{1,64}$)${WORD}(?: ${WORD})*$`,
  "1 to 64 visible characters in Unicode's form NFC, with single spaces between words only, without " +
    'control, format or filler characters, and neither "." nor ".."',
);

/**
 * A name of a person, room or event can be seen and told apart from others. What is invisible or
 * blank is refused, never taken out: names are shown as they were said. Variants of Han and Mongolian
 * letters are refused too, since most fonts show none. A schema's pattern cannot speak of NFC; the
 * rest it says.
 */
export const NAME: Rule = {
  ...NAME_PATTERN,
  accepts: (value) =>
    typeof value === "string" && value.length <= 64 && PLAIN_NAME.test(value) ||
    NAME_PATTERN.accepts(value) && typeof value === "string" && value === value.normalize("NFC"),
};

/**
 * A name from a URL's path or query.
 *
 * @throws {Refusal} `bad_field`
 */
export function parseName(field: string, text: string | undefined): string {
  if (text !== undefined && NAME.accepts(text)) return text;
  throw badField(field, `Field "${field}" must be ${NAME.expects}.`);
}

/** What somebody is called who did not say: `Guest-7f3a`. */
export function guestName(id: string): string {
  return `Guest-${id.slice(0, 4)}`;
}
