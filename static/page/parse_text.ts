/**
 * Reads a message as it is typed in chats everywhere: lists (- and 1.), > quotes and ```blocks of code```,
 * and within the other lines what parse_line.ts reads. It knows nothing of the page. The time that it takes
 * grows with the length of the text: each line is looked at a few times at each level, and there are at most
 * `MAX_DEPTH` levels.
 *
 * @module
 */
import { fencesIn } from "./find_fences.ts";
import { parseLine } from "./parse_line.ts";
import {
  addPieces,
  addText,
  isInline,
  isPart,
  type Line,
  marker,
  type NameAt,
  type Part,
  type Piece,
  shownText,
} from "./text_tree.ts";

/** How deep quotes and lists may be in each other. What is deeper is shown as it was typed. */
const MAX_DEPTH = 4;
/** How many mentions a message may have. Those after them are only text. */
const MAX_MENTIONS = 50;

/** What a text has if it may be more than text: almost all messages have none of it. */
const MARKUP = /[*_`\\>@]|:\/\/|^ {0,3}(?:-|\d{1,9}\.)[ \t]/m;
const QUOTE = /^ {0,3}> ?/;
/** A mood is no quote: >.< */
const QUOTED = /^ {0,3}>+(?:\s|$)/;
/** The sign of an item, before something that is not only signs. */
const ITEM = /^( {0,3})(?:[-*]|(0|[1-9]\d{0,8})\.)[ \t]{1,4}(?=.*[^\s*-])/;
/** A backslash before what would be the sign of a quote or an item. */
const ESCAPE = /^( {0,3}\d{0,9})\\/;

/** Returns the pieces of a text. */
export function parseText(text: string, nameAt: NameAt = () => 0): Piece[] {
  if (!MARKUP.test(text)) return text ? [text] : [];
  let mentions = 0;
  const boundedNameAt: NameAt = (line, index) =>
    mentions < MAX_MENTIONS && ++mentions ? nameAt(line, index) : 0;
  const lines = text.split(/(?<=\n)/).map((line) => ({ signs: "", text: line }));
  return parseBlocks(lines, 0, boundedNameAt);
}

/** Returns what is shown of a text, without its markers. */
export function plainText(text: string): string {
  return shownText(parseText(text));
}

function parseBlocks(lines: readonly Line[], depth: number, nameAt: NameAt): Piece[] {
  const pieces: Piece[] = [];
  const fenceAt = fencesIn(lines);
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    if (!line) break;
    const quote = depth < MAX_DEPTH ? quoteAt(lines, i) : undefined;
    const list = depth < MAX_DEPTH && !quote ? listAt(lines, i) : undefined;
    const fence = quote || list ? undefined : fenceAt(i);
    if (quote ? !quote.isEmpty : list || fence) endParagraph(pieces);
    if (quote) {
      const { isEmpty, inner } = quote;
      if (isEmpty) {
        // Signs with nothing behind them are only text.
        for (const one of lines.slice(i, i + inner.length)) addParagraph(pieces, one, nameAt);
      } else pieces.push({ kind: "quote", pieces: parseBlocks(inner, depth + 1, nameAt) });
      i += inner.length;
    } else if (list) {
      const items = list.items.map(({ lines, value }): Part => ({
        kind: "li",
        pieces: parseBlocks(lines, depth + 1, nameAt),
        ...(value !== undefined && { value }),
      }));
      pieces.push({ kind: list.kind, pieces: items });
      i += list.length;
    } else if (fence) {
      if (fence.before) {
        addParagraph(pieces, { signs: line.signs, text: fence.before }, nameAt);
      }
      pieces.push({ kind: "pre", pieces: fence.pieces });
      addParagraph(pieces, { signs: "", text: fence.after }, nameAt);
      i += fence.length;
    } else {
      addParagraph(pieces, line, nameAt);
      i++;
    }
  }
  if (depth > 0) endParagraph(pieces);
  return pieces;
}

/** Hides the line feed before a block or the end of one, which begins a new line anyway. */
function endParagraph(pieces: Piece[]): void {
  const last = pieces.at(-1);
  if (typeof last !== "string" || !last.endsWith("\n")) return;
  const text = last.slice(0, -1);
  const before = pieces.at(-2);
  const isBlankLine = text.endsWith("\n") ||
    !text && !(before && isPart(before) && isInline(before));
  if (isBlankLine) return;
  pieces.pop();
  addText(pieces, text);
  pieces.push(marker("\n"));
}

function addParagraph(pieces: Piece[], { signs, text }: Line, nameAt: NameAt): void {
  if (signs) pieces.push(marker(signs));
  const [start = "", indent = ""] = ESCAPE.exec(text) ?? [];
  const isEscape = start !== "" && isBlock(indent + text.slice(start.length));
  if (!isEscape) return addPieces(pieces, parseLine(text, nameAt));
  addPieces(pieces, [indent, marker("\\"), ...parseLine(text.slice(start.length), nameAt)]);
}

function isBlock(text: string): boolean {
  return QUOTED.test(text) || ITEM.test(text);
}

/** Returns the lines of the quote that begins there, without its signs; `undefined` if none does. */
function quoteAt(lines: readonly Line[], from: number): Quote | undefined {
  const inner: Line[] = [];
  let isEmpty = true;
  for (let i = from; i < lines.length; i++) {
    const line = lines[i];
    if (!line || !QUOTED.test(line.text)) break;
    if (isEmpty) isEmpty = !/[^>\s]/.test(line.text);
    inner.push(without(line, QUOTE.exec(line.text)?.[0].length ?? 0));
  }
  return inner.length ? { inner, isEmpty } : undefined;
}

interface Quote {
  readonly inner: readonly Line[];
  readonly isEmpty: boolean;
}

interface List {
  readonly kind: "ul" | "ol";
  readonly items: { readonly lines: Line[]; readonly value?: number }[];
  /** How many lines it has. */
  readonly length: number;
}

/** Returns the list that begins there; `undefined` if none does. */
function listAt(lines: readonly Line[], from: number): List | undefined {
  const first = ITEM.exec(lines[from]?.text ?? "");
  if (!first) return undefined;
  const kind = first[2] === undefined ? "ul" : "ol";
  const items: List["items"] = [];
  let indent = 0;
  let width = 0;
  let blank: Line[] = [];
  let i = from;
  for (; i < lines.length; i++) {
    const line = lines[i];
    if (!line) break;
    const item = items.at(-1);
    if (item && !line.text.trim()) {
      blank.push(line);
      continue;
    }
    const spaces = /^(?:\t| *)/.exec(line.text)?.[0] ?? "";
    if (item && !blank.length && (spaces === "\t" || spaces.length >= indent + 2)) {
      item.lines.push(without(line, Math.min(spaces.length, width)));
      continue;
    }
    const sign = ITEM.exec(line.text);
    if (!sign || (sign[2] === undefined ? "ul" : "ol") !== kind) break;
    item?.lines.push(...blank);
    blank = [];
    indent = sign[1]?.length ?? 0;
    width = sign[0].length;
    const value = sign[2] === undefined ? {} : { value: Number(sign[2]) };
    items.push({ lines: [without(line, width)], ...value });
  }
  return { kind, items, length: i - from - blank.length };
}

function without({ signs, text }: Line, length: number): Line {
  return { signs: signs + text.slice(0, length), text: text.slice(length) };
}
