/**
 * `GET /rooms/{room}/members` lists who is in a room, and `GET /rooms/{room}/members/{id}` returns one of
 * them. Whoever may read a room may know its members.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Hub } from "../../rooms/hub.ts";
import { memberOf, membersOf } from "../../rooms/members.ts";
import { readerOf } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

export async function getMembers(call: Call, hub: Hub): Promise<Response> {
  call.source.spend(COSTS.page);
  await readerOf(call, hub);
  const { room } = call;
  return json(200, JSON.stringify({ room, ...await membersOf(hub, room) }));
}

export async function getMember(call: Call, hub: Hub): Promise<Response> {
  call.source.spend(COSTS.page);
  await readerOf(call, hub);
  const { room, userId } = call;
  const member = await memberOf(hub, room, userId);
  if (member !== undefined) return json(200, JSON.stringify(member));
  throw new Refusal("not_found", "No user with that id is in the room.", { field: "id" });
}
