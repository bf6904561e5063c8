/**
 * A message said over HTTP. It goes the way of every message, through the hub's queue and tick, and
 * is answered when it is on disk: 201 with its event, or 200 with the original if it was said before.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { post } from "../../rooms/post.ts";
import { readJson } from "../body.ts";
import { json } from "../json.ts";
import type { Call } from "../router.ts";
import type { Writers } from "../writers.ts";

/** `POST /rooms/{room}/messages` */
export async function postMessage(call: Call, hub: Hub, writers: Writers): Promise<Response> {
  const user = writers.admit(call, COSTS.command);
  const body = await readJson(call, hub.context.options);
  const { payload, ref, name } = parseRequest("message", body);
  const writer = { user: user ?? writers.guest(call, ref), name };
  const { seq, event, repeated } = await writers.as(
    call,
    writer,
    (person) => post(hub, { user: person, room: call.room, payload, ref }),
  );
  // Relative to the request (RFC 9110 §10.2.2), so that it is right behind a proxy that adds a prefix.
  const location = `messages?after=${seq - 1}&limit=1`;
  return json(repeated ? 200 : 201, event, { location });
}
