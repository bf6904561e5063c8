/**
 * A word that somebody types, or stopped. Whoever says so need not be connected here: with many
 * nodes the stream that this person reads may be on another.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { readJson } from "../body.ts";
import type { Call } from "../router.ts";
import type { Writers } from "../writers.ts";

/** `POST /rooms/{room}/typing` */
export async function postTyping(call: Call, hub: Hub, writers: Writers): Promise<Response> {
  const { room } = call;
  const user = writers.admit(call, COSTS.signal);
  const body = await readJson(call, hub.context.options);
  const { payload, name } = parseRequest("typing", body);
  await writers.as(
    call,
    // A guest who is the same next time, for the end must be by the one who began.
    { user: user ?? writers.guest(call, "typing"), name },
    (person) => hub.typing.set(room, person.user, payload),
  );
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}
