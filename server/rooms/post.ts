/**
 * `post` sends a message for a user who is not in the room, such as the sender of an HTTP request. It
 * goes through the same queue and tick as all others, and returns a receipt, because such a sender sees
 * no echo.
 *
 * @module
 */
import { chatRest, messageHead } from "../protocol/encode.ts";
import type { Hub } from "./hub.ts";
import type { Sender } from "./pending.ts";
import type { ConnectedUser } from "./user.ts";

export interface Posting {
  readonly user: ConnectedUser;
  readonly room: string;
  readonly payload: string;
  readonly ref: string | undefined;
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
export function post(hub: Hub, { user, room, payload, ref }: Posting): Promise<Posted> {
  const { promise, resolve, reject } = Promise.withResolvers<Posted>();
  const sender: Sender = {
    user,
    stored: (_room, seq, event, repeated) => resolve({ seq, event, repeated }),
    refuse: reject,
  };
  hub.tick.queue({
    room,
    userId: user.id,
    ref,
    head: messageHead("chat", room),
    rest: chatRest(user.json, payload, ref),
    sender,
    receipt: true,
  });
  return promise;
}
