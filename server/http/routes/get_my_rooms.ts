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

/** How many characters the last messages have together. The rooms after that come without theirs. */
const MAX_CHARS = 262_144;

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
    return { room, head, read, last, at: last === undefined ? 0 : Number(JSON.parse(last).at) };
  }));
  let left = MAX_CHARS;
  const texts = rooms.sort((one, other) => other.at - one.at).map(({ room, head, read, last }) => {
    left -= last?.length ?? 0;
    return myRoomText(room, head, read, left < 0 ? undefined : last);
  });
  return json(200, roomsText(texts));
}
