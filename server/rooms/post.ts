/**
 * A message from somebody who is not in the room, such as an HTTP request: through the same queue and
 * the same tick as everybody's, with a receipt, since such a sender sees no echo.
 *
 * @module
 */
import { chatRest, messageHead } from "../protocol/encode.ts";
import type { Refusal } from "../protocol/refusal.ts";
import type { Hub } from "./hub.ts";
import type { ConnectedUser } from "./user.ts";
import type { Sender } from "./pending.ts";

export interface Posting {
  readonly user: ConnectedUser;
  readonly room: string;
  readonly payload: string;
  readonly ref: string | undefined;
}

/** Where the message is. */
export interface Posted {
  readonly seq: number;
  /** The event's text. */
  readonly event: string;
  /** It had been there already. */
  readonly repeated: boolean;
}

/**
 * Says something in a room, whether or not anybody is there to hear it.
 *
 * @throws {Refusal} `unavailable` if it was not stored, as far as we know.
 */
export function post(hub: Hub, { user, room, payload, ref }: Posting): Promise<Posted> {
  const { promise, resolve, reject } = Promise.withResolvers<Posted>();
  const sender: Sender = {
    user: user,
    stored: (_room, seq, event, repeated) => resolve({ seq, event, repeated }),
    refuse: (refusal: Refusal) => reject(refusal),
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
