/**
 * Whether a message that carries a known `ref` is the same message again, or another one.
 *
 * @module
 */
import { type Draft, numbered } from "../protocol/encode.ts";
import type { Message } from "../protocol/messages.ts";

/**
 * Whether a draft says the same as the event that its `ref` was given to. Its sender may have another
 * name by now.
 */
export function isRepeat(event: string, draft: Draft): boolean {
  if (event.startsWith(draft.head) && event.endsWith(draft.rest)) return true;
  return said(event) === said(numbered(draft, 0, 0));
}

/** What a message says, as text to compare: all of it but when it was stored and the sender's name. */
function said(event: string): string {
  const message: Message = JSON.parse(event);
  return JSON.stringify({ ...message, seq: 0, at: 0, from: message.from.id });
}
