/**
 * Every right, given in every way, tried at every door. What is refused tells nothing: the answer for a
 * room in which people talk is, but for the name, the same to the byte as for one that never was.
 *
 * The doors are the routes, and the commands in each kind of socket. A new one fails a test here until it
 * has a row.
 *
 * @module
 */
import { includes } from "../server/access/rights.ts";
import { routesOf } from "../server/http/routes.ts";
import {
  type Command,
  type Hooks,
  type Options,
  type Right,
  RIGHTS,
  type Server,
  SUBPROTOCOLS,
} from "../server/mod.ts";
import { COMMANDS } from "../server/protocol/commands.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { type Client, connect, member, serve, told, until } from "./support/harness.ts";
import { ask, bearer, JSON_TYPE } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { Stream } from "./support/stream.ts";

/** In this room the owner talks. */
const USED = "room-used";
/** This one was never heard of. Its name is as long, so that answers have the same length. */
const UNKNOWN = "room-none";
/** Everybody may read and write here, unless guests may nothing at all. */
const OPEN = "open";
const SAID = 3;
/** There is no such message: whoever may revise messages learns that, and nobody else. */
const NO_SEQ = 99;

type Needs = Right | "API key";
/** What a door needs, and what is sent there; nothing where it has nothing to do with a room. */
type Row<N, T> = readonly ["no room"] | readonly [N, ...T[]];

// Doors

/** What may be sent over a socket, with the right that it needs. */
const COMMAND_ROWS: { readonly [T in Command["type"]]: Row<Right, object> } = {
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
  rename: ["no room"],
  pong: ["no room"],
};

/**
 * What may be requested, with the right that it needs, and the body if there is one. No right of a user
 * lets in where the API key of the application is needed.
 */
const ROUTE_ROWS: Readonly<Record<string, Row<Needs, object>>> = {
  "GET /asyncapi.json": ["no room"],
  "GET /openapi.json": ["no room"],
  "POST /hello": ["no room"],
  "GET /rooms": ["read"],
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
  "DELETE /rooms/:room/members/:id": ["API key"],
  "PUT /rooms/:room/bans/:id": ["API key", { seconds: 60 }],
  "DELETE /rooms/:room/bans/:id": ["API key"],
  "PUT /rooms/:room/mutes/:id": ["API key", {}],
  "DELETE /rooms/:room/mutes/:id": ["API key"],
  "DELETE /users/:id/connections": ["API key"],
  "POST /publish": ["API key", { rooms: [USED, UNKNOWN], payload: "x" }],
};

/** The subprotocols of the kinds of sockets; a plain one has none. */
const MODES = [undefined, ...Object.values(SUBPROTOCOLS)];

interface Door {
  readonly name: string;
  readonly needs: Needs;
  /** Whether it adds a message to the log. */
  readonly stores: boolean;
  /** Tries it in a room, and returns the answer. */
  readonly knock: (world: World, room: string) => Promise<Answer>;
}

interface Answer {
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
        knock: ({ server, token }: World, room: string) =>
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
      knock: (world: World, room: string) => overHttp(world, method, path, room, body),
    }));
  }).filter(({ name }) => !BODILESS.includes(name));
}

/** These answer everybody alike: what they say is in the body, which HEAD leaves out. */
const BODILESS = ["HEAD /rooms", "HEAD /events"];

async function overHttp(
  { server, token }: World,
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
  return path.replace(":room", room).replace(":id", "owner")
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

const DOORS: readonly Door[] = [...socketDoors(), ...routeDoors()];

Deno.test("rights: every route and every command has a row", () => {
  const nothing = undefined as never; // a cast: the routes are listed, and none is called
  const routes = routesOf(nothing, nothing, "").flatMap(({ pattern, handlers }) =>
    [...handlers.keys()].filter((method) => method !== "HEAD")
      .map((method) => `${method} ${pattern.pathname}`)
  );
  assertEquals(Object.keys(ROUTE_ROWS).sort(), routes.sort());
  assertEquals(Object.keys(COMMAND_ROWS).sort(), Object.keys(COMMANDS).sort());
});

// Givers

/** A server on which somebody has a right. */
interface World {
  readonly server: Server;
  /** Whose the right is; without it, a guest's. */
  readonly token: string | undefined;
}

interface Giver {
  readonly name: string;
  readonly rights: readonly Right[];
  readonly isGuest?: boolean;
  readonly options?: (right: Right) => Partial<Options>;
  readonly hooks?: (right: Right) => Hooks;
  /** What the token of the user claims. */
  readonly claim?: (right: Right) => Record<string, Right>;
  readonly sanction?: "ban" | "mute";
}

const ROOMS = "room-*";

function mayManage(): Record<string, Right> {
  return { [ROOMS]: "manage" };
}

const GIVERS: readonly Giver[] = [
  {
    name: "authorize",
    rights: RIGHTS,
    hooks: (right) => ({ authorize: (_user, room) => room === OPEN ? undefined : right }),
  },
  {
    name: "authorize, which takes its time",
    rights: RIGHTS,
    hooks: (right) => ({
      authorize: async (_user, room) => {
        await Promise.resolve();
        return room === OPEN ? undefined : right;
      },
    }),
  },
  {
    name: "a claim by name",
    rights: RIGHTS,
    claim: (right) => ({ [USED]: right, [UNKNOWN]: right }),
  },
  {
    name: "a claim by pattern, the longest of several,",
    rights: RIGHTS,
    claim: (right) => ({ "*": "write", [ROOMS]: right, "r*": "read" }),
    hooks: () => ({ rules: [{ match: "*", everyone: "none" }] }), // the claim comes before rules
  },
  {
    name: "a rule for everyone",
    rights: RIGHTS,
    hooks: (right) => ({
      rules: [{ match: ROOMS, everyone: right }, { match: "*", everyone: "write" }],
    }),
  },
  {
    name: "a rule for everyone, to a guest,",
    rights: RIGHTS,
    isGuest: true,
    options: () => ({ guests: "write" }),
    hooks: (right) => ({ rules: [{ match: ROOMS, everyone: right }] }),
  },
  {
    name: "a rule for guests",
    rights: RIGHTS,
    isGuest: true,
    hooks: (right) => ({ rules: [{ match: ROOMS, everyone: "none", guests: right }] }),
  },
  {
    name: "--guests, below what a rule gives,",
    rights: ["none", "read"],
    isGuest: true,
    options: (right) => ({ guests: right === "none" ? "none" : "read" }),
    hooks: () => ({ rules: [{ match: ROOMS, everyone: "manage", guests: "manage" }] }),
  },
  { name: "the default", rights: ["write"] },
  { name: "a ban of one who may manage", rights: ["none"], sanction: "ban", claim: mayManage },
  { name: "a mute of one who may manage", rights: ["read"], sanction: "mute", claim: mayManage },
];

/** Where the owner talks in two rooms, and somebody else has the right in one of them. */
async function worldOf(giver: Giver, right: Right): Promise<World & AsyncDisposable> {
  const hooks = giver.hooks?.(right) ?? {};
  const rooms = giver.claim?.(right);
  const server = await serve({ apiKeys: "k".repeat(32), ...giver.options?.(right) }, {
    ...hooks,
    authenticate: ({ token }) => {
      if (token === "owner") return { id: "owner", rooms: { "*": "manage" } };
      return token === "user" ? { id: "user", ...(rooms && { rooms }) } : undefined;
    },
    ...(hooks.authorize && {
      authorize: (user, room) => user.id === "owner" ? "manage" : hooks.authorize?.(user, room),
    }),
  });
  if (giver.sanction !== undefined) {
    for (const room of [USED, UNKNOWN]) await server[giver.sanction](room, "user");
  }
  return {
    server,
    token: giver.isGuest ? undefined : "user",
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

for (const giver of GIVERS) {
  for (const right of giver.rights) {
    Deno.test(`rights: with "${right}" from ${giver.name} each door lets in who may enter, and tells others nothing`, async () => {
      await using world = await worldOf(giver, right);
      const { server } = world;
      await using owner = await connect(server, { protocol: "parley.v1" });
      owner.send({ type: "hello", token: "owner" });
      for (const room of [USED, OPEN]) owner.send({ type: "join", room });
      await owner.next("joined", ({ room }) => room === OPEN);
      for (let n = 0; n < SAID; n++) owner.send({ type: "chat", room: USED, payload: `${n}` });
      await owner.next("chat", ({ seq }) => seq === SAID);

      let stored = 0;
      for (const { name, needs, stores, knock } of DOORS) {
        const used = await knock(world, USED);
        const isRefused = needs === "API key" || !includes(right, needs);
        assertEquals(used.isRefused, isRefused, `${name}: ${used.text}`);
        if (!isRefused) {
          stored += stores ? 1 : 0;
          continue;
        }
        const unknown = await knock(world, UNKNOWN);
        assertEquals(used.text, unknown.text.replaceAll(UNKNOWN, USED), name);
      }
      const headers = bearer("owner");
      const headOf = async (room: string) =>
        (await ask(server, `/rooms/${room}/messages`, { headers })).json.head;
      await until(async () => await headOf(USED) === SAID + stored, "what was said to be stored");
      assertEquals(await headOf(UNKNOWN), 0);
      const heard = new Set(
        (await told(owner)).map((event) =>
          "room" in event && event.room === USED ? event.type : ""
        ),
      );
      heard.delete("");
      const others = right === "none"
        ? []
        : right === "read"
        ? ["system"]
        : ["chat", "custom", "revised", "system", "typing"];
      assertEquals([...heard].sort(), others);
    });
  }
}

Deno.test({
  name: "rights: over Redis, rooms that may not be read do not push others out of the list",
  ignore: WITHOUT_REDIS,
  async fn() {
    await using redis = await RedisProcess.start();
    const rules = [{ match: "hidden-*", everyone: "none" }] as const;
    await using server = await serve({ redis: redis.url }, { rules });
    await using _client = await member(server);
    const full = Array.from({ length: 1500 }, (_, n) => ["9", `hidden-${n}`]).flat();
    await redis.ask("ZADD", "parley:rooms", ...full);
    const listed = async () => (await ask(server, "/rooms")).json.rooms;
    await until(async () => (await listed()).length > 0, "the lobby to be listed");
    assertEquals(await listed(), [{ name: "lobby", memberCount: 1 }]);
  },
});

Deno.test("rights: the guest of an event stream is the one whose right the application was asked for", async () => {
  const asked: string[] = [];
  await using server = await serve({}, {
    authorize: ({ id }) => {
      asked.push(id);
      return "read";
    },
  });
  await using stream = await Stream.open(server);
  const { user } = await stream.next("welcome");
  assertEquals(asked, [user.id]);
});
