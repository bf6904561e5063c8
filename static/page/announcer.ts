/**
 * What a screen reader is told without being asked: others' new messages, and the connection. The
 * log itself is not live, or every page of history would be read out.
 */

/// <reference lib="dom" />

import { byId, h } from "./dom.ts";

/** How many sentences may be waiting to be read. */
const KEPT = 3;

/** Has a sentence read out when the screen reader is done with what it is saying. */
export function announce(sentence: string): void {
  const region = byId("announcer", HTMLElement);
  region.append(h("p", {}, sentence));
  while (region.children.length > KEPT) region.firstElementChild?.remove();
}
