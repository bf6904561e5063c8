/**
 * The characters that people can see and tell apart, for names and reactions.
 *
 * @module
 */

/** Characters that Unicode calls visible, but whose glyph is blank or stands for a missing one. */
const BLANKS = "\\u2800\\u303F\\uFFFC\\u{13441}\\u{13442}\\u{16FE4}\\u{1D159}";

/** The signs after which Indic scripts write a joiner to change the letter (RFC 5892, A.1). */
const VIRAMAS = "\\u094D\\u09CD\\u0A4D\\u0ACD\\u0B4D\\u0BCD\\u0C4D\\u0CCD\\u0D4D\\u0DCA";

/** Arabic letters that never join to the next one: a non-joiner after them cannot be seen. */
const UNJOINED =
  "\\u0621-\\u0625\\u0627\\u0629\\u062F-\\u0632\\u0648\\u0671-\\u0673\\u0675-\\u0677" +
  "\\u0688-\\u0699\\u06C0\\u06C3-\\u06CB\\u06CD\\u06CF\\u06D2\\u06D3\\u06D5\\u06EE\\u06EF";

/** A pattern of one visible character, or an invisible one where it changes what is seen. */
export const SEEN: string = [
  `[^\\p{C}\\p{Z}\\p{Default_Ignorable_Code_Point}${BLANKS}]`,
  // A heart or a keycap as an emoji, and emoji joined into one: ❤️ 1️⃣ 👩‍💻
  "(?<=\\p{Extended_Pictographic})[\\uFE0E\\uFE0F]",
  "(?<=[#*0-9])\\uFE0F(?=\\u20E3)",
  "(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\uFE0F])\\u200D(?=\\p{Extended_Pictographic})",
  // क्‍ष in Devanagari, علی‌رضا in Persian
  `(?<=[${VIRAMAS}])(?:\\u200D|\\u200C(?=\\p{L}))`,
  `(?<=(?![${UNJOINED}])(?=\\p{L})\\p{Script=Arabic})\\u200C(?=\\p{Script=Arabic})`,
].join("|");

/** A pattern of the tags that make a flag of a part of a country: 🏴󠁧󠁢󠁳󠁣󠁴󠁿 */
export const FLAG_TAG = "(?<=[\\u{1F3F4}\\u{E0020}-\\u{E007E}])[\\u{E0020}-\\u{E007F}]";
