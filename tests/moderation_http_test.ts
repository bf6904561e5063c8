/**
 * Taking back over HTTP: the rows of the application with its API key, what they refuse, and the same
 * refusals in process.
 *
 * @module
 */
import { Refusal, type Server } from "../server/mod.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { type Client, connect, member, serve, told, until } from "./support/harness.ts";
import { ask, bearer, MESSAGES } from "./support/http.ts";
import { RawSocket } from "./support/raw_socket.ts";

const KEY = "k".repeat(32);
const OPTIONS = { apiKeys: KEY, graceSeconds: 0.05 };

function order(server: Server, method: string, path: string, body?: unknown, key = KEY) {
  return ask(server, path, { method, body, headers: bearer(key) });
}

/** A guest in the lobby. */
async function guest(server: Server): Promise<Client & { readonly id: string; token: string }> {
  const client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "hello" }, { type: "join" });
  const { user: { id }, token = "" } = await client.next("welcome");
  await client.next("joined");
  return Object.assign(client, { id, token });
}

Deno.test("PUT and DELETE of a mute and a ban, with and without a body", async () => {
  await using server = await serve(OPTIONS);
  await using bob = await guest(server);
  const [mute, ban] = ["mutes", "bans"].map((what) => `/rooms/lobby/${what}/${bob.id}`);
  assert(mute !== undefined && ban !== undefined);
  const rightOf = async () => {
    const { right, payload, seconds } = await bob.next("right");
    return [right, payload, seconds];
  };
  assertEquals((await order(server, "PUT", mute)).status, 204);
  assertEquals(await rightOf(), ["read", undefined, undefined]);
  assertEquals((await order(server, "PUT", mute, { seconds: 60 })).status, 204);
  assertEquals((await order(server, "DELETE", mute)).status, 204);
  assertEquals(await rightOf(), ["write", undefined, undefined]);
  assertEquals((await order(server, "PUT", ban, { seconds: 60, payload: "Out." })).status, 204);
  assertEquals(await rightOf(), ["none", "Out.", 60]);
  assertEquals((await ask(server, MESSAGES, { headers: bearer(bob.token) })).status, 403);
  for (let i = 0; i < 2; i++) assertEquals((await order(server, "DELETE", ban)).status, 204);
  assertEquals((await ask(server, MESSAGES, { headers: bearer(bob.token) })).status, 200);
});

Deno.test("GET of the bans and mutes lists those that hold now, and who has imposed them", async () => {
  const mia = { id: "mia", rooms: { lobby: "manage" } } as const;
  await using server = await serve(OPTIONS, {
    authenticate: ({ token }) => token === "mia" ? mia : undefined,
  });
  await using bob = await guest(server);
  const listed = async (what: string, key = KEY) => {
    const { status, json } = await order(server, "GET", `/rooms/lobby/${what}`, undefined, key);
    assertEquals(status, 200);
    assert("room" in json && json.room === "lobby" && "users" in json);
    return json.users;
  };
  assertEquals([await listed("bans"), await listed("mutes")], [[], []]);
  const before = Date.now();
  const [id, short] = [bob.id, { seconds: 0.02 }];
  for (
    const [path, body, key] of [
      [`bans/${id}`, undefined, KEY], // and bans the address of the guest, which is not listed
      [`mutes/${id}`, { seconds: 60 }, KEY],
      [`mutes/${id}`, undefined, "mia"],
      ["mutes/ada", short, KEY],
      ["mutes/zoe", undefined, KEY],
    ] as const
  ) assertEquals((await order(server, "PUT", `/rooms/lobby/${path}`, body, key)).status, 204);
  await order(server, "PUT", "/rooms/other/bans/zoe");
  await order(server, "DELETE", "/rooms/lobby/mutes/zoe");
  for (const key of [KEY, "mia"]) {
    assertEquals(await listed("bans", key), [{ id, by: "application" }]);
  }
  await until(async () => !JSON.stringify(await listed("mutes")).includes("ada"), "the end");
  const [first, ...others] = await listed("mutes") as Record<string, unknown>[];
  assert(first !== undefined && Number(first.until) >= before + 60_000);
  assertEquals(first, { id, by: "application", until: first.until });
  assertEquals(others, [{ id, by: "managers" }]);
});

Deno.test("PUT of a ban without a body may come without its length, as curl sends it", async () => {
  await using server = await serve(OPTIONS);
  const ban = async (headers: Record<string, string | null>, body?: string) => {
    const request = { method: "PUT", path: "/rooms/lobby/bans/bob", ...(body && { body }) };
    const own = { ...bearer(KEY), upgrade: null, connection: "close", ...headers };
    using socket = await RawSocket.dial(server);
    return (await socket.request(server, { ...request, headers: own })).status;
  };
  assertEquals(await ban({}), 204);
  assertEquals(await ban({ "content-type": "application/json", "content-length": "0" }), 204);
  // What has a body but no type is not taken for a ban for good.
  assertEquals(await ban({ "content-length": "14" }, '{"seconds":60}'), 415);
});

Deno.test("DELETE of a member and of a user's connections, with and without a reason", async () => {
  await using server = await serve(OPTIONS);
  await using bob = await guest(server);
  const membership = `/rooms/lobby/members/${bob.id}`;
  const why = `?payload=${encodeURIComponent("Enough, “Bob”.")}`;
  assertEquals((await order(server, "DELETE", membership + why)).status, 204);
  const { right, payload } = await bob.next("right");
  assertEquals([right, payload], ["none", "Enough, “Bob”."]);
  assertEquals((await order(server, "DELETE", membership)).status, 204); // gone already
  assertEquals((await order(server, "DELETE", `/users/${bob.id}/connections`)).status, 204);
  assertEquals((await bob.next("error")).code, "forbidden");
  assertEquals((await bob.closed).code, 3003);
  assertEquals((await order(server, "DELETE", `/users/nobody/connections${why}`)).status, 204);
});

Deno.test("a user whose id has strange characters can be banned", async () => {
  const id = "a/b c?é%";
  await using server = await serve(OPTIONS, {
    authenticate: ({ token }) => token === "x" ? { id, name: "X" } : undefined,
  });
  const headers = bearer("x");
  assertEquals((await ask(server, MESSAGES, { headers })).status, 200);
  const path = `/rooms/lobby/bans/${encodeURIComponent(id)}`;
  assertEquals((await order(server, "PUT", path)).status, 204);
  assertEquals((await ask(server, MESSAGES, { headers })).status, 403);
});

const PATHS = [
  ["DELETE", "/rooms/lobby/members/x"],
  ["DELETE", "/users/x/connections"],
  ["PUT", "/rooms/lobby/bans/x"],
  ["DELETE", "/rooms/lobby/bans/x"],
  ["GET", "/rooms/lobby/bans"],
  ["GET", "/rooms/lobby/mutes"],
  ["PUT", "/rooms/lobby/mutes/x"],
  ["DELETE", "/rooms/lobby/mutes/x"],
] as const;

for (const [method, path] of PATHS) {
  Deno.test(`${method} ${path} is for the application and for managers, and changes nothing for others`, async () => {
    await using server = await serve(OPTIONS, {
      authenticate: ({ token }) => token === "x" ? { id: "x" } : undefined,
    });
    await using x = await member(server, { path: "/ws?token=x" });
    const { status: refused } = await order(server, method, path, undefined, "x");
    assertEquals(refused, path.startsWith("/rooms/") ? 403 : 401);
    for (const key of [KEY + "x", KEY.toUpperCase()]) {
      const { status, json } = await order(server, method, path, undefined, key);
      assertEquals([status, json.code], [401, "unauthorized"], key);
    }
    assertEquals((await ask(server, path, { method })).status, 401);
    assertEquals((await told(x)).filter(({ type }) => type === "right"), []);
    const wrong = await order(server, "PATCH", path);
    assertEquals([wrong.status, wrong.headers.get("allow")?.includes(method)], [405, true]);
  });
}

/** Bodies of `PUT` that are refused, and the field that is named. */
const BODIES: readonly (readonly [body: unknown, status: number, field?: string])[] = [
  [{ seconds: 0 }, 400, "seconds"],
  [{ seconds: -1 }, 400, "seconds"],
  [{ seconds: "60" }, 400, "seconds"],
  [{ seconds: 1e11 }, 400, "seconds"],
  [{ seconds: null }, 400, "seconds"],
  [{ payload: "" }, 400, "payload"],
  [{ payload: "x".repeat(1025) }, 400, "payload"],
  [{ payload: "a\0" }, 400, "payload"],
  [{ payload: 7 }, 400, "payload"],
  [{ until: 1 }, 400, "until"],
  [[], 400],
  ["{", 400],
];

Deno.test("what does not fit is refused by name, over HTTP and in process, and nothing is stored", async () => {
  await using server = await serve(OPTIONS);
  await using bob = await guest(server);
  for (const [body, status, field] of BODIES) {
    const answer = await order(server, "PUT", `/rooms/lobby/bans/${bob.id}`, body);
    assertEquals([answer.status, answer.json.field], [status, field], JSON.stringify(body));
    if (field === undefined) continue;
    const { field: named } = await assertRejects(
      () => server.ban("lobby", bob.id, body as { seconds: number }), // a cast: that is the test
      Refusal,
    );
    assertEquals(named, field);
  }
  const long = `?payload=${"x".repeat(1025)}`;
  assertEquals((await order(server, "DELETE", `/users/${bob.id}/connections${long}`)).status, 400);
  const inProcess = [
    ["room", () => server.ban("", bob.id)],
    ["userId", () => server.mute("lobby", "")],
    ["userId", () => server.disconnect("x".repeat(129))],
    ["userId", () => server.refresh("a\nb")],
    ["payload", () => server.remove("lobby", bob.id, { payload: "" })],
    // A cast: without types this would be a ban for good.
    ["terms", () => server.ban("lobby", bob.id, 60 as unknown as { seconds: number })],
  ] as const;
  for (const [field, act] of inProcess) {
    assertEquals((await assertRejects(act, Refusal)).field, field);
  }
  assertEquals((await order(server, "PUT", "/rooms/lobby/bans/a%0Ab")).status, 400);
  assertEquals((await told(bob)).filter(({ type }) => type !== "system"), []);
});

Deno.test("an order that cannot be stored is refused, and nobody is told", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using bob = await guest(server);
  broker.failing.add("order");
  const { code, retryAfterMs } = await assertRejects(() => server.ban("lobby", bob.id), Refusal);
  assertEquals(code, "unavailable");
  assert(retryAfterMs !== undefined);
  assertEquals(await told(bob), []);
  broker.failing.delete("order");
  await server.ban("lobby", bob.id);
  assertEquals((await bob.next("right")).right, "none");
});
