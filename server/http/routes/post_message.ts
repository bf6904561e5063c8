/**
 * `POST /rooms/{room}/messages` stores a message as a `chat` command does, in the same queue and tick, and
 * answers when it is on disk: 201 and the event, or 200 and the original for a repeated `ref`.
 *
 * @module
 */
import { guestIdentity } from "../../access/identity.ts";
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { post } from "../../rooms/post.ts";
import { readJson } from "../read_json.ts";
import { actAs, admitWriter, assertRight, guestFor, payerOf } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

export async function postMessage(call: Call, hub: Hub): Promise<Response> {
  const { room } = call;
  const known = await admitWriter(call, hub, "chat");
  const { payload, ref, name } = parseRequest("message", await readJson(call, hub.context.options));
  // A guest who repeats a `ref` is the same guest, so that a retry is stored once.
  const identity = known ??
    (ref === undefined ? guestIdentity(hub.guests.newGuest()) : guestFor(call, hub, ref));
  const right = await assertRight(call, hub, identity, "write");
  hub.slowMode.take(payerOf(call, known), room, right, ref);
  const { seq, event, repeated } = await actAs(
    hub,
    identity,
    name,
    (user) => post(hub, { user, room, payload, ref }),
  );
  // Relative to the request (RFC 9110 §10.2.2), so that it is right behind a proxy that adds a prefix.
  const location = `messages?after=${seq - 1}&limit=1`;
  return json(repeated ? 200 : 201, event, { location });
}
