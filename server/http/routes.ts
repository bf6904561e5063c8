/**
 * What can be done over plain HTTP, as a table of paths and methods.
 *
 * @module
 */
import { COSTS } from "../access/allowances.ts";
import type { Hub } from "../rooms/hub.ts";
import { asyncApi } from "./documents/asyncapi.ts";
import { readerOf } from "./caller.ts";
import { history } from "./routes/get_messages.ts";
import { json } from "./json.ts";
import { openApi } from "./documents/openapi.ts";
import { openStream } from "./routes/get_events.ts";
import type { Gate } from "./gate.ts";
import { postHello } from "./routes/post_hello.ts";
import { postMessage } from "./routes/post_message.ts";
import { postTyping } from "./routes/post_typing.ts";
import { published } from "./documents/document.ts";
import type { Call, Route } from "./router.ts";
import { Writers } from "./writers.ts";

/** Rooms that a list names at most: the fullest. */
const MOST_ROOMS = 1000;

export function restRoutes(hub: Hub, gate: Gate): readonly Route[] {
  const writers = new Writers(hub);
  return [
    path("/asyncapi.json", { GET: published(asyncApi()) }),
    path("/openapi.json", { GET: published(openApi()) }),
    path("/hello", { POST: (call) => postHello(call, hub, writers) }),
    path("/rooms", { GET: (call) => rooms(call, hub) }),
    path("/rooms/:room/messages", {
      GET: (call) => history(call, hub),
      POST: (call) => postMessage(call, hub, writers),
    }),
    path("/rooms/:room/events", { GET: (call) => openStream(call, hub, gate) }),
    path("/events", { GET: (call) => openStream(call, hub, gate) }),
    path("/rooms/:room/typing", { POST: (call) => postTyping(call, hub, writers) }),
  ];
}

function path(pathname: string, methods: Route["methods"]): Route {
  return { pattern: new URLPattern({ pathname }), methods };
}

/** `GET /rooms`: those that somebody is in, and that whoever asks may join. */
async function rooms(call: Call, hub: Hub): Promise<Response> {
  call.source.spend(COSTS.page);
  const user = readerOf(call, hub);
  const mayJoin = (room: string) => hub.context.authorize(user, "join", room);
  return json(200, JSON.stringify({ rooms: await hub.occupiedRooms(MOST_ROOMS, mayJoin) }));
}
