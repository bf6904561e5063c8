/**
 * `say` sends what a session says in a room: to the log, to the retained events, or to the members only.
 *
 * @module
 */
import { payloadAfter } from "../access/incoming_message.ts";
import type { RetainedEvent } from "../broker/retained.ts";
import { chatRest, messageRest, unnumbered } from "../protocol/encode.ts";
import type { ChatCommand, CustomCommand } from "../protocol/messages.ts";
import type { Hub } from "./hub.ts";
import { retain } from "./retain.ts";
import type { Room } from "./room.ts";
import type { Subscriber } from "./subscriber.ts";

/** What says something: a session. */
export interface Speaker extends Subscriber {
  /** @throws {Refusal} if its user may not speak in that room now. */
  roomToSpeakIn(name: string): Room;
}

/**
 * Carries out a command that speaks. The application is asked last: only about what nothing else refuses.
 *
 * @throws {Refusal} `not_in_room`, `forbidden`, `unauthorized`, `rate_limited`, `unavailable`, or what the
 * application throws.
 */
export function say(
  hub: Hub,
  speaker: Speaker,
  command: ChatCommand | CustomCommand,
): void | Promise<void> {
  const room = speaker.roomToSpeakIn(command.room);
  const isStored = command.type === "chat" || command.durable === true;
  if (isStored) takeTurn(hub, speaker, room, command.ref);
  const { application, log, rules } = hub.context;
  if (application?.onMessage === undefined) return send(hub, speaker, room, command);
  if (isStored) rules.assertStored(room.name);
  const message = { ...command, from: speaker.user.user };
  const payload = payloadAfter(application.onMessage, log, message);
  // The hook may have had its user removed or muted, or the user may have left the room meanwhile.
  const sendChanged = (payload: typeof command.payload) =>
    send(hub, speaker, speaker.roomToSpeakIn(room.name), changed(command, payload));
  return payload instanceof Promise ? payload.then(sendChanged) : sendChanged(payload);
}

function changed<C extends ChatCommand | CustomCommand>(command: C, payload: C["payload"]): C {
  return payload === command.payload ? command : { ...command, payload };
}

function send(
  hub: Hub,
  session: Subscriber,
  room: Room,
  command: ChatCommand | CustomCommand,
): void {
  const { user } = session;
  const { ref } = command;
  if (command.type === "chat") {
    return room.publish(
      session,
      "chat",
      chatRest(user.json, command.payload, ref, command.replyTo),
      ref,
    );
  }
  const { name, payload } = command;
  const rest = messageRest<"custom">({ name, from: user.user, payload }, ref);
  if (command.durable) return room.publish(session, "custom", rest, ref);
  const event = unnumbered("custom", room.name, rest);
  if (!command.retain) return hub.context.broker.signal(room.name, { event });
  const retained: RetainedEvent = { name, event, isRemoval: payload === null };
  retain(hub, room.name, retained).catch((thrown) => session.refuse(thrown, ref));
}

/** Waits for the user's turn in slow mode. @throws {Refusal} `rate_limited` */
function takeTurn(hub: Hub, session: Subscriber, { name }: Room, ref: string | undefined): void {
  hub.slowMode.take(session.user.id, name, session.rightIn(name), ref);
}
