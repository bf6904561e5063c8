/**
 * `PUT /rooms/{room}/bans/{id}` and `…/mutes/{id}` ban or mute a user, with a time or for good; `DELETE`
 * lifts it. They need an API key. The answer comes when it is stored and holds on this node.
 *
 * @module
 */
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { readJson } from "../read_json.ts";
import { assertIsApplication } from "../requester.ts";
import { noContent } from "../responses.ts";
import type { Call } from "../router.ts";

export async function putSanction(
  call: Call,
  hub: Hub,
  kind: "ban" | "mute",
): Promise<Response> {
  assertIsApplication(call);
  const body = await readJson(call, hub.context.options, {}); // else for good and without a reason
  await hub.moderator.impose(kind, call.room, call.userId, parseRequest("terms", body));
  return noContent();
}

export async function deleteSanction(
  call: Call,
  hub: Hub,
  kind: "unban" | "unmute",
): Promise<Response> {
  assertIsApplication(call);
  await hub.moderator.lift(kind, call.room, call.userId);
  return noContent();
}
