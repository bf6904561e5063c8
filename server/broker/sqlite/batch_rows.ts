/**
 * A batch as rows: its events cut into pages, and the hashes of their `ref`s as a blob.
 *
 * @module
 */
import type { Draft } from "../../protocol/encode.ts";
import type { Message } from "../../protocol/messages.ts";
import { Batch, type Page } from "../page.ts";
import type { Hashes, RefWindow } from "./ref_window.ts";

/** What is known of a room without asking the disk. */
export interface Log {
  readonly room: string;
  head: number;
  /** Read when the first `ref` comes: most rooms that are only read never need it. */
  refs: RefWindow | undefined;
}

/** What a batch brings to one room, until it is committed. */
export interface Addition {
  readonly log: Log;
  readonly first: number;
  readonly events: string[];
  readonly hashes: Hashes;
}

/**
 * About how much text a page holds at most. It is a row and it is a frame: small enough to be cut
 * when a part of it is asked for, and to lie in the processor's cache while a thousand are sent it.
 */
const PAGE_CHARS = 65_536;
/** Whether a message is the one that a draft repeats: the window of `ref`s knows hashes only. */
export function isOf(event: string, { userId, ref }: Draft): boolean {
  const message: Message = JSON.parse(event);
  return message.from.id === userId && message.ref === ref;
}

/** How much text a batch brings. */
export function charsOf(batch: readonly Draft[]): number {
  let chars = 0;
  for (const { head, rest } of batch) chars += head.length + rest.length;
  return chars;
}

/** Events as pages: one, unless they are much. */
export function pagesOf(first: number, events: readonly string[]): Page[] {
  if (events.length === 0) return [];
  const whole = { first, last: first + events.length - 1, batch: Batch.fromEvents(events) };
  if (whole.batch.size <= PAGE_CHARS) return [whole];
  const pages: Page[] = [];
  let chars = 0;
  let start = 0;
  events.forEach((event, index) => {
    chars += event.length;
    if (chars < PAGE_CHARS && index < events.length - 1) return;
    const batch = Batch.fromEvents(events.slice(start, index + 1));
    pages.push({ first: first + start, last: first + index, batch });
    start = index + 1;
    chars = 0;
  });
  return pages;
}
