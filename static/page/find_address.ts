/**
 * Finds the addresses in a text. Only http and https are addresses.
 *
 * @module
 */

/** An address from its beginning to the next blank, with what may follow it in a sentence. */
export const ADDRESS_PATTERN =
  "(?<![a-z0-9])https?:\\/\\/[^\\s<>\"'`\\u3000-\\u303F\\uFF00-\\uFFEF\\u202A-\\u202E\\u2066-\\u2069]+";

/** Characters that end a sentence rather than an address. */
const TRAILING = ".,:;!?…*_~";

/**
 * Returns the address without what ends the sentence around it; `undefined` if it is none.
 *
 * @param match a match of {@linkcode ADDRESS_PATTERN}.
 */
export function addressIn(match: string): string | undefined {
  // A closing bracket belongs to the address only if it was opened there: (see https://a.b/c)
  let extraBrackets = match.split(")").length - match.split("(").length;
  let end = match.length;
  for (; end > 0; end--) {
    const last = match.charAt(end - 1);
    if (last === ")" && extraBrackets > 0) extraBrackets--;
    else if (!TRAILING.includes(last)) break;
  }
  const address = match.slice(0, end);
  return URL.canParse(address) ? address : undefined;
}
