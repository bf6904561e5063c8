/**
 * `wholeNumber` reads a number from the query of a URL.
 *
 * @module
 */
import { badField } from "../protocol/refusal.ts";

/**
 * Returns the whole number that a query parameter holds, or `undefined` without the parameter.
 *
 * @throws {Refusal} `bad_field`
 */
export function wholeNumber(
  query: URLSearchParams,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw badField(name, `"${name}" must be a whole number from ${min} to ${max}.`);
}
