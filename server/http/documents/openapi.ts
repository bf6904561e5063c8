/**
 * What can be done over plain HTTP, as an OpenAPI 3.1 document.
 *
 * @module
 */
import { MESSAGE_TYPES } from "../../protocol/events.ts";
import { NAME } from "../../protocol/names.ts";
import { REQUESTS } from "../../protocol/requests.ts";
import { REACTION, REF, reference, type Schema, SENDER_ID, SEQ } from "../../protocol/rules.ts";
import { MAX_PUBLICATION_BYTES } from "../../protocol/tables.ts";
import { DEFAULT_LIMIT, MAX_LIMIT } from "../../rooms/history.ts";
import { MAX_MEMBERS } from "../../rooms/members.ts";
import { MAX_ROOMS, MAX_SECONDS } from "../routes/get_events.ts";
import { nameOf, SCHEMAS } from "./schemas.ts";

/** What a user may show: nothing, or a token. */
const USERS: readonly Schema[] = [{}, { bearer: [] }, { token: [] }];
/** A user, or the application itself. */
const EVERYONE: readonly Schema[] = [...USERS, { apiKey: [] }];
/** The application itself, or a user with the right `manage` in the room. */
const MANAGERS: readonly Schema[] = [{ bearer: [] }, { token: [] }, { apiKey: [] }];
const MESSAGES = MESSAGE_TYPES.map((type) => nameOf(type, "Event"));

export function openApi(basePath = ""): Schema {
  return {
    openapi: "3.1.0",
    info: {
      title: "Parley",
      version: "1.0.0",
      description: "Rooms in real time, over plain HTTP.",
    },
    servers: [{ url: basePath || "/" }],
    security: USERS,
    paths: {
      "/hello": {
        post: {
          operationId: "hello",
          summary: "Who I am; without a token, somebody new",
          requestBody: { ...body("HelloRequest"), required: false },
          responses: {
            200: answer("The token to be the same person with", "WelcomeEvent"),
            ...problems(400, 401, 403, 408, 413, 415, 429, 503),
          },
        },
      },
      "/rooms": {
        get: {
          operationId: "listRooms",
          security: EVERYONE,
          summary: "The rooms that people are in, the fullest first",
          responses: { 200: answer("The rooms", "RoomList"), ...problems(401, 403, 429, 503) },
        },
      },
      "/me/rooms": {
        get: {
          operationId: "listMyRooms",
          summary: "The rooms where the user has read something, the newest last message first",
          responses: { 200: answer("The rooms", "MyRoomList"), ...problems(401, 403, 429, 503) },
        },
      },
      "/rooms/{room}/read": {
        parameters: [room()],
        post: {
          operationId: "postRead",
          summary: "Says that the user has seen the room up to a message",
          requestBody: body("ReadRequest"),
          responses: {
            200: answer("The mark, which may be higher already", "ReadEvent"),
            ...problems(400, 401, 403, 408, 413, 414, 415, 429, 503),
          },
        },
      },
      "/rooms/{room}/messages": {
        parameters: [room()],
        get: {
          operationId: "readMessages",
          security: EVERYONE,
          summary: "A page of history: the newest, or those after or before a message",
          parameters: [
            query("after", { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
            query("before", { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
            query("around", SEQ.schema, "This message, and those before and after it"),
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
          security: EVERYONE,
          summary: "Says something; answered when it is on disk",
          description: "A user sends a MessageRequest. With an API key the application sends a " +
            `PublicationRequest, of up to ${MAX_PUBLICATION_BYTES} bytes.`,
          requestBody: body("MessageRequest", "PublicationRequest"),
          responses: {
            200: answer("It was said before: the original", ...MESSAGES),
            201: answer("The message", ...MESSAGES),
            204: { description: "With an API key: an event that is not stored was sent" },
            ...problems(400, 401, 403, 408, 409, 413, 414, 415, 429, 503),
          },
        },
      },
      "/rooms/{room}/messages/{seq}": {
        parameters: [room(), message()],
        patch: {
          ...revision("editMessage", "Changes the text of a message: one's own, or with `manage`"),
          requestBody: body("EditRequest"),
        },
        delete: revision("deleteMessage", "Takes back a message: one's own, or with `manage`"),
      },
      "/rooms/{room}/messages/{seq}/reactions/{reaction}": {
        parameters: [room(), message(), reaction()],
        put: revision("react", "Adds a reaction to a message", reactor()),
        delete: revision("unreact", "Removes a reaction", reactor()),
      },
      "/publish": {
        post: {
          operationId: "publish",
          security: [{ apiKey: [] }],
          summary: "The application says the same in many rooms; answered when it is on disk",
          requestBody: body("PublishRequest"),
          responses: {
            200: answer("All rooms have it: the seq in each", "PublishResult"),
            204: { description: "An event that is not stored was sent" },
            207: answer("Some rooms have it; those with an `error` do not", "PublishResult"),
            ...problems(400, 401, 403, 408, 413, 415, 429),
          },
        },
      },
      "/backup": {
        get: {
          operationId: "backup",
          security: [{ apiKey: [] }],
          summary: "A copy of the database, complete and checked",
          responses: {
            200: {
              description: "The copy: a SQLite file",
              content: { "application/vnd.sqlite3": { schema: { type: "string" } } },
            },
            ...problems(401, 403, 409, 429, 501, 503, 507),
          },
        },
      },
      "/rooms/{room}/members": {
        parameters: [room()],
        get: {
          operationId: "listMembers",
          security: EVERYONE,
          summary: `The members of a room, at most ${MAX_MEMBERS} of them`,
          responses: {
            200: answer("The members", "MemberList"),
            ...problems(400, 401, 403, 414, 429, 503),
          },
        },
      },
      "/rooms/{room}/members/{id}": {
        parameters: [room(), user()],
        delete: takeBack("remove", "Ends the user's membership of the room", MANAGERS, [reason()]),
        get: {
          operationId: "readMember",
          security: EVERYONE,
          summary: "A member of a room, if the user with that id is one",
          responses: {
            200: answer("It is", "User"),
            ...problems(400, 401, 403, 404, 414, 429, 503),
          },
        },
      },
      "/rooms/{room}": {
        parameters: [room()],
        delete: takeBack("deleteRoom", "Deletes a room for good; its members start afresh", [{
          apiKey: [],
        }]),
      },
      "/users/{id}": {
        parameters: [user()],
        delete: takeBack("deleteUser", "Deletes a user for good, and all that the user has said", [{
          apiKey: [],
        }]),
      },
      "/users/{id}/messages": {
        parameters: [user()],
        delete: takeBack("deleteUserMessages", "Deletes for good what a user has said", [{
          apiKey: [],
        }]),
      },
      "/users/{id}/connections": {
        parameters: [user()],
        delete: takeBack(
          "disconnect",
          "Closes all connections of a user, who is told not to come back",
          [{ apiKey: [] }],
          [reason()],
        ),
      },
      ...sanctionPaths("ban", "bans"),
      ...sanctionPaths("mute", "mutes"),
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
          security: [{}],
          summary: "Whether the process lives",
          responses: { 200: { description: "It does" }, ...problems() },
        },
      },
      "/readyz": {
        get: {
          operationId: "readiness",
          security: [{}],
          summary: "Whether the server can store messages and is not about to stop",
          responses: {
            200: answer("It is ready for new clients", "Readiness"),
            503: answer("It is not, and why", "Readiness"),
            ...problems(),
          },
        },
      },
      "/metrics": {
        get: {
          operationId: "metrics",
          security: [{ apiKey: [] }],
          summary: "The metrics, as Prometheus reads them",
          responses: {
            200: {
              description: "The metrics, in the text format 0.0.4",
              content: { "text/plain": { schema: { type: "string" } } },
            },
            ...problems(401, 403, 429),
          },
        },
      },
      "/status/events": {
        get: {
          operationId: "statusEvents",
          security: [{ apiKey: [] }],
          summary: "What the page at /status draws: the last ten minutes, then a sample every 2 s",
          responses: {
            200: {
              description: "The stream",
              content: { "text/event-stream": { schema: { type: "string" } } },
            },
            ...problems(401, 403, 429, 503),
          },
        },
      },
    },
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "The token of a user." },
        apiKey: { type: "http", scheme: "bearer", description: "A key of the application itself." },
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

/** What is taken back, or given back. */
function takeBack(
  operationId: string,
  summary: string,
  security: readonly Schema[],
  parameters: readonly Schema[] = [],
): Schema {
  return {
    operationId,
    security,
    summary,
    ...(parameters.length > 0 && { parameters }),
    responses: { 204: { description: "It holds" }, ...problems(400, 401, 403, 414, 429, 503) },
  };
}

function sanctionPaths(verb: string, nouns: string): Readonly<Record<string, Schema>> {
  const put = takeBack(verb, `Puts a ${verb} on a user, for some seconds or for good`, MANAGERS);
  return {
    [`/rooms/{room}/${nouns}`]: {
      parameters: [room()],
      get: {
        operationId: `list${nouns[0]?.toUpperCase()}${nouns.slice(1)}`,
        security: MANAGERS,
        summary: `The ${nouns} of a room`,
        responses: {
          200: answer(`The ${nouns} that hold now`, "SanctionList"),
          ...problems(400, 401, 403, 414, 429, 503),
        },
      },
    },
    [`/rooms/{room}/${nouns}/{id}`]: {
      parameters: [room(), user()],
      put: {
        ...put,
        requestBody: { ...body("TermsRequest"), required: false },
        responses: {
          204: { description: "It holds" },
          ...problems(400, 401, 403, 408, 413, 414, 415, 429, 503),
        },
      },
      delete: takeBack(`un${verb}`, "It ends", MANAGERS),
    },
  };
}

/** What becomes of a message. */
function revision(operationId: string, summary: string, ...parameters: Schema[]): Schema {
  return {
    operationId,
    security: EVERYONE,
    summary,
    parameters: [...parameters, query("ref", REF.schema, "Names the revision, as in the command")],
    responses: {
      200: answer("The message as it is now", "Message"),
      ...problems(400, 401, 403, 404, 408, 409, 413, 414, 415, 429, 503),
    },
  };
}

function reason(): Schema {
  return query("payload", REQUESTS.reason.payload.schema, "Why, for the user");
}

function message(): Schema {
  return { name: "seq", in: "path", required: true, schema: SEQ.schema };
}

function reaction(): Schema {
  return { name: "reaction", in: "path", required: true, schema: REACTION.schema };
}

function reactor(): Schema {
  return query("from", SENDER_ID.schema, "With an API key: the id of the user who reacts");
}

function user(): Schema {
  return { name: "id", in: "path", required: true, schema: SENDER_ID.schema };
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

function body(...names: readonly string[]): Schema {
  return { required: true, ...jsonOf(names) };
}

function answer(description: string, ...names: readonly string[]): Schema {
  return { description, ...jsonOf(names) };
}

function jsonOf(names: readonly string[]): Schema {
  const [schema, ...others] = names.map(reference);
  const all = others.length === 0 ? schema : { anyOf: [schema, ...others] };
  return { content: { "application/json": { schema: all } } };
}

/** These refusals; and those of the Host, which every request may meet. */
function problems(...statuses: readonly number[]): Readonly<Record<number, Schema>> {
  const content = { "application/problem+json": { schema: reference("Problem") } };
  return Object.fromEntries(
    [400, 421, ...statuses].map((status) => [status, { description: "Refused", content }]),
  );
}
