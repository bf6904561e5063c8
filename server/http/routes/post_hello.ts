/**
 * `POST /hello` answers what `hello` does on a socket: above all the token with which later requests come
 * from the same user.
 *
 * @module
 */
import { guestIdentity } from "../../access/identity.ts";
import { encode } from "../../protocol/encode.ts";
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { welcome } from "../../rooms/welcome.ts";
import { readJson } from "../read_json.ts";
import { actAs, admitWriter } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

export async function postHello(call: Call, hub: Hub): Promise<Response> {
  const identity = await admitWriter(call, hub, "hello") ??
    guestIdentity(hub.guests.newGuest());
  // A guest without a wish for a name needs no body.
  const { name } = parseRequest("hello", await readJson(call, hub.context.options, {}));
  return await actAs(
    hub,
    identity,
    name,
    ({ user }) => json(200, encode(welcome(hub, user, identity.isGuest))),
  );
}
