/**
 * The table of what can be done over plain HTTP: a path, its methods, and the function for each.
 *
 * @module
 */
import type { OpenConnections } from "../connections/open_connections.ts";
import type { Monitor } from "../monitoring/monitor.ts";
import type { Hub } from "../rooms/hub.ts";
import { asyncApi } from "./documents/asyncapi.ts";
import { published } from "./documents/document.ts";
import { openApi } from "./documents/openapi.ts";
import { type Route, route } from "./router.ts";
import { getBackup } from "./routes/get_backup.ts";
import { getEvents } from "./routes/get_events.ts";
import { getMember, getMembers } from "./routes/get_members.ts";
import { getMetrics, getStatusEvents } from "./routes/get_metrics.ts";
import { getMessages } from "./routes/get_messages.ts";
import { getMyRooms } from "./routes/get_my_rooms.ts";
import { getRooms } from "./routes/get_rooms.ts";
import { deleteConnections, deleteMember } from "./routes/delete_member.ts";
import { deleteSanction, getSanctions, putSanction } from "./routes/put_sanction.ts";
import { deleteRoom, deleteUser, deleteUserMessages } from "./routes/erase.ts";
import { postHello } from "./routes/post_hello.ts";
import { postMessage } from "./routes/post_message.ts";
import { postPublish } from "./routes/post_publish.ts";
import { postRead } from "./routes/post_read.ts";
import { postTyping } from "./routes/post_typing.ts";
import {
  deleteMessage,
  deleteReaction,
  patchMessage,
  putReaction,
} from "./routes/revise_message.ts";

/**
 * Returns the routes of a server. Their paths are relative to its base path, which the documents name.
 *
 * @param connections where event streams are opened.
 * @param monitor where the metrics are.
 */
export function routesOf(
  hub: Hub,
  connections: OpenConnections,
  basePath: string,
  monitor: Monitor,
): readonly Route[] {
  return [
    route("/asyncapi.json", { GET: published(asyncApi(basePath)) }),
    route("/openapi.json", { GET: published(openApi(basePath)) }),
    route("/hello", { POST: (call) => postHello(call, hub) }),
    route("/publish", { POST: (call) => postPublish(call, hub) }),
    route("/backup", { GET: (call) => getBackup(call, hub) }),
    route("/me/rooms", { GET: (call) => getMyRooms(call, hub) }),
    route("/rooms", { GET: (call) => getRooms(call, hub) }),
    route("/rooms/:room", { DELETE: (call) => deleteRoom(call, hub) }),
    route("/users/:id", { DELETE: (call) => deleteUser(call, hub) }),
    route("/users/:id/messages", { DELETE: (call) => deleteUserMessages(call, hub) }),
    route("/rooms/:room/messages", {
      GET: (call) => getMessages(call, hub),
      POST: (call) => postMessage(call, hub),
    }),
    route("/rooms/:room/messages/:seq", {
      PATCH: (call) => patchMessage(call, hub),
      DELETE: (call) => deleteMessage(call, hub),
    }),
    route("/rooms/:room/messages/:seq/reactions/:reaction", {
      PUT: (call) => putReaction(call, hub),
      DELETE: (call) => deleteReaction(call, hub),
    }),
    route("/rooms/:room/members", { GET: (call) => getMembers(call, hub) }),
    route("/rooms/:room/members/:id", {
      GET: (call) => getMember(call, hub),
      DELETE: (call) => deleteMember(call, hub),
    }),
    route("/users/:id/connections", { DELETE: (call) => deleteConnections(call, hub) }),
    route("/rooms/:room/bans", { GET: (call) => getSanctions(call, hub, "ban") }),
    route("/rooms/:room/bans/:id", {
      PUT: (call) => putSanction(call, hub, "ban"),
      DELETE: (call) => deleteSanction(call, hub, "unban"),
    }),
    route("/rooms/:room/mutes", { GET: (call) => getSanctions(call, hub, "mute") }),
    route("/rooms/:room/mutes/:id", {
      PUT: (call) => putSanction(call, hub, "mute"),
      DELETE: (call) => deleteSanction(call, hub, "unmute"),
    }),
    route("/rooms/:room/events", { GET: (call) => getEvents(call, hub, connections) }),
    route("/events", { GET: (call) => getEvents(call, hub, connections) }),
    route("/metrics", { GET: (call) => getMetrics(call, monitor) }),
    route("/status/events", { GET: (call) => getStatusEvents(call, monitor) }),
    route("/rooms/:room/typing", { POST: (call) => postTyping(call, hub) }),
    route("/rooms/:room/read", { POST: (call) => postRead(call, hub) }),
  ];
}
