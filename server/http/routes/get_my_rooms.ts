/**
 * `GET /me/rooms` lists the rooms where the user has a read mark and that the user may read: the head, the
 * mark, how many messages are above it, and the last message. The room whose last message is newest comes
 * first.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import type { Broker } from "../../broker/broker.ts";
import { myRoomText, roomsText } from "../../protocol/encode.ts";
import type { Hub } from "../../rooms/hub.ts";
import type { RoomMark } from "../../rooms/read_marks.ts";
import { identify } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

/** How many characters the last messages have together. The rooms after that come without theirs. */
const MAX_CHARS = 262_144;
/** Rooms that are read at once. Of those before, no more text is kept than is sent. */
const ROOMS_AT_ONCE = 20;

interface ListedRoom extends RoomMark {
  /** When its last message was stored; 0 if it has none. */
  readonly at: number;
  readonly chars: number;
  /** The last message, unless it is left out. */
  last: string | undefined;
}

export async function getMyRooms(call: Call, hub: Hub): Promise<Response> {
  call.source.spend(COSTS.page);
  const identity = await identify(call, hub);
  if (identity === undefined) return json(200, roomsText([])); // a new guest has no marks
  const marks = await hub.marks.all(
    identity.user.id,
    async (room) => await hub.rights.rightOf(identity, call.source, room) !== "none",
  );
  const rooms: ListedRoom[] = [];
  for (let index = 0; index < marks.length; index += ROOMS_AT_ONCE) {
    const some = marks.slice(index, index + ROOMS_AT_ONCE);
    rooms.push(...await Promise.all(some.map((mark) => readRoom(hub.context.broker, mark))));
    rooms.sort((one, other) => other.at - one.at);
    let left = MAX_CHARS;
    for (const room of rooms) {
      left -= room.chars;
      if (left < 0) room.last = undefined;
    }
  }
  const texts = rooms.map(({ room, head, read, last }) => myRoomText(room, head, read, last));
  return json(200, roomsText(texts));
}

async function readRoom(broker: Broker, mark: RoomMark): Promise<ListedRoom> {
  const page = await broker.read(mark.room, { before: mark.head + 1, limit: 1 });
  const last = page?.batch.events.at(-1);
  const at = last === undefined ? 0 : Number(JSON.parse(last).at);
  return { ...mark, at, chars: last?.length ?? 0, last };
}
