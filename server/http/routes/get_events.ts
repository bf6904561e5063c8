/**
 * Opens an event stream of one room or several: guard clauses, one refusal each, and only then a
 * connection.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { EventStreamConnection } from "../../connections/event_stream.ts";
import {
  cursorId,
  type Followed,
  parseCursorId,
  retryLine,
  returnMs,
} from "../../connections/sse.ts";
import type { Cursor } from "../../protocol/messages.ts";
import { DEFAULT_ROOM, ERRORS } from "../../protocol/tables.ts";
import { encode } from "../../protocol/encode.ts";
import { parseName } from "../../protocol/names.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Hub } from "../../rooms/hub.ts";
import { readerOf, tokenOf } from "../caller.ts";
import type { Gate } from "../gate.ts";
import type { Call } from "../router.ts";

/** The most rooms that one stream follows. */
export const MOST_ROOMS = 20;
/** The longest time after which a client may have its stream end. */
export const MOST_SECONDS = 60;

const HEADERS = {
  "content-type": "text/event-stream",
  // Neither kept nor compressed on the way, for then it would come in lumps …
  "cache-control": "no-store, no-transform",
  // … nor gathered by nginx.
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
};

/** `GET /events?room=&room=&after=&after=` and `GET /rooms/{room}/events?after=`, both with
 * `name`, `token`, `seconds` and `Last-Event-ID`. */
export function openStream(call: Call, hub: Hub, gate: Gate): Response {
  try {
    return open(call, hub, gate);
  } catch (thrown) {
    const { request } = call;
    const isBrowser = request.method === "GET" &&
      request.headers.get("accept")?.includes("text/event-stream");
    if (!isBrowser || !(thrown instanceof Refusal) || !ERRORS[thrown.code].retry) throw thrown;
    return comeBack(thrown, hub.context.options.returnSeconds);
  }
}

/**
 * Refuses a browser's `EventSource` for now. Any other status than 200 would make it give up for good,
 * so it gets a stream that says when to come back, says why, and ends.
 */
function comeBack(refusal: Refusal, returnSeconds: number): Response {
  const retry = retryLine(returnMs(returnSeconds, refusal.retryAfterMs));
  return new Response(`${retry}data: ${encode(refusal.event())}\n\n`, { headers: HEADERS });
}

function open(call: Call, hub: Hub, gate: Gate): Response {
  const { request, info, query, source } = call;
  const rooms = followedBy(call);
  gate.admit(source, COSTS.stream + COSTS.join * (rooms.length - 1));
  readerOf(call, hub);
  const name = query.get("name") || undefined;
  if (name !== undefined) parseName("name", name);
  const seconds = secondsOf(query);
  if (request.method === "HEAD") return new Response(null, { headers: HEADERS });
  const stream = gate.enter(
    source,
    (context) => new EventStreamConnection(rooms, info.completed, context, source),
  );
  try {
    stream.open({ token: tokenOf(call), name, seconds });
  } catch (thrown) {
    stream.end();
    throw thrown;
  }
  return new Response(stream.body, { headers: HEADERS });
}

function secondsOf(query: URLSearchParams): number | undefined {
  const text = query.get("seconds");
  if (text === null) return undefined;
  const seconds = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= MOST_SECONDS) return seconds;
  throw badField("seconds", `"seconds" must be a whole number from 1 to ${MOST_SECONDS}.`);
}

/** The rooms that a request names, each with the cursor that it has there. */
function followedBy(call: Call): readonly Followed[] {
  const rooms = roomsOf(call);
  const cursors = cursorsOf(call, rooms.length);
  return rooms.map((room, place) => ({ room, since: cursors[place] }));
}

function roomsOf({ room, query }: Call): readonly string[] {
  if (room !== "") return [room];
  const rooms = query.getAll("room");
  if (rooms.length > MOST_ROOMS) {
    throw badField("room", `A stream follows at most ${MOST_ROOMS} rooms.`);
  }
  for (const [place, name] of rooms.entries()) {
    parseName("room", name);
    if (rooms.indexOf(name) !== place) {
      throw badField("room", `Room ${JSON.stringify(name)} is named twice.`);
    }
  }
  return rooms.length > 0 ? rooms : [DEFAULT_ROOM];
}

/**
 * Where the client left off in each room: what its browser remembers is newer than what its address says.
 * What the browser remembers and is no cursor begins afresh: a page cannot change what its browser
 * sends, and would give up for good if it were refused.
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
    throw badField("after", `A cursor is what the id of an event holds, such as ${example}.`);
  });
}

function badField(field: string, sentence: string): Refusal {
  return new Refusal("bad_field", sentence, { field });
}
