/**
 * `post` sends a message for a sender who is not in the room, and `postRevision` revises one: for an HTTP
 * request, or for the application. Both go through the same queue and tick as all others, and return a
 * receipt, because such a sender sees no echo.
 *
 * @module
 */
import { revisionDraft } from "../broker/revisions.ts";
import { messageHead, type Revision } from "../protocol/encode.ts";
import type { Message, RevisedEvent } from "../protocol/messages.ts";
import type { Hub } from "./hub.ts";
import type { Sender } from "./pending.ts";

export interface Posting {
  readonly room: string;
  readonly type: Message["type"];
  /** The sender's id. */
  readonly userId: string;
  readonly ref: string | undefined;
  /** What follows `seq` and `at` in its event. */
  readonly rest: string;
  /** Whether it moves the read mark of that user. */
  readonly movesMark?: boolean;
}

/** Where the message is in the log. */
export interface Posted {
  readonly seq: number;
  /** The event's text. */
  readonly event: string;
  /** Whether it had been stored before. */
  readonly repeated: boolean;
}

/**
 * Stores a message in a room, whether or not the room has members.
 *
 * @throws {Refusal} `unavailable` if it was not stored, as far as is known; `conflict` if its `ref`
 * belongs to another message.
 */
export function post(hub: Hub, posting: Posting): Promise<Posted> {
  const { room, type, userId, ref, rest, movesMark = false } = posting;
  const { promise, resolve, reject } = Promise.withResolvers<Posted>();
  const sender: Sender = {
    stored: (_room, seq, event, repeated) => resolve({ seq, event, repeated }),
    revised() {},
    refuse: reject,
  };
  const head = messageHead(type, room);
  hub.tick.queue({ room, userId, ref, head, rest, sender, receipt: true, seq: 0, movesMark });
  return promise;
}

/**
 * Has a message edited, deleted or reacted to, whether or not its room has members.
 *
 * @param userId who asks.
 * @returns the message as it is now.
 * @throws {Refusal} `not_found`, `forbidden`, `conflict`, `unavailable`
 */
export function postRevision(
  hub: Hub,
  room: string,
  userId: string,
  revision: Revision,
  ref?: string,
): Promise<Message> {
  const { promise, resolve, reject } = Promise.withResolvers<Message>();
  const sender: Sender = {
    stored() {},
    revised(_room, event) {
      const { message }: RevisedEvent = JSON.parse(event);
      resolve(message);
    },
    refuse: reject,
  };
  hub.tick.queue({ ...revisionDraft(room, userId, revision, ref), sender, movesMark: false });
  return promise;
}
