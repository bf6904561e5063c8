/**
 * Reads one line of a message: **bold**, _italic_, *italic*, `code`, addresses and mentions. What is
 * no markup stays as it was typed. The time that it takes grows with the length of the line, and not
 * faster, whatever a stranger writes: it goes through the line once, and of each kind of emphasis only
 * the latest beginning is kept.
 *
 * @module
 */
import { ADDRESS_PATTERN, addressIn } from "./find_address.ts";
import { addText, marker, type NameAt, type Part, type Piece } from "./text_tree.ts";

/** Where something may begin that is not just text. */
const SPECIAL = new RegExp(`[*_\`\\\\@]|${ADDRESS_PATTERN}`, "giu");
/**
 * A letter or digit of a script that puts blanks between words. Emphasis and mentions do not begin or end
 * within a word; in Chinese, where no blank shows the words, they may stand anywhere.
 */
const WORD =
  /(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}])[\p{L}\p{N}]/u;
const BLANK = /\s/u;

/** What emphasises, by its marker. */
const EMPHASIS = { "**": "strong", "*": "em", "_": "em" } as const;
type Emphasis = keyof typeof EMPHASIS;

/** Stars or underscores, one after the other. */
interface Run {
  readonly kind: "run";
  readonly sign: string;
  /** How many are not used yet. These are shown. */
  left: number;
  /** What ends here, and then what begins here: the inner first. */
  readonly ends: Emphasis[];
  readonly begins: Emphasis[];
}

/** Returns the pieces of a line. */
export function parseLine(line: string, nameAt: NameAt): Piece[] {
  const tokens: (Piece | Run)[] = [];
  const open = new Map<Emphasis, number>();
  const ticks = new Ticks(line);
  let end = 0;
  const add = (index: number, length: number, token: Piece | Run) => {
    tokens.push(line.slice(end, index), token);
    end = index + length;
  };
  for (let match = next(line, 0); match; match = next(line, end)) {
    const { index, 0: { 0: sign = "", length } } = match;
    if (sign === "@") {
      const name = isWord(before(line, index)) ? 0 : nameAt(line, index + 1);
      const text = line.slice(index, index + 1 + name);
      add(index, text.length, name ? { kind: "mention", pieces: [text] } : text);
    } else if (sign === "`") {
      const run = runLength(line, index);
      const code = ticks.codeAt(index, run);
      const text = line.slice(index, index + run);
      if (code) add(index, code.length, code.part);
      else add(index, run, text);
    } else if (sign === "\\") {
      addEscapes(index);
    } else if (sign === "*" || sign === "_") {
      addRun(index, runLength(line, index));
    } else {
      const text = match[0];
      const address = addressIn(text);
      if (address === undefined) add(index, length, text);
      else add(index, address.length, { kind: "link", pieces: [address] });
    }
  }
  tokens.push(line.slice(end));
  return build(tokens);

  /** Backslashes escape only what follows them if that is a sign: C:\temp stays as it is. */
  function addEscapes(index: number): void {
    const run = runLength(line, index);
    const following = line.charAt(index + run);
    // ¯\_(ツ)_/¯ keeps its arm.
    const isArm = line.charAt(index - 1) === "¯";
    if (isArm || !"*_`".includes(following) || !following) {
      add(index, isArm ? run + 1 : run, line.slice(index, isArm ? index + run + 1 : index + run));
      return;
    }
    let at = index;
    for (; at + 1 < index + run; at += 2) {
      add(at, 1, marker("\\"));
      add(at + 1, 1, "\\");
    }
    if (run % 2 === 0) return;
    add(at, 1, marker("\\"));
    add(at + 1, 1, following);
  }

  function addRun(index: number, length: number): void {
    const sign = line.charAt(index);
    if (length > (sign === "*" ? 3 : 1)) {
      return add(index, length, line.slice(index, index + length));
    }
    const run: Run = { kind: "run", sign, left: length, ends: [], begins: [] };
    const previous = before(line, index);
    const following = after(line, index + length);
    const mayEnd = previous !== "" && !isBlank(previous) && !"([{".includes(previous) &&
      !isWord(following);
    const mayBegin = following !== "" && !isBlank(following) && !")]}".includes(following) &&
      !isWord(previous);
    add(index, length, run);
    if (mayEnd) close(run);
    if (!mayBegin || !run.left) return;
    for (const emphasis of emphasesOf(run)) open.set(emphasis, tokens.length - 1);
  }

  /** Ends what has begun: the innermost first. What has begun within it and not ended is only text. */
  function close(run: Run): void {
    while (run.left > 0) {
      let innermost: Emphasis | undefined;
      for (const one of emphasesOf(run)) {
        const begin = open.get(one) ?? -1;
        if (begin > (innermost === undefined ? -1 : open.get(innermost) ?? -1)) innermost = one;
      }
      const begin = innermost === undefined ? undefined : open.get(innermost);
      const token = begin === undefined ? undefined : tokens[begin];
      if (innermost === undefined || begin === undefined) return;
      if (typeof token !== "object" || token.kind !== "run") return;
      token.begins.push(innermost);
      run.ends.push(innermost);
      for (const one of [token, run]) one.left -= innermost.length;
      open.delete(innermost);
      for (const [other, index] of open) if (index > begin) open.delete(other);
    }
  }
}

/** Builds the tree: what begins and ends is nested by now. */
function build(tokens: readonly (Piece | Run)[]): Piece[] {
  const root: Piece[] = [];
  const parents: Piece[][] = [];
  let pieces = root;
  for (const token of tokens) {
    if (typeof token === "string") addText(pieces, token);
    else if (token.kind !== "run") pieces.push(token);
    else {
      for (const emphasis of token.ends) {
        pieces.push(marker(emphasis));
        pieces = parents.pop() ?? root;
      }
      addText(pieces, token.sign.repeat(token.left));
      for (const emphasis of token.begins.reverse()) {
        const part: Part = { kind: EMPHASIS[emphasis], pieces: [marker(emphasis)] };
        pieces.push(part);
        parents.push(pieces);
        pieces = part.pieces;
      }
    }
  }
  return root;
}

/** Finds `code`: a run of backticks, and the next run of as many. */
class Ticks {
  readonly #line: string;
  /** Where runs of each length begin, the last first. */
  #runs: Map<number, number[]> | undefined;

  constructor(line: string) {
    this.#line = line;
  }

  /** Returns the code that begins with a run of backticks, and its length; `undefined` if there is none. */
  codeAt(index: number, run: number): { part: Part; length: number } | undefined {
    this.#runs ??= this.#find();
    const begins = this.#runs.get(run) ?? [];
    while ((begins.at(-1) ?? Infinity) < index + run) begins.pop();
    const end = begins.at(-1);
    if (end === undefined) return undefined;
    const text = this.#line.slice(index + run, end);
    if (!text.trim()) return undefined;
    // `` `a` `` is `a`: one blank on each side belongs to the signs.
    const pad = text.startsWith(" ") && text.endsWith(" ") ? 1 : 0;
    const code = text.slice(pad, text.length - pad);
    const begin = this.#line.slice(index, index + run + pad);
    const pieces = [marker(begin), code, marker(this.#line.slice(end - pad, end + run))];
    return { part: { kind: "code", pieces }, length: end + run - index };
  }

  #find(): Map<number, number[]> {
    const runs = new Map<number, number[]>();
    for (const { index, 0: { length } } of [...this.#line.matchAll(/`+/g)].reverse()) {
      const begins = runs.get(length);
      if (begins) begins.push(index);
      else runs.set(length, [index]);
    }
    return runs;
  }
}

function next(line: string, from: number): RegExpExecArray | null {
  SPECIAL.lastIndex = from;
  return SPECIAL.exec(line);
}

/** Returns what as many signs may be. */
function emphasesOf({ sign, left }: Run): Emphasis[] {
  if (sign === "_") return ["_"];
  return left === 1 ? ["*"] : left === 2 ? ["**"] : ["**", "*"];
}

function runLength(line: string, index: number): number {
  const sign = line.charCodeAt(index);
  let end = index + 1;
  while (line.charCodeAt(end) === sign) end++;
  return end - index;
}

/** Whether emphasis and mentions may not begin or end beside a character. */
export function isWord(character: string): boolean {
  return WORD.test(character);
}

function isBlank(character: string): boolean {
  return BLANK.test(character);
}

/** Returns the character that ends before an index. */
function before(line: string, index: number): string {
  const isPair = (line.charCodeAt(index - 1) & 0xfc00) === 0xdc00;
  return line.slice(Math.max(0, index - (isPair ? 2 : 1)), index);
}

/** Returns the character that begins at an index. */
export function after(line: string, index: number): string {
  const code = line.codePointAt(index);
  return code === undefined ? "" : String.fromCodePoint(code);
}
