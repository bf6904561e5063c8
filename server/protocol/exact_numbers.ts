/**
 * `markInexact` finds the whole numbers in JSON that would be written with other digits after `JSON.parse`,
 * because a double cannot hold them: 12345678901234567890, an id perhaps, would become 12345678901234567000.
 *
 * @module
 */

/** A whole number of so few digits is always exact. Looking for a longer one is quick. */
const MANY_DIGITS = /\d{16}/;
/** A string, which is passed over, or a whole number of many digits, written without an exponent. */
const STRING_OR_WHOLE = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;
/** What stands in for an inexact number: it is parsed as `Infinity`, which every rule refuses. */
const REFUSED = "1e999";

/**
 * Replaces each such number by one that no rule for a field accepts, so that its field is refused by name.
 *
 * @param text JSON that has been parsed. In other text the search for the end of a string could take long.
 */
export function markInexact(text: string): string {
  return MANY_DIGITS.test(text)
    ? text.replace(STRING_OR_WHOLE, (found) => isExact(found) ? found : REFUSED)
    : text;
}

/** Says whether the number that this becomes is written with the same digits again. */
function isExact(found: string): boolean {
  if (found.startsWith('"')) return true;
  const number = Number(found);
  const [digits = ""] = number.toExponential().split("e"); // as few as tell it from other numbers
  return Number.isFinite(number) && significant(digits) === significant(found);
}

function significant(digits: string): string {
  return digits.replace(/[-.]/g, "").replace(/0+$/, "");
}
