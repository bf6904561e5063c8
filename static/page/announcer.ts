/**
 * Tells screen readers about new messages of others, and about the connection. The list of messages is
 * not a live region itself: every page of history would be read out.
 *
 * @module
 */

/// <reference lib="dom" />

import { byId, create } from "./dom.ts";
import { isolated, strings } from "./strings.ts";

/** How many sentences may wait to be read out. */
const MAX_SENTENCES = 3;
/** How many characters of a message are read out. */
const MAX_CHARACTERS = 300;
/** After something was read out, messages are gathered for so long, in milliseconds. */
const GATHER_MS = 3_000;

/** The messages that wait, by their room; those of the room that is shown by the empty name. */
const gathered = new Map<string, { count: number; readonly sentences: string[] }>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Lets the screen reader read a sentence when it has finished the one before. */
export function announce(sentence: string): void {
  const region = byId("announcer", HTMLElement);
  region.append(create("p", {}, sentence));
  while (region.children.length > MAX_SENTENCES) region.firstElementChild?.remove();
}

/**
 * Lets the screen reader read a message. Messages that follow soon are gathered; of many at once it
 * reads only how many there are.
 *
 * @param room the message's room, unless it is the one that is shown.
 */
export function announceMessage(name: string, text: string, room = ""): void {
  const waiting = gathered.get(room) ?? { count: 0, sentences: [] };
  gathered.set(room, waiting);
  if (++waiting.count <= MAX_SENTENCES) {
    waiting.sentences.push(strings.says(name, text.slice(0, MAX_CHARACTERS)));
  }
  if (timer === undefined) announceGathered();
}

function announceGathered(): void {
  timer = undefined;
  if (!gathered.size) return;
  const all = [...gathered];
  gathered.clear();
  const isMany = all.reduce((sum, [, { count }]) => sum + count, 0) > MAX_SENTENCES;
  const parts = all.map(([room, { count, sentences }]) => {
    const text = isMany ? strings.unread(count) : sentences.join(". ");
    return room ? strings.inRoom(isolated(room), text) : text;
  });
  announce(parts.join(". "));
  timer = setTimeout(announceGathered, GATHER_MS);
}
