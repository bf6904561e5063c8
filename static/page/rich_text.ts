/**
 * Shows what parse_text.ts has read of a message, with elements that screen readers know. The markers stay in
 * the page, hidden: the text of a line is what was typed, to the letter.
 *
 * @module
 */

/// <reference lib="dom" />

import { create } from "./dom.ts";
import { isPart, type Part, type PartKind, type Piece, shownText } from "./text_tree.ts";

/** The elements of what is nothing but its element. */
const TAGS = {
  strong: "strong",
  em: "em",
  quote: "blockquote",
  ul: "ul",
  li: "li",
} as const satisfies Record<
  Exclude<PartKind, "link" | "mention" | "code" | "pre" | "ol">,
  keyof HTMLElementTagNameMap
>;

/**
 * Returns the nodes of a message's pieces.
 *
 * @param isOwn whether a mention, as `@Ada`, is the user's own.
 */
export function richText(
  pieces: readonly Piece[],
  isOwn: (mention: string) => boolean,
): (Node | string)[] {
  return pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    return isPart(piece) ? element(piece, isOwn) : create("span", { hidden: "" }, piece.text);
  });
}

function element(part: Part, isOwn: (mention: string) => boolean): HTMLElement {
  const { kind, pieces, value } = part;
  const nodes = richText(pieces, isOwn);
  switch (kind) {
    case "link":
      return link(shownText(pieces));
    case "mention": {
      const isMe = isOwn(shownText(pieces));
      return create("bdi", { class: isMe ? "mention me" : "mention" }, ...nodes);
    }
    case "code":
      return create("code", { dir: "ltr" }, ...nodes);
    case "pre":
      return create("pre", { dir: "ltr" }, create("code", {}, ...nodes));
    case "ol": {
      const list = create("ol", {}, ...nodes);
      // The style sheet makes room for the longest number.
      const digits = Math.max(...pieces.filter(isPart).map(({ value }) => String(value).length));
      list.style.setProperty("--digits", String(digits));
      return list;
    }
    default: {
      const attributes = value === undefined ? {} : { value: String(value) };
      return create(TAGS[kind], attributes, ...nodes);
    }
  }
}

/** Creates a link that reads exactly as the text does, so it cannot pretend to lead elsewhere. */
function link(address: string): HTMLAnchorElement {
  const rel = "noopener noreferrer nofollow ugc";
  return create("a", { href: address, target: "_blank", rel, dir: "ltr" }, address);
}
