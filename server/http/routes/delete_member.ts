/**
 * `DELETE /rooms/{room}/members/{id}?payload=` ends a user's membership of a room; the application and the
 * room's managers may. `DELETE /users/{id}/connections?payload=` closes all connections of a user, and
 * needs an API key. The answer is the same if the user was not there: another node may know better.
 *
 * @module
 */
import { parseRequest } from "../../protocol/parse.ts";
import type { ReasonRequest } from "../../protocol/requests.ts";
import type { Hub } from "../../rooms/hub.ts";
import { assertMayBind } from "../manager.ts";
import { admitAsker, assertIsApplication } from "../requester.ts";
import { noContent } from "../responses.ts";
import type { Call } from "../router.ts";

export async function deleteMember(call: Call, hub: Hub): Promise<Response> {
  const asker = await admitAsker(call, hub, "delete");
  const reason = reasonOf(call);
  const by = asker && await assertMayBind(call, hub, asker);
  await hub.moderator.remove(call.room, call.userId, { ...reason, by });
  return noContent();
}

export async function deleteConnections(call: Call, hub: Hub): Promise<Response> {
  assertIsApplication(call);
  await hub.moderator.order({ kind: "disconnect", userId: call.userId, ...reasonOf(call) });
  return noContent();
}

/** Reads why from the query: a body of a `DELETE` has no meaning of its own (RFC 9110 §9.3.5). */
function reasonOf({ query }: Call): ReasonRequest {
  const payload = query.get("payload");
  return parseRequest("reason", payload === null ? {} : { payload });
}
