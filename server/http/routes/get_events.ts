/**
 * `GET /events?room=&room=&after=&after=` and `GET /rooms/{room}/events?after=` open an event stream of
 * some rooms. Both take `name`, `token`, `seconds` and the header `Last-Event-ID`.
 *
 * @module
 */
import { cursorId, parseCursorId } from "../../connections/cursor_id.ts";
import { COSTS } from "../../access/allowances.ts";
import { guestIdentity } from "../../access/identity.ts";
import { EventStreamConnection } from "../../connections/event_stream.ts";
import type { OpenConnections } from "../../connections/open_connections.ts";
import { type Followed, retryLine, returnMs } from "../../connections/sse.ts";
import type { Cursor } from "../../protocol/messages.ts";
import { DEFAULT_ROOM, ERRORS } from "../../protocol/tables.ts";
import { encode } from "../../protocol/encode.ts";
import { parseName } from "../../protocol/names.ts";
import { badField, Refusal } from "../../protocol/refusal.ts";
import type { Hub } from "../../rooms/hub.ts";
import { wholeNumber } from "../query.ts";
import { identify } from "../requester.ts";
import { EVENT_STREAM } from "../responses.ts";
import type { Call } from "../router.ts";

/** How many rooms a stream follows at most. */
export const MAX_ROOMS = 20;
/** The maximum of `seconds`, after which the stream ends. */
export const MAX_SECONDS = 60;

export async function getEvents(
  call: Call,
  hub: Hub,
  connections: OpenConnections,
): Promise<Response> {
  try {
    return await open(call, hub, connections);
  } catch (thrown) {
    const { request } = call;
    const { options, metrics } = hub.context;
    const isBrowser = request.method === "GET" &&
      request.headers.get("accept")?.includes("text/event-stream");
    if (!isBrowser || !(thrown instanceof Refusal) || !ERRORS[thrown.code].retry) throw thrown;
    metrics.countRefusal(thrown);
    return comeBack(thrown, options.returnSeconds);
  }
}

/**
 * Refuses a browser's `EventSource` for now. With any other status than 200 it would never try again, so
 * it gets a stream that says when to come back and why, and ends.
 */
function comeBack(refusal: Refusal, returnSeconds: number): Response {
  const retry = retryLine(returnMs(returnSeconds, refusal.retryAfterMs));
  return new Response(`${retry}data: ${encode(refusal.event())}\n\n`, { headers: EVENT_STREAM });
}

async function open(call: Call, hub: Hub, connections: OpenConnections): Promise<Response> {
  const { request, info, query, source } = call;
  const rooms = followedRooms(call);
  connections.admit(source, COSTS.stream + COSTS.join * (rooms.length - 1), "stream");
  const name = query.get("name") || undefined;
  if (name !== undefined) parseName("name", name);
  const seconds = wholeNumber(query, "seconds", 1, MAX_SECONDS);
  const identity = await identify(call, hub) ?? guestIdentity(hub.guests.newGuest());
  if (request.method === "HEAD") {
    const [first] = rooms;
    if (first !== undefined && rooms.length === 1) {
      await hub.rights.assert(identity, source, first.room, "read");
    }
    return new Response(null, { headers: EVENT_STREAM });
  }
  connections.check(source, "stream"); // others may have come while the application was asked
  const stream = connections.open(
    source,
    (context) => new EventStreamConnection(rooms, info.completed, context, source),
  );
  try {
    await stream.open({ identity, name, seconds });
  } catch (thrown) {
    stream.end();
    throw thrown;
  }
  return new Response(stream.body, { headers: EVENT_STREAM });
}

/** Returns the rooms that a request names, each with its cursor. */
function followedRooms(call: Call): readonly Followed[] {
  const rooms = roomsOf(call);
  const cursors = cursorsOf(call, rooms.length);
  return rooms.map((room, index) => ({ room, since: cursors[index] }));
}

function roomsOf({ room, query }: Call): readonly string[] {
  if (room !== "") return [room];
  const rooms = query.getAll("room");
  if (rooms.length > MAX_ROOMS) {
    throw badField("room", `A stream follows at most ${MAX_ROOMS} rooms.`);
  }
  for (const [index, name] of rooms.entries()) {
    parseName("room", name);
    if (rooms.indexOf(name) !== index) {
      throw badField("room", `Room ${JSON.stringify(name)} is named twice.`);
    }
  }
  return rooms.length > 0 ? rooms : [DEFAULT_ROOM];
}

/**
 * Returns the cursor of each room, from `Last-Event-ID` or else from the URL: what the browser remembers
 * is newer. A `Last-Event-ID` that holds no cursors is passed over: the page cannot change what its browser
 * sends, and an `EventSource` that is refused never tries again.
 */
function cursorsOf(
  { request, query }: Call,
  count: number,
): readonly (Cursor | undefined)[] {
  const remembered = request.headers.get("last-event-id");
  if (remembered) {
    const ids = remembered.split(",");
    return ids.length === count ? ids.map(parseCursorId) : [];
  }
  const after = query.getAll("after");
  if (after.length > count) {
    throw badField("after", `There are ${after.length} cursors for ${count} rooms.`);
  }
  return after.map((id) => {
    const cursor = parseCursorId(id);
    if (id === "" || cursor !== undefined) return cursor;
    const example = cursorId({ epoch: "epoch", seq: 12 });
    throw badField("after", `A cursor is the id of an event, such as ${example}.`);
  });
}
