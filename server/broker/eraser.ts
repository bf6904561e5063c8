/**
 * The interface of an eraser, which deletes for good: a room, what a user has said, or a user. What becomes
 * of the texts is the same for every broker.
 *
 * @module
 */
import { encode } from "../protocol/encode.ts";
import type { CustomEvent, Message, User } from "../protocol/messages.ts";
import { SERVER } from "../protocol/publications.ts";
import type { RetainedEvent } from "./retained.ts";

/** Whose messages are erased. */
export interface Erasure {
  readonly userId: string;
  /**
   * Whether the user goes too: the name in the messages that stay as places, the reactions and the read
   * marks. Without it only what the user has said goes.
   */
  readonly isWhole: boolean;
}

/**
 * Deletes for good. What was stored before the call is gone from the store's files when it settles, and a
 * call that failed, or whose process was killed, may be repeated. It works in steps, so that others are
 * served meanwhile. Every room that has changed gets another epoch, and `logReplaced` is called for it
 * where it is open. Bans and mutes stay.
 */
export interface Eraser {
  /** Erases a room: its messages, its retained events and all read marks in it. It begins again at 1. */
  room(room: string): Promise<void>;
  /** Erases what a user has said in any room, and the user, if that is asked for. */
  user(erasure: Erasure): Promise<void>;
}

/** Who is named as the sender where a user was erased. */
export const ERASED_USER: User = { id: "deleted", name: "Deleted user" };

/** A message from which a user was erased. */
export interface ErasedMessage {
  readonly text: string;
  /** Whether the user had sent it. Otherwise only the user's reactions were taken back. */
  readonly isOwn: boolean;
}

/**
 * Erases a user from the text of a message, which keeps its place and its time.
 *
 * @param reactions the user's own reactions to the message, which are taken back.
 * @returns `undefined` if there is nothing to erase.
 */
export function eraseFrom(
  text: string,
  { userId, isWhole }: Erasure,
  reactions: readonly string[] = [],
): ErasedMessage | undefined {
  const message: Message = JSON.parse(text);
  if (message.from.id !== userId) return withoutReactions(message, reactions);
  if (message.deleted === true && !isWhole) return undefined;
  const { edited: _edited, deleted: _deleted, reactions: _reactions, rev, ref, ...said } =
    // A cast: of a `custom`, `edited` is not there.
    message as Message & { readonly edited?: number };
  const erased = JSON.stringify({
    ...said,
    from: isWhole ? ERASED_USER : said.from,
    payload: said.type === "chat" ? "" : null,
    ...(ref !== undefined && !isWhole && { ref }),
    deleted: true,
    ...(rev !== undefined && { rev }),
  });
  return { text: erased, isOwn: true };
}

function withoutReactions(
  message: Message,
  taken: readonly string[],
): ErasedMessage | undefined {
  if (taken.length === 0 || message.reactions === undefined) return undefined;
  const counts = new Map(Object.entries(message.reactions));
  for (const reaction of taken) {
    const count = counts.get(reaction) ?? 0;
    if (count > 1) counts.set(reaction, count - 1);
    else counts.delete(reaction);
  }
  const { reactions: _reactions, rev, ...rest } = message;
  const text = JSON.stringify({
    ...rest,
    ...(counts.size > 0 && { reactions: Object.fromEntries(counts) }),
    ...(rev !== undefined && { rev }),
  });
  return { text, isOwn: false };
}

/** Returns the text by which a message of a user is found: its sender's id, as every message has it. */
export function senderText(userId: string): string {
  return `"id":${JSON.stringify(userId)}`;
}

/** Whether a retained event was set by that user. */
export function isRetainedBy(event: string, userId: string): boolean {
  const { from }: CustomEvent = JSON.parse(event);
  return from.id === userId;
}

/** Makes the removal of a retained event, in the server's name. */
export function removalOf(name: string, event: string): RetainedEvent {
  const { ref: _, ...rest }: CustomEvent = JSON.parse(event);
  return { name, event: encode({ ...rest, from: SERVER, payload: null }), isRemoval: true };
}
