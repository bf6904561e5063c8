/**
 * `POST /rooms/{room}/messages` stores a message as a `chat` command does, in the same queue and tick, and
 * answers when it is on disk: 201 and the event, or 200 and the original for a repeated `ref`. With an
 * API key it says what the application says, which may also be a `custom` event that is not stored: 204.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { chatRest } from "../../protocol/encode.ts";
import { parseRequest } from "../../protocol/parse.ts";
import { parsePublication } from "../../protocol/publications.ts";
import type { Hub } from "../../rooms/hub.ts";
import { post, type Posted } from "../../rooms/post.ts";
import { publish } from "../../rooms/publish.ts";
import { readJson } from "../read_json.ts";
import { actAs, admitWriter, assertCanWrite, guestFor } from "../requester.ts";
import { json, noContent } from "../responses.ts";
import type { Call } from "../router.ts";

export async function postMessage(call: Call, hub: Hub): Promise<Response> {
  const posted = call.isApplication ? await postOurs(call, hub) : await postTheirs(call, hub);
  if (posted === undefined) return noContent();
  const { seq, event, repeated } = posted;
  // Relative to the request (RFC 9110 §10.2.2), so that it is right behind a proxy that adds a prefix.
  const location = `messages?after=${seq - 1}&limit=1`;
  return json(repeated ? 200 : 201, event, { location });
}

async function postOurs(call: Call, hub: Hub): Promise<Posted | undefined> {
  const publication = parsePublication(await readJson(call, hub.context.options));
  const published = await publish(hub, call.room, publication);
  return published.seq === undefined ? undefined : published;
}

async function postTheirs(call: Call, hub: Hub): Promise<Posted> {
  const { room } = call;
  const { identity, options } = hub.context;
  const known = admitWriter(call, hub, COSTS.command);
  const { payload, ref, name } = parseRequest("message", await readJson(call, options));
  // A guest who repeats a `ref` is the same guest, so that a retry is stored once.
  const user = known ?? (ref === undefined ? identity.newGuest() : guestFor(call, hub, ref));
  return await actAs(hub, user, name, (user) => {
    assertCanWrite(hub, user, room);
    const rest = chatRest(user.json, payload, ref);
    return post(hub, { room, type: "chat", userId: user.id, ref, rest });
  });
}
