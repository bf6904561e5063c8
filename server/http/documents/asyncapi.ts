/**
 * What is said over WebSocket and in event streams, as an AsyncAPI 3 document. To "receive" and to
 * "send" are the server's: it receives commands and sends events.
 *
 * @module
 */
import { COMMANDS } from "../../protocol/commands.ts";
import { EVENTS } from "../../protocol/events.ts";
import { reference, type Schema } from "../../protocol/rules.ts";
import { SUBPROTOCOLS } from "../../protocol/tables.ts";
import { nameOf, SCHEMAS } from "./schemas.ts";

export function asyncApi(basePath = ""): Schema {
  const commands = Object.keys(COMMANDS).map((type) => nameOf(type, "Command"));
  const events = Object.keys(EVENTS).map((type) => nameOf(type, "Event"));
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Parley",
      version: "1.0.0",
      description: "Rooms in real time. Every frame is a JSON object with a `type`; with the " +
        `subprotocol ${SUBPROTOCOLS.batched} a frame is an array of them.`,
    },
    defaultContentType: "application/json",
    servers: {
      here: {
        host: "{host}",
        pathname: basePath || "/",
        protocol: "ws",
        variables: { host: { description: "The host that this document came from." } },
      },
    },
    channels: {
      socket: {
        address: "/ws",
        title: "A WebSocket",
        description: `Subprotocols: ${Object.values(SUBPROTOCOLS).join(", ")}. Without one the ` +
          "client is in `room` at once.",
        messages: refs([...commands, ...events], "#/components/messages"),
        bindings: {
          ws: {
            method: "GET",
            query: {
              type: "object",
              properties: { room: { type: "string" }, name: { type: "string" } },
            },
          },
        },
      },
      stream: {
        address: "/rooms/{room}/events",
        title: "Server-sent events",
        description: "Each event is the data of a message; `id` is `epoch:seq`.",
        parameters: { room: { description: "A room's name, percent-encoded." } },
        messages: refs(events, "#/components/messages"),
      },
      streams: {
        address: "/events",
        title: "Server-sent events of several rooms",
        description:
          "`room` and `after` of the query are repeated, one for each room. `id` lists " +
          "the cursors by comma, in the order of the rooms. A room that is refused gets an " +
          "`error` with `room`, and the stream goes on.",
        messages: refs(events, "#/components/messages"),
      },
    },
    operations: {
      receiveCommand: operation("receive", "socket", commands),
      sendEvent: operation("send", "socket", events),
      streamEvent: operation("send", "stream", events),
      streamEventOfRooms: operation("send", "streams", events),
    },
    components: {
      schemas: SCHEMAS,
      messages: Object.fromEntries(
        [...commands, ...events].map((name) => [name, { name, payload: reference(name) }]),
      ),
    },
  };
}

function operation(action: "receive" | "send", channel: string, names: readonly string[]): Schema {
  const $ref = `#/channels/${channel}`;
  return { action, channel: { $ref }, messages: Object.values(refs(names, `${$ref}/messages`)) };
}

function refs(names: readonly string[], where: string): Readonly<Record<string, Schema>> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `${where}/${name}` }]));
}
