/**
 * A `Pattern` stands for the names of rooms: `*` is any characters, also none, and everything else is
 * literal. The rules and the `rooms` claim of tokens name rooms by patterns.
 *
 * @module
 */

/**
 * A pattern that is matched without going back: each part between two `*` is searched once, from where
 * the part before it ended. A regular expression would try other places again and again, and take
 * minutes for `*a*a*a*a*a*b`.
 */
export class Pattern {
  /** The text before the first `*`, or the whole text if there is none. */
  readonly #start: string;
  /** The text between two `*`, in order. */
  readonly #middle: readonly string[];
  /** The text after the last `*`; `undefined` if there is no `*`. */
  readonly #end: string | undefined;
  /** The length of the shortest name that matches. */
  readonly #minLength: number;

  /** Makes a pattern of any text. */
  constructor(text: string) {
    const [start = "", ...parts] = text.split("*");
    this.#minLength = text.length - parts.length;
    this.#start = start;
    this.#end = parts.pop();
    this.#middle = parts;
  }

  /** Says whether the pattern stands for this name. */
  matches(name: string): boolean {
    const end = this.#end;
    if (end === undefined) return name === this.#start;
    if (name.length < this.#minLength) return false;
    if (!name.startsWith(this.#start) || !name.endsWith(end)) return false;
    let from = this.#start.length;
    for (const part of this.#middle) {
      const at = name.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
    }
    return from <= name.length - end.length;
  }
}

/** Says whether a pattern, given as text, stands for this name. */
export function matches(pattern: string, name: string): boolean {
  return new Pattern(pattern).matches(name);
}
