/**
 * What a message's text is read into: pieces that are shown, and the markers between them, which are not.
 * Every character of the text is in exactly one piece, in its order, so the text can be had back.
 *
 * @module
 */

/** Characters that only say how the others are shown. */
export interface Marker {
  readonly kind: "marker";
  readonly text: string;
}

/** What a part of a text is. */
export type PartKind =
  | "strong"
  | "em"
  | "code"
  | "link"
  | "mention"
  | "pre"
  | "quote"
  | "ul"
  | "ol"
  | "li";

/** A part of a text that is shown in its own way, with its markers. */
export interface Part {
  readonly kind: PartKind;
  readonly pieces: Piece[];
  /** The number of an item, if its list is numbered. */
  readonly value?: number;
}

/** Text that is shown as it is, a marker, or a part with pieces of its own. */
export type Piece = string | Marker | Part;

/** A line, with its line feed, and the signs before it that were read already. */
export interface Line {
  readonly signs: string;
  readonly text: string;
}

/**
 * Returns the length of the longest name that a text has at an index, behind an `@`; 0 if there is none.
 */
export type NameAt = (text: string, index: number) => number;

/** Creates a marker. */
export function marker(text: string): Marker {
  return { kind: "marker", text };
}

/** Whether a piece is a part. */
export function isPart(piece: Piece): piece is Part {
  return typeof piece === "object" && piece.kind !== "marker";
}

/** Whether a part stands within a line. */
export function isInline({ kind }: Part): boolean {
  return !["pre", "quote", "ul", "ol", "li"].includes(kind);
}

/** Adds text to pieces, to the last of them if that is text too. */
export function addText(pieces: Piece[], text: string): void {
  if (!text) return;
  const last = pieces.at(-1);
  if (typeof last === "string") pieces[pieces.length - 1] = last + text;
  else pieces.push(text);
}

/** Adds pieces to others. */
export function addPieces(pieces: Piece[], more: readonly Piece[]): void {
  for (const piece of more) {
    if (typeof piece === "string") addText(pieces, piece);
    else pieces.push(piece);
  }
}

/** Returns the text that is shown, without its markers. What begins a new line on the page does so here. */
export function shownText(pieces: readonly Piece[]): string {
  return pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    if (isPart(piece)) return shownText(piece.pieces);
    return piece.text === "\n" ? "\n" : "";
  }).join("");
}

/** Returns the parts of one kind, wherever they are. */
export function partsOf(pieces: readonly Piece[], kind: PartKind): Part[] {
  return pieces.filter(isPart).flatMap((part) => [
    ...(part.kind === kind ? [part] : []),
    ...partsOf(part.pieces, kind),
  ]);
}
