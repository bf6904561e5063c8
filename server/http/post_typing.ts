/**
 * A word that somebody types, or stopped. Whoever says so need not be connected here: with many
 * nodes the stream that this person reads may be on another.
 *
 * @module
 */
import { COSTS, TokenBuckets } from "../access/allowances.ts";
import { encode, parseRequest } from "../protocol.ts";
import type { Hub } from "../rooms/hub.ts";
import { readJson } from "./body.ts";
import type { Call } from "./router.ts";
import type { Writers } from "./writers.ts";

/** Lets one `typing` event a second of each person through to each room, and drops the others. */
export function typingThrottle({ context: { now } }: Hub): TokenBuckets {
  return new TokenBuckets(1, 1, now);
}

/** `POST /rooms/{room}/typing` */
export async function postTyping(
  call: Call,
  hub: Hub,
  writers: Writers,
  throttle: TokenBuckets,
): Promise<Response> {
  const { room } = call;
  const id = writers.admit(call, COSTS.signal);
  const body = await readJson(call, hub.context.options);
  const { payload, name } = parseRequest("typing", body);
  await writers.as(call, { id: id ?? writers.guest(call, undefined), name }, (person) => {
    if (throttle.take(`${person.id} ${room}`) > 0) return;
    const event = encode({ type: "typing", room, from: person.user, payload });
    hub.signal(room, { event, exceptUserId: person.id });
  });
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}
