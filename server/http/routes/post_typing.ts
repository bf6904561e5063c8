/**
 * `POST /rooms/{room}/typing` says that a user has begun or ended typing. The user need not be connected
 * to this node: the event stream that goes with the request may be on another.
 *
 * @module
 */
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { readJson } from "../read_json.ts";
import { actAs, admitWriter, assertRight, guestFor } from "../requester.ts";
import { noContent } from "../responses.ts";
import type { Call } from "../router.ts";

export async function postTyping(call: Call, hub: Hub): Promise<Response> {
  const { room } = call;
  const known = await admitWriter(call, hub, "typing");
  const { payload, name } = parseRequest("typing", await readJson(call, hub.context.options));
  // The end of typing must come from the same guest as its beginning.
  const identity = known ?? guestFor(call, hub, "typing");
  await assertRight(call, hub, identity, "write");
  await actAs(hub, identity, name, ({ user }) => hub.typing.set(room, user, payload));
  return noContent();
}
