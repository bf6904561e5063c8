/**
 * `KnownNames` knows the names that may be mentioned in a room: of its members, of those who spoke there
 * lately, and the user's own. A mention is nothing but text: an `@` and one of these names, the longest that
 * fits, in capitals or not, up to the end of a word.
 *
 * @module
 */
import type { User } from "../client/mod.ts";
import { after, isWord } from "./parse_line.ts";
import { parseText } from "./parse_text.ts";
import { type NameAt, partsOf } from "./text_tree.ts";

/** How many of those who spoke are remembered. In a crowd the members are not known. */
const MAX_SPEAKERS = 200;

/** Where the names come from. */
export interface KnownNamesOptions {
  readonly user: () => User | undefined;
  readonly members: () => Iterable<User>;
}

/** The names of one room. */
export class KnownNames {
  readonly #options: KnownNamesOptions;
  /** The names of those who spoke, by their id: the latest last. */
  readonly #speakers = new Map<string, string>();
  /** The names by their first letter, the longest first; undefined if they are to be gathered anew. */
  #byLetter: Map<string, string[]> | undefined;
  /** The user's own name when they were gathered. */
  #gatheredFor: string | undefined;

  constructor(options: KnownNamesOptions) {
    this.#options = options;
  }

  /** Notes who said something. */
  spoke({ id, name }: User): void {
    if (this.#speakers.get(id) !== name) this.#byLetter = undefined;
    this.#speakers.delete(id);
    this.#speakers.set(id, name);
    const [oldest] = this.#speakers.keys();
    if (this.#speakers.size > MAX_SPEAKERS && oldest !== undefined) this.#speakers.delete(oldest);
  }

  /** Notes that the members have changed. */
  changed(): void {
    this.#byLetter = undefined;
  }

  /** The names of the others: those who spoke last come first. */
  get others(): readonly string[] {
    const me = this.#options.user();
    const users = new Map([...this.#speakers].reverse());
    // A speaker who has another name by now keeps the place.
    for (const { id, name } of this.#options.members()) users.set(id, name);
    if (me) users.delete(me.id);
    return [...new Set(users.values())];
  }

  readonly nameAt: NameAt = (text, index) => {
    const own = this.#options.user()?.name;
    if (own !== this.#gatheredFor) this.#byLetter = undefined;
    this.#gatheredFor = own;
    this.#byLetter ??= this.#gather();
    const letter = after(text, index).toLowerCase();
    for (const name of this.#byLetter.get(letter) ?? []) {
      const end = index + name.length;
      if (!isSame(text.slice(index, end), name)) continue;
      // In a script with blanks, a name ends where the word does.
      if (!isWord(after(text, end)) || !isWord(after(name, name.length - 1))) return name.length;
    }
    return 0;
  };

  /** Whether a mention, as `@Ada`, is the user's own. */
  isOwn(mention: string): boolean {
    const name = this.#options.user()?.name;
    return name !== undefined && isSame(mention.slice(1), name);
  }

  /** Whether a text mentions the user. */
  mentionsUser(text: string): boolean {
    const name = this.#options.user()?.name;
    if (name === undefined || !text.includes("@")) return false;
    if (!text.toLowerCase().includes(`@${name.toLowerCase()}`)) return false;
    return partsOf(parseText(text, this.nameAt), "mention")
      .some(({ pieces: [mention] }) => typeof mention === "string" && this.isOwn(mention));
  }

  #gather(): Map<string, string[]> {
    const own = this.#options.user()?.name;
    const names = new Set(own === undefined ? this.others : [own, ...this.others]);
    const byLetter = new Map<string, string[]>();
    for (const name of [...names].sort((one, other) => other.length - one.length)) {
      const letter = after(name, 0).toLowerCase();
      const same = byLetter.get(letter);
      if (same) same.push(name);
      else byLetter.set(letter, [name]);
    }
    return byLetter;
  }
}

function isSame(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase();
}
