/**
 * `GET /rooms` lists the rooms that have members and that the user may join, the fullest first.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import type { Hub } from "../../rooms/hub.ts";
import { readerOf } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

/** How many rooms are listed at most. */
const MAX_ROOMS = 1000;

export async function getRooms(call: Call, hub: Hub): Promise<Response> {
  call.source.spend(COSTS.page);
  const user = call.isApplication ? undefined : readerOf(call, hub);
  const isListed = (room: string) => user === undefined || hub.rights.canJoin(user, room);
  const rooms = await hub.occupiedRooms(MAX_ROOMS, isListed);
  return json(200, JSON.stringify({ rooms }));
}
