/**
 * `POST /hello` answers what `hello` does on a socket: above all the token with which later requests come
 * from the same user.
 *
 * @module
 */
import { encode } from "../../protocol/encode.ts";
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { welcome } from "../../rooms/welcome.ts";
import { readJson } from "../read_json.ts";
import { actAs, admitWriter } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

export async function postHello(call: Call, hub: Hub): Promise<Response> {
  const { context } = hub;
  const user = admitWriter(call, hub, "hello") ?? context.identity.newGuest();
  const { name } = parseRequest("hello", await readJson(call, context.options));
  return await actAs(hub, user, name, ({ user }) => json(200, encode(welcome(context, user))));
}
