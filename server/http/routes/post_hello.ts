/**
 * Says who one is over HTTP, and gets what a socket's `hello` gets: above all the token with which to
 * be the same person in every request after this one.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { encode } from "../../protocol/encode.ts";
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { welcome } from "../../rooms/welcome.ts";
import { readJson } from "../body.ts";
import { json } from "../json.ts";
import type { Call } from "../router.ts";
import type { Writers } from "../writers.ts";

/** `POST /hello` */
export async function postHello(call: Call, hub: Hub, writers: Writers): Promise<Response> {
  const { users, context } = hub;
  const user = writers.admit(call, COSTS.hello) ?? context.identity.newGuest();
  const { name } = parseRequest("hello", await readJson(call, context.options));
  const person = users.hold(user.id, user.name);
  try {
    if (name !== undefined) person.rename(name);
    return json(200, encode(welcome(context, person.user)));
  } finally {
    users.release(person);
  }
}
