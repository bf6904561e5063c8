/**
 * `GET /rooms` lists the rooms that have members and that the user may read, the fullest first.
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
  const identity = await readerOf(call, hub);
  const rooms = await hub.occupiedRooms(
    MAX_ROOMS,
    async (room) =>
      identity === undefined || await hub.rights.rightOf(identity, call.source, room) !== "none",
  );
  return json(200, JSON.stringify({ rooms }));
}
