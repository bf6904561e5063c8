/**
 * `GET /me/rooms` lists the rooms where the user has a read mark and that the user may read: the head, the
 * mark, how many messages are above it, and the last message. The room whose last message is newest comes
 * first.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { myRoomText, roomsText } from "../../protocol/encode.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Hub } from "../../rooms/hub.ts";
import { readerOf } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

export async function getMyRooms(call: Call, hub: Hub): Promise<Response> {
  call.source.spend(COSTS.page);
  const identity = await readerOf(call, hub);
  if (identity === undefined) {
    throw new Refusal("unauthorized", "The application has read nothing. Bring a user's token.");
  }
  const marks = await hub.marks.all(
    identity.user.id,
    async (room) => await hub.rights.rightOf(identity, call.source, room) !== "none",
  );
  const rooms = await Promise.all(marks.map(async ({ room, head, read }) => {
    const page = await hub.context.broker.read(room, { before: head + 1, limit: 1 });
    const last = page?.batch.events.at(-1);
    const at = last === undefined ? 0 : Number(JSON.parse(last).at);
    return { at, text: myRoomText(room, head, read, last) };
  }));
  rooms.sort((one, other) => other.at - one.at);
  return json(200, roomsText(rooms.map(({ text }) => text)));
}
