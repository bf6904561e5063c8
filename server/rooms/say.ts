/**
 * `say` sends what a session says in a room: to the log, to the retained events, or to the members only.
 *
 * @module
 */
import type { RetainedEvent } from "../broker/retained.ts";
import { chatRest, messageRest, unnumbered } from "../protocol/encode.ts";
import type { ChatCommand, CustomCommand } from "../protocol/messages.ts";
import type { Hub } from "./hub.ts";
import { retain } from "./retain.ts";
import type { Room } from "./room.ts";
import type { Subscriber } from "./subscriber.ts";

/**
 * Carries out a command that speaks.
 *
 * @param room where the session's user may speak.
 * @throws {Refusal} `rate_limited`, `unavailable`
 */
export function say(
  hub: Hub,
  session: Subscriber,
  room: Room,
  command: ChatCommand | CustomCommand,
): void {
  const { user } = session;
  const { ref } = command;
  if (command.type === "chat") {
    takeTurn(hub, session, room, ref);
    return room.publish(session, "chat", chatRest(user.json, command.payload, ref), ref);
  }
  const { name, payload } = command;
  const rest = messageRest<"custom">({ name, from: user.user, payload }, ref);
  if (command.durable) {
    takeTurn(hub, session, room, ref);
    return room.publish(session, "custom", rest, ref);
  }
  const event = unnumbered("custom", room.name, rest);
  if (!command.retain) return hub.context.broker.signal(room.name, { event });
  const retained: RetainedEvent = { name, event, isRemoval: payload === null };
  retain(hub.context, room.name, retained).catch((thrown) => session.refuse(thrown, ref));
}

/** Waits for the user's turn in slow mode. @throws {Refusal} `rate_limited` */
function takeTurn(hub: Hub, session: Subscriber, { name }: Room, ref: string | undefined): void {
  hub.slowMode.take(session.user.id, name, session.rightIn(name), ref);
}
