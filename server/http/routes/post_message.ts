/**
 * `POST /rooms/{room}/messages` stores a message as a `chat` command does, in the same queue and tick, and
 * answers when it is on disk: 201 and the event, or 200 and the original for a repeated `ref`. With an
 * API key it says what the application says, which may also be a `custom` event that is not stored: 204.
 *
 * @module
 */
import type { IncomingMessage } from "../../access/application.ts";
import { guestIdentity, type Identity } from "../../access/identity.ts";
import { payloadAfter } from "../../access/incoming_message.ts";
import { chatRest } from "../../protocol/encode.ts";
import type { ChatCommand } from "../../protocol/messages.ts";
import { parseRequest } from "../../protocol/parse.ts";
import { parsePublication } from "../../protocol/publications.ts";
import type { Hub } from "../../rooms/hub.ts";
import { post, type Posted } from "../../rooms/post.ts";
import { publish, type Published } from "../../rooms/publish.ts";
import { readJson } from "../read_json.ts";
import { actAs, admitWriter, assertRight, guestFor, payerOf } from "../requester.ts";
import { json, noContent } from "../responses.ts";
import type { Call } from "../router.ts";

export async function postMessage(call: Call, hub: Hub): Promise<Response> {
  const posted = await (call.isApplication ? publishFor : postFor)(call, hub);
  if (posted.seq === undefined) return noContent();
  const { seq, event, repeated } = posted;
  // Relative to the request (RFC 9110 §10.2.2), so that it is right behind a proxy that adds a prefix.
  const location = `messages?after=${seq - 1}&limit=1`;
  return json(repeated ? 200 : 201, event, { location });
}

/** Says what the application says. */
async function publishFor(call: Call, hub: Hub): Promise<Published> {
  const publication = parsePublication(await readJson(call, hub.context.options));
  return await publish(hub, call.room, publication);
}

/** Says what a user says. */
async function postFor(call: Call, hub: Hub): Promise<Posted> {
  const { room } = call;
  const known = await admitWriter(call, hub, "chat");
  const { options } = hub.context;
  const { payload, ref, name, replyTo } = parseRequest("message", await readJson(call, options));
  // A guest who repeats a `ref` is the same guest, so that a retry is stored once.
  const identity = known ??
    (ref === undefined ? guestIdentity(hub.guests.newGuest()) : guestFor(call, hub, ref));
  const right = await assertRight(call, hub, identity, "write");
  hub.slowMode.take(payerOf(call, known), room, right, ref);
  return await actAs(hub, identity, name, async (user) => {
    const said = await judged(call, hub, identity, {
      type: "chat",
      room,
      payload,
      from: user.user,
      ...(ref !== undefined && { ref }),
      ...(replyTo !== undefined && { replyTo }),
    });
    const rest = chatRest(user.json, said, ref, replyTo);
    const movesMark = known !== undefined;
    return await post(hub, { room, type: "chat", userId: user.id, ref, rest, movesMark });
  });
}

/** Asks the application about a message. @returns what is to be said. */
async function judged(
  call: Call,
  hub: Hub,
  identity: Identity,
  message: ChatCommand & IncomingMessage,
): Promise<string> {
  const { application, log, rules } = hub.context;
  if (application?.onMessage === undefined) return message.payload;
  rules.assertStored(message.room);
  const payload = await payloadAfter(application.onMessage, log, message);
  await assertRight(call, hub, identity, "write"); // the user may have been muted meanwhile
  return payload;
}
