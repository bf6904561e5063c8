/**
 * Finds blocks of code between ``` and ```. They begin with a line or at the end of one, and end likewise.
 * What is not ended is no block. A ``` within a line is left to parse_line.ts.
 *
 * @module
 */
import { addText, type Line, marker, type Piece } from "./text_tree.ts";

const FENCE = "```";
/** The name of a language behind the first fence. */
const LANGUAGE = /^[ \t]*[\w+#.-]{1,20}[ \t\r]*\n$/;

/** A block of code. */
export interface Fence {
  /** What stands before it in its first line, and behind it in its last. */
  readonly before: string;
  readonly after: string;
  readonly pieces: Piece[];
  /** How many lines it has. */
  readonly length: number;
}

/** Where a fence stands in its line. */
interface Sign {
  readonly start: number;
  readonly end: number;
}

/** Returns a function that returns the block of code that begins in a line; `undefined` if none does. */
export function fencesIn(lines: readonly Line[]): (from: number) => Fence | undefined {
  if (!lines.some(({ text }) => text.includes(FENCE))) return () => undefined;
  /** For each line, the next line that may end a block. */
  const ends: (number | undefined)[] = [];
  for (let i = lines.length - 1, next: number | undefined; i >= 0; i--) {
    ends[i] = next;
    if (endIn(lines[i]?.text ?? "")) next = i;
  }
  return (from) => fenceAt(lines, from, ends[from]);
}

function fenceAt(lines: readonly Line[], from: number, to: number | undefined): Fence | undefined {
  const first = lines[from];
  const begin = first && beginIn(first.text);
  if (!begin) return undefined;
  const rest = first.text.slice(begin.end);
  const isWhole = rest.includes(FENCE);
  const last = isWhole ? { signs: "", text: rest } : to === undefined ? undefined : lines[to];
  const end = last && (isWhole ? lastIn(rest) : endIn(last.text));
  if (!last || !end) return undefined;
  const inner = last.text.slice(0, end.start);
  const isAlone = !inner.trim(); // the last fence, in its line
  const isNoCode = !rest.trim() || isAlone && LANGUAGE.test(rest);
  const code: Line[] = [];
  if (!isWhole && !isNoCode) code.push({ signs: "", text: rest });
  if (!isWhole && to !== undefined) code.push(...lines.slice(from + 1, to));
  if (!isAlone) code.push({ signs: last.signs, text: inner });
  if (!code.some(({ text }) => text.trim())) return undefined;

  const before = first.text.slice(0, begin.start);
  const pieces: Piece[] = [];
  const opening = first.text.slice(begin.start, begin.end) + (isNoCode ? rest : "");
  pieces.push(marker(before.trim() ? opening : first.signs + before + opening));
  for (const [i, { signs, text }] of code.entries()) {
    if (signs) pieces.push(marker(signs));
    const isLast = i === code.length - 1;
    addText(pieces, isLast ? text.replace(/\n$/, "") : text);
    // The line feed before the last fence belongs to the fence.
    if (isLast && text.endsWith("\n")) pieces.push(marker("\n"));
  }
  const closing = last.text.slice(end.start, end.end);
  pieces.push(marker(isAlone ? last.signs + inner + closing : closing));
  const length = isWhole ? 1 : (to ?? from) - from + 1;
  return { before: before.trim() && before, after: last.text.slice(end.end), pieces, length };
}

/** Returns the sign in a line that begins a block, if there is one. */
function beginIn(text: string): Sign | undefined {
  const start = text.indexOf(FENCE);
  if (start < 0 || !isThree(text, start)) return undefined;
  const rest = text.slice(start + FENCE.length);
  const sign = { start, end: start + FENCE.length };
  if (!text.slice(0, start).trim()) return sign;
  return (!rest.trim() || LANGUAGE.test(rest)) && text.charAt(start - 1) !== "\\"
    ? sign
    : undefined;
}

/** Returns the sign in a line that ends a block, with the blanks behind it, if there is one. */
function endIn(text: string): Sign | undefined {
  const start = text.indexOf(FENCE);
  if (start < 0) return undefined;
  // It begins the line: what follows is a sentence.
  const end = start + FENCE.length;
  const isFirst = !text.slice(0, start).trim() && isThree(text, start);
  if (isFirst && /^\s/.test(text.slice(end)) && text.slice(end).trim()) return { start, end };
  return lastIn(text);
}

/** Returns the sign at the end of a line, if there is one. */
function lastIn(text: string): Sign | undefined {
  const start = text.trimEnd().length - FENCE.length;
  const isSign = start >= 0 && text.startsWith(FENCE, start) && isThree(text, start);
  return isSign ? { start, end: text.length } : undefined;
}

/** Whether there are three backticks, and not more. */
function isThree(text: string, start: number): boolean {
  return text.charAt(start - 1) !== "`" && text.charAt(start + FENCE.length) !== "`";
}
