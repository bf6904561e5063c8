/**
 * Tells screen readers about new messages of others, and about the connection. The list of messages is
 * not a live region itself: every page of history would be read out.
 *
 * @module
 */

/// <reference lib="dom" />

import { byId, create, oncePerTurn } from "./dom.ts";
import { strings } from "./strings.ts";

/** How many sentences may wait to be read out. */
const MAX_SENTENCES = 3;
/** How many characters of a message are read out. */
const MAX_CHARACTERS = 300;

let messages: string[] = [];
const announceMessages = oncePerTurn(() => {
  announce(messages.length > 3 ? strings.unread(messages.length) : messages.join(". "));
  messages = [];
});

/** Lets the screen reader read a sentence when it has finished the one before. */
export function announce(sentence: string): void {
  const region = byId("announcer", HTMLElement);
  region.append(create("p", {}, sentence));
  while (region.children.length > MAX_SENTENCES) region.firstElementChild?.remove();
}

/** Lets the screen reader read a message; of many at once, only how many there are. */
export function announceMessage(name: string, text: string): void {
  messages.push(strings.says(name, text.slice(0, MAX_CHARACTERS)));
  announceMessages();
}
