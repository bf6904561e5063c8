/**
 * `PUT /rooms/{room}/bans/{id}` and `…/mutes/{id}` ban or mute a user, with a time or for good; `DELETE`
 * lifts it, and `GET /rooms/{room}/bans` and `…/mutes` list them. The application and the room's managers
 * may. The answer to a change comes when it is stored and holds on this node.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { readJson } from "../read_json.ts";
import { assertManages, assertMayBind } from "../manager.ts";
import { admitAsker, assertRight, readerOf } from "../requester.ts";
import { json, noContent } from "../responses.ts";
import type { Call } from "../router.ts";

export async function getSanctions(call: Call, hub: Hub, kind: "ban" | "mute"): Promise<Response> {
  call.source.spend(COSTS.page);
  const asker = await readerOf(call, hub);
  if (asker !== undefined) await assertRight(call, hub, asker, "manage");
  const { room } = call;
  const users = hub.moderator.sanctions.list(kind, room);
  return json(200, JSON.stringify({ room, users }));
}

export async function putSanction(
  call: Call,
  hub: Hub,
  kind: "ban" | "mute",
): Promise<Response> {
  const asker = await admitAsker(call, hub, "delete");
  const body = await readJson(call, hub.context.options, {}); // else for good and without a reason
  const terms = parseRequest("terms", body);
  // Judged after the body was read: the manager may have been muted meanwhile.
  const by = asker && await assertMayBind(call, hub, asker);
  await hub.moderator.impose(kind, call.room, call.userId, { ...terms, by });
  return noContent();
}

export async function deleteSanction(
  call: Call,
  hub: Hub,
  kind: "unban" | "unmute",
): Promise<Response> {
  const asker = await admitAsker(call, hub, "delete");
  const by = asker && await assertManages(call, hub, asker);
  await hub.moderator.lift(kind, call.room, call.userId, by);
  return noContent();
}
