/**
 * Opens a room's event stream: guard clauses, one refusal each, and only then a connection.
 *
 * @module
 */
import { COSTS } from "../access/allowances.ts";
import { EventStreamConnection } from "../connections/event_stream.ts";
import { parseCursorId } from "../connections/sse.ts";
import { type Cursor, parseName, Refusal } from "../protocol.ts";
import type { Hub } from "../rooms/hub.ts";
import { readerOf, tokenOf } from "./caller.ts";
import type { Gate } from "./gate.ts";
import type { Call } from "./router.ts";

const HEADERS = {
  "content-type": "text/event-stream",
  // Neither kept nor compressed on the way, for then it would come in lumps …
  "cache-control": "no-store, no-transform",
  // … nor gathered by nginx.
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
};

/** `GET /rooms/{room}/events?after=&name=&token=`, and `Last-Event-ID` */
export function openStream(call: Call, hub: Hub, gate: Gate): Response {
  const { request, info, query, room, source } = call;
  gate.admit(source, COSTS.stream);
  readerOf(call, hub);
  const name = query.get("name") || undefined;
  if (name !== undefined) parseName("name", name);
  const since = cursorOf(call);
  if (request.method === "HEAD") return new Response(null, { headers: HEADERS });
  const stream = gate.enter(
    source,
    (context) => new EventStreamConnection(room, info.completed, context, source),
  );
  try {
    stream.open({ room, token: tokenOf(call), name, since });
  } catch (thrown) {
    stream.end();
    throw thrown;
  }
  return new Response(stream.body, { headers: HEADERS });
}

/**
 * Where the client left off: what its browser remembers is newer than what its address says. If that
 * is no cursor, it begins afresh: a page cannot change what its browser sends, and would give up for
 * good if it were refused.
 */
function cursorOf({ request, query }: Call): Cursor | undefined {
  const remembered = request.headers.get("last-event-id");
  if (remembered) return parseCursorId(remembered);
  const after = query.get("after");
  if (!after) return undefined;
  const cursor = parseCursorId(after);
  if (cursor !== undefined) return cursor;
  throw new Refusal("bad_field", "A cursor is the id of an event: epoch:seq.", { field: "after" });
}
