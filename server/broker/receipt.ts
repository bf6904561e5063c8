/**
 * A receipt says what became of a draft in the log, and whether one that repeats a `ref` is the same.
 *
 * @module
 */
import { type Draft, numbered } from "../protocol/encode.ts";
import type { Message } from "../protocol/messages.ts";
import type { Refusal } from "../protocol/refusal.ts";

/**
 * What became of a draft. Of messages, only repeated ones and those with `receipt: true` get a receipt;
 * every revision gets one.
 */
export interface Receipt<D extends Draft> {
  readonly draft: D;
  readonly seq: number;
  /**
   * The event's text; for a repeated draft, the text of the original as it is now. For a revision, the
   * `revised` event with the message as it is after the commit; empty if it was refused.
   */
  readonly event: string;
  /**
   * True if nothing was stored. For a message: the room's log already has a message of the same user
   * with this `ref`, and {@linkcode isSameMessage} tells whether it is the same message. For a revision:
   * it would change nothing, or was refused.
   */
  readonly repeated: boolean;
  /** For a revision: the reactions of its user to the message, in the order of their text. */
  readonly mine?: readonly string[];
  /** Set if a revision was refused. */
  readonly refusal?: Refusal;
}

/**
 * Tells whether a draft is the same message as the event that its `ref` was given to. The sender's name
 * is not compared: it may have changed since. If the text of the event was edited or deleted, there is
 * nothing left to compare with.
 */
export function isSameMessage(event: string, draft: Draft): boolean {
  if (event.startsWith(draft.head) && event.endsWith(draft.rest)) return true;
  const stored: Message = JSON.parse(event);
  if (stored.deleted || stored.type === "chat" && stored.edited !== undefined) return true;
  return contentOf(stored) === contentOf(JSON.parse(numbered(draft, 0, 0)));
}

function contentOf(message: Message): string {
  const { reactions: _reactions, rev: _rev, ...said } = message;
  return JSON.stringify({ ...said, seq: 0, at: 0, from: message.from.id });
}

/** Tells whether an event is the message of that user with that `ref`. */
export function hasRef(event: string, userId: string, ref: string): boolean {
  const message: Message = JSON.parse(event);
  return message.from.id === userId && message.ref === ref;
}
