/**
 * Makes the addresses in a message clickable. All other text stays as it is.
 *
 * @module
 */

/// <reference lib="dom" />

import { create } from "./dom.ts";

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\u3000-\u303F\uFF00-\uFFEF\u202A-\u202E\u2066-\u2069]+/giu;
/** Characters that end a sentence rather than an address. */
const TRAILING = /[.,:;!?…*_~]+$/u;

/**
 * Returns the nodes of a message. Only http and https become links, and a link reads exactly as the
 * text does, so none can pretend to lead elsewhere.
 */
export function richText(text: string): (Node | string)[] {
  const nodes: (Node | string)[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = withoutTrailing(match[0]);
    if (!URL.canParse(address)) continue;
    nodes.push(text.slice(end, match.index), link(address));
    end = match.index + address.length;
  }
  nodes.push(text.slice(end));
  return nodes;
}

function link(address: string): HTMLAnchorElement {
  const rel = "noopener noreferrer nofollow ugc";
  return create("a", { href: address, target: "_blank", rel, dir: "ltr" }, address);
}

function withoutTrailing(address: string): string {
  const bare = address.replace(TRAILING, "");
  // A closing bracket belongs to the address only if it was opened there: (see https://a.b/c)
  const hasExtraBracket = bare.endsWith(")") && bare.split(")").length > bare.split("(").length;
  return hasExtraBracket ? withoutTrailing(bare.slice(0, -1)) : bare;
}
