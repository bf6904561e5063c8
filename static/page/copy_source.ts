/**
 * Lets whole messages be copied as they were typed, with their markers. Of a part of a message, what is seen
 * is copied, as everywhere.
 *
 * @module
 */

/// <reference lib="dom" />

import { strings } from "./strings.ts";

/** Puts what is selected into the clipboard, if whole messages are. */
export function copySource(event: ClipboardEvent): void {
  const selection = getSelection();
  const list = event.currentTarget;
  if (!selection?.rangeCount || !event.clipboardData || !(list instanceof Element)) return;
  const range = selection.getRangeAt(0);
  const around = range.commonAncestorContainer;
  const element = around instanceof Element ? around : around.parentElement;
  // Whoever selects in a block of code wants the code.
  if (element?.closest("pre")) return;
  const parts = [...list.querySelectorAll<HTMLElement>(".line > .text")]
    .filter((text) => range.intersectsNode(text))
    .map((text) => ({ text, seen: seenIn(partIn(range, text)) }))
    .filter(({ seen }) => seen.trim() !== "");
  const messages = parts.map(({ text, seen }) => {
    const isWhole = seen.trim() === seenIn(rangeOf(text)).trim();
    return { text, isWhole, said: isWhole ? text.textContent ?? "" : seen };
  });
  if (!messages.some(({ isWhole }) => isWhole)) return;
  const said = messages.length === 1
    ? messages.map(({ said }) => said)
    : messages.map(({ text, said }) => strings.says(authorOf(text), said));
  event.clipboardData.setData("text/plain", said.join("\n"));
  event.preventDefault();
}

function authorOf(text: HTMLElement): string {
  const own = text.closest(".group")?.querySelector(".head b");
  return own?.textContent ?? "";
}

function rangeOf(text: HTMLElement): Range {
  const range = document.createRange();
  range.selectNodeContents(text);
  return range;
}

/** Returns the part of a range that is in a text. */
function partIn(range: Range, text: HTMLElement): Range {
  const part = rangeOf(text);
  if (range.compareBoundaryPoints(Range.START_TO_START, part) > 0) {
    part.setStart(range.startContainer, range.startOffset);
  }
  if (range.compareBoundaryPoints(Range.END_TO_END, part) < 0) {
    part.setEnd(range.endContainer, range.endOffset);
  }
  return part;
}

/** Returns the text of a range without the markers, which are hidden. */
function seenIn(range: Range): string {
  const copy = range.cloneContents();
  for (const marker of copy.querySelectorAll("[hidden]")) marker.remove();
  return copy.textContent ?? "";
}
