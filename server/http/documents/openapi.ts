/**
 * What can be done over plain HTTP, as an OpenAPI 3.1 document.
 *
 * @module
 */
import { NAME } from "../../protocol/names.ts";
import { reference, type Schema } from "../../protocol/rules.ts";
import { DEFAULT_LIMIT, MAX_LIMIT } from "../routes/get_messages.ts";
import { MAX_ROOMS, MAX_SECONDS } from "../routes/get_events.ts";
import { SCHEMAS } from "./schemas.ts";

export function openApi(basePath = ""): Schema {
  return {
    openapi: "3.1.0",
    info: {
      title: "Parley",
      version: "1.0.0",
      description: "Rooms in real time, over plain HTTP.",
    },
    servers: [{ url: basePath || "/" }],
    security: [{}, { bearer: [] }, { token: [] }],
    paths: {
      "/hello": {
        post: {
          operationId: "hello",
          summary: "Who I am; without a token, somebody new",
          requestBody: body("HelloRequest"),
          responses: {
            200: answer("The token to be the same person with", "WelcomeEvent"),
            ...problems(400, 401, 403, 408, 413, 415, 429),
          },
        },
      },
      "/rooms": {
        get: {
          operationId: "listRooms",
          summary: "The rooms that people are in, the fullest first",
          responses: { 200: answer("The rooms", "RoomList"), ...problems(401, 403, 429) },
        },
      },
      "/rooms/{room}/messages": {
        parameters: [room()],
        get: {
          operationId: "readMessages",
          summary: "A page of history: the newest, or those after or before a message",
          parameters: [
            query("after", { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
            query("before", { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
            query("limit", {
              type: "integer",
              minimum: 1,
              maximum: MAX_LIMIT,
              default: DEFAULT_LIMIT,
            }),
          ],
          responses: { 200: answer("A page", "Page"), ...problems(400, 401, 403, 414, 429, 503) },
        },
        post: {
          operationId: "postMessage",
          summary: "Says something; answered when it is on disk",
          requestBody: body("MessageRequest"),
          responses: {
            200: answer("It was said before: the original", "ChatEvent"),
            201: answer("The message", "ChatEvent"),
            ...problems(400, 401, 403, 408, 409, 413, 414, 415, 429, 503),
          },
        },
      },
      "/rooms/{room}/typing": {
        parameters: [room()],
        post: {
          operationId: "postTyping",
          summary: "Says that somebody types, or stopped",
          requestBody: body("TypingRequest"),
          responses: {
            204: { description: "The others are told, of a start at most once a second" },
            ...problems(400, 401, 403, 408, 413, 414, 415, 429, 503),
          },
        },
      },
      "/rooms/{room}/events": {
        parameters: [room()],
        get: stream("streamEvents", "The room as server-sent events; /asyncapi.json says which", [
          query("after", { type: "string" }, "A cursor: the id of an event, epoch:seq"),
        ]),
      },
      "/events": {
        get: stream("streamRooms", "Several rooms as one stream; `id` lists their cursors", [
          query("room", list(NAME.schema), "The rooms; without one, the lobby"),
          query("after", list({ type: "string" }), "Their cursors, in that order; may be empty"),
        ]),
      },
      "/healthz": {
        get: {
          operationId: "health",
          summary: "Whether the server takes requests",
          responses: { 200: { description: "It does" }, ...problems(503) },
        },
      },
    },
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        token: { type: "apiKey", in: "query", name: "token" },
      },
    },
  };
}

function stream(operationId: string, summary: string, parameters: readonly Schema[]): Schema {
  return {
    operationId,
    summary,
    parameters: [
      ...parameters,
      query("name", NAME.schema, "What to be called"),
      query(
        "seconds",
        { type: "integer", minimum: 1, maximum: MAX_SECONDS },
        "Ends the stream after so long: for clients behind what holds a body back until its end",
      ),
      { name: "Last-Event-ID", in: "header", schema: { type: "string" } },
    ],
    responses: {
      200: {
        description: "The stream. To a browser's EventSource also what is refused for now: an " +
          "`error` event, and `retry` says when to come back",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      ...problems(400, 401, 403, 414, 429, 503),
    },
  };
}

function list(items: Schema): Schema {
  return { type: "array", items, maxItems: MAX_ROOMS };
}

function room(): Schema {
  return { name: "room", in: "path", required: true, schema: NAME.schema };
}

function query(name: string, schema: Schema, description?: string): Schema {
  return { name, in: "query", schema, ...(description !== undefined && { description }) };
}

function body(name: string): Schema {
  return { required: true, content: { "application/json": { schema: reference(name) } } };
}

function answer(description: string, name: string): Schema {
  return { description, content: { "application/json": { schema: reference(name) } } };
}

/** These refusals; and those of the Host, which every request may meet. */
function problems(...statuses: readonly number[]): Readonly<Record<number, Schema>> {
  const content = { "application/problem+json": { schema: reference("Problem") } };
  return Object.fromEntries(
    [400, 421, ...statuses].map((status) => [status, { description: "Refused", content }]),
  );
}
