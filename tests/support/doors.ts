/**
 * Every way into a room: the routes, and the commands in each kind of socket. `rights_test.ts` tries every
 * right at each of them, and fails when there is a new one without a row here.
 *
 * @module
 */
import { type Command, type Right, type Server, SUBPROTOCOLS } from "../../server/mod.ts";
import { assert } from "./assert.ts";
import { type Client, connect, told } from "./harness.ts";
import { bearer, JSON_TYPE } from "./http.ts";

/** In this room the owner talks. */
export const USED = "room-used";
/** This one was never heard of. Its name is as long, so that answers have the same length. */
export const UNKNOWN = "room-none";
/** Everybody may read and write here, unless guests may nothing at all. */
export const OPEN = "open";

/** Who is named in a path: nobody who is connected, so that nobody's right is in the way. */
const SOMEBODY = "somebody";

/** There is no such message: whoever may revise messages learns that, and nobody else. */
const NO_SEQ = 99;

/** Somebody who tries to get in. */
export interface Visitor {
  readonly server: Server;
  /** Without it, a guest. */
  readonly token: string | undefined;
}

type Needs = Right | "API key";
/** What a door needs, and what is sent there; nothing where it has nothing to do with a room. */
type Row<N, T> = readonly ["no room"] | readonly [N, ...T[]];

/** What may be sent over a socket, with the right that it needs. */
export const COMMAND_ROWS: { readonly [T in Command["type"]]: Row<Right, object> } = {
  hello: ["no room"],
  join: ["read", {}],
  leave: ["read", {}],
  chat: ["write", { payload: "x" }],
  custom: [
    "write",
    { name: "n", payload: 1 },
    { name: "n", payload: 1, durable: true },
    { name: "n", payload: 1, retain: true },
  ],
  edit: ["write", { seq: NO_SEQ, payload: "x" }],
  delete: ["write", { seq: NO_SEQ }],
  react: ["write", { seq: NO_SEQ, payload: "x" }, { seq: 1, payload: "x" }],
  typing: ["write", { payload: true }],
  read: ["read", { seq: 1 }],
  rename: ["no room"],
  pong: ["no room"],
};

/**
 * What may be requested, with the right that it needs, and the body if there is one. No right of a user
 * lets in where the API key of the application is needed.
 */
export const ROUTE_ROWS: Readonly<Record<string, Row<Needs, object>>> = {
  "GET /asyncapi.json": ["no room"],
  "GET /openapi.json": ["no room"],
  "POST /hello": ["no room"],
  "GET /rooms": ["read"],
  "GET /backup": ["API key"],
  "GET /me/rooms": ["no room"], // it has those where the user has read something: see marks_test.ts
  "POST /rooms/:room/read": ["read", { seq: 1 }],
  "GET /rooms/:room/messages": ["read"],
  "POST /rooms/:room/messages": ["write", { payload: "x" }],
  "PATCH /rooms/:room/messages/:seq": ["write", { payload: "x" }],
  "DELETE /rooms/:room/messages/:seq": ["write"],
  "PUT /rooms/:room/messages/:seq/reactions/:reaction": ["write"],
  "DELETE /rooms/:room/messages/:seq/reactions/:reaction": ["write"],
  "GET /rooms/:room/events": ["read"],
  "GET /events": ["read"],
  "POST /rooms/:room/typing": ["write", { payload: true }],
  "GET /rooms/:room/members": ["read"],
  "GET /rooms/:room/members/:id": ["read"],
  "DELETE /rooms/:room/members/:id": ["manage"],
  "GET /rooms/:room/bans": ["manage"],
  "PUT /rooms/:room/bans/:id": ["manage", { seconds: 60 }],
  "DELETE /rooms/:room/bans/:id": ["manage"],
  "GET /rooms/:room/mutes": ["manage"],
  "PUT /rooms/:room/mutes/:id": ["manage", {}],
  "DELETE /rooms/:room/mutes/:id": ["manage"],
  "DELETE /users/:id/connections": ["API key"],
  "DELETE /rooms/:room": ["API key"],
  "DELETE /users/:id": ["API key"],
  "DELETE /users/:id/messages": ["API key"],
  "GET /metrics": ["API key"],
  "GET /status/events": ["API key"],
  "POST /publish": ["API key", { rooms: [USED, UNKNOWN], payload: "x" }],
};

/** The subprotocols of the kinds of sockets; a plain one has none. */
const MODES = [undefined, ...Object.values(SUBPROTOCOLS)];

/** A way in. */
export interface Door {
  readonly name: string;
  readonly needs: Needs;
  /** Whether it adds a message to the log. */
  readonly stores: boolean;
  /** Tries it in a room, and returns the answer. */
  readonly knock: (world: Visitor, room: string) => Promise<Answer>;
}

/** What came of trying it. */
export interface Answer {
  readonly isRefused: boolean;
  /** Everything that came, as text. */
  readonly text: string;
}

function socketDoors(): Door[] {
  return MODES.flatMap((protocol) =>
    Object.entries(COMMAND_ROWS).flatMap(([type, [needs, ...examples]]) =>
      needs === "no room" ? [] : examples.map((fields) => ({
        name: `${protocol ?? "plain socket"}: ${type} ${JSON.stringify(fields)}`,
        needs,
        stores: type === "chat" || "durable" in fields,
        knock: ({ server, token }: Visitor, room: string) =>
          overSocket(server, token, protocol, { type, room, ...fields }),
      }))
    )
  );
}

/** Joins the room, which may be refused, and sends the command all the same. */
async function overSocket(
  server: Server,
  token: string | undefined,
  protocol: string | undefined,
  command: { readonly type: string; readonly room: string },
): Promise<Answer> {
  await using client = await enter(server, token, protocol, command.room);
  const isAnswered = () => client.pending.some(({ type }) => type === "joined" || type === "error");
  while (!isAnswered()) await client.arrival("an answer to the join");
  const knock = crypto.randomUUID(); // a `ref` is for one message
  client.send({ ...command, ref: knock });
  const events = (await told(client)).filter(({ type }) => type !== "welcome");
  const refusal = events.find((event) =>
    event.type === "error" && event.ref === knock && event.code !== "not_found"
  );
  if (refusal === undefined) {
    if (command.type === "join") assert(events.some(({ type }) => type === "joined"));
    return { isRefused: false, text: "" };
  }
  // Whoever may read has joined, and sees what all see. Whoever may not sees nothing but refusals.
  const hasJoined = events.some(({ type }) => type === "joined");
  const text = JSON.stringify(hasJoined ? refusal : events).replaceAll(knock, "knock");
  return { isRefused: true, text };
}

/** Opens a socket and asks to be let into a room: by the URL, or by `hello` and `join`. */
async function enter(
  server: Server,
  token: string | undefined,
  protocol: string | undefined,
  room: string,
): Promise<Client> {
  if (protocol === undefined) {
    const query = new URLSearchParams({ room, ...(token !== undefined && { token }) });
    return await connect(server, { path: `/?${query}` });
  }
  const client = await connect(server, { protocol });
  client.send({ type: "hello", ...(token !== undefined && { token }) }, { type: "join", room });
  return client;
}

function routeDoors(): Door[] {
  return Object.entries(ROUTE_ROWS).flatMap(([route, [needs, body]]) => {
    if (needs === "no room") return [];
    const [method = "", path = ""] = route.split(" ");
    const methods = method === "GET" ? ["GET", "HEAD"] : [method];
    return methods.map((method) => ({
      name: `${method} ${path}`,
      needs,
      stores: route === "POST /rooms/:room/messages",
      knock: (world: Visitor, room: string) => overHttp(world, method, path, room, body),
    }));
  }).filter(({ name }) => !BODILESS.includes(name));
}

/** These answer everybody alike: what they say is in the body, which HEAD leaves out. */
const BODILESS = ["HEAD /rooms", "HEAD /events"];

async function overHttp(
  { server, token }: Visitor,
  method: string,
  path: string,
  room: string,
  body: object | undefined,
): Promise<Answer> {
  const query = path === "/events" ? `?room=${room}&room=${OPEN}` : "";
  const response = await fetch(
    server.url + pathIn(path, room) + query,
    {
      method,
      headers: { ...(token !== undefined && bearer(token)), ...(body && JSON_TYPE) },
      ...(body && { body: JSON.stringify(body) }),
    },
  );
  const headers = [...response.headers].filter(([name]) => name !== "date").join("\n");
  const isStream = response.headers.get("content-type") === "text/event-stream";
  const text = isStream
    ? await linesAbout(room, response, path === "/events" ? OPEN : room)
    : await response.text();
  const isRefused = path === "/rooms"
    ? !text.includes(`"${room}"`)
    : path === "/events"
    ? text.includes('"type":"error"')
    : response.status === 401 || response.status === 403;
  assert(isRefused || response.ok || response.status === 404, `${response.status} ${text}`);
  return { isRefused, text: `${response.status}\n${headers}\n${text}` };
}

function pathIn(path: string, room: string): string {
  return path.replace(":room", room).replace(":id", SOMEBODY)
    .replace(":seq", String(NO_SEQ)).replace(":reaction", "x");
}

/** What a stream says of a room until its last one is joined or refused. */
async function linesAbout(room: string, { body }: Response, last: string): Promise<string> {
  let text = "";
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (text.includes(`"room":"${last}"`)) break;
  }
  return text.split("\n").filter((line) => line.includes(`"${room}"`)).join("\n");
}

/** All ways in that have to do with a room. */
export const DOORS: readonly Door[] = [...socketDoors(), ...routeDoors()];
