/**
 * Every right, given in every way, tried at every door. What is refused tells nothing: the answer for a
 * room in which people talk is, but for the name, the same to the byte as for one that never was.
 *
 * The doors are the routes, and the commands in each kind of socket. A new one fails a test here until it
 * has a row.
 *
 * @module
 */
import { includes, lesser } from "../server/access/rights.ts";
import { routesOf } from "../server/http/routes.ts";
import { type Hooks, type Options, type Right, RIGHTS } from "../server/mod.ts";
import { COMMANDS } from "../server/protocol/commands.ts";
import { assertEquals } from "./support/assert.ts";
import {
  COMMAND_ROWS,
  DOORS,
  OPEN,
  ROUTE_ROWS,
  UNKNOWN,
  USED,
  type Visitor,
} from "./support/doors.ts";
import { connect, member, serve, told, until } from "./support/harness.ts";
import { ask, bearer } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { Stream } from "./support/stream.ts";
import { claimsOf, SECRET, tokenFor } from "./support/tokens.ts";

/** How many messages the owner says. */
const SAID = 3;

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

interface Giver {
  readonly name: string;
  readonly rights: readonly Right[];
  readonly isGuest?: boolean;
  readonly options?: (right: Right) => Partial<Options>;
  readonly hooks?: (right: Right) => Hooks;
  /** Whether the user shows a signed token. Otherwise the application says the same itself. */
  readonly isSigned?: boolean;
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
    name: "a signed claim by pattern, the longest of several,",
    rights: RIGHTS,
    isSigned: true,
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
async function worldOf(giver: Giver, right: Right): Promise<Visitor & AsyncDisposable> {
  const hooks = giver.hooks?.(right) ?? {};
  const rooms = giver.claim?.(right);
  const options = { apiKeys: "k".repeat(32), jwtSecret: SECRET, ...giver.options?.(right) };
  const server = await serve(options, {
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
    token: giver.isGuest
      ? undefined
      : giver.isSigned
      ? await tokenFor(claimsOf({ sub: "user", rooms }))
      : "user",
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

      const held = giver.isGuest ? lesser(right, "write") : right; // `--guests` allows no more
      let stored = 0;
      for (const { name, needs, stores, knock } of DOORS) {
        const used = await knock(world, USED);
        const isRefused = needs === "API key" || !includes(held, needs);
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
