/**
 * The ban of a guest binds the guest's address too: whoever comes from there without an account stays out,
 * on every node, and nobody else does.
 *
 * @module
 */
import type { Hooks, Options, Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { type Client, connect, serve, until } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { faultProxy } from "./support/proxy.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { Directory } from "./support/sqlite_directory.ts";

const OPTIONS: Partial<Options> = { graceSeconds: 0.05, trustProxies: 1 };
/** `ada` is a user of the application; everybody else is a guest. */
const HOOKS: Hooks = {
  authenticate: ({ token }) => token === "ada" ? { id: "ada", name: "Ada" } : undefined,
};

function at(address: string): { readonly headers: Record<string, string> } {
  return { headers: { "x-forwarded-for": address } };
}

/** A guest from an address, in the lobby. */
async function guest(server: Server, address: string): Promise<Client & { readonly id: string }> {
  const client = await connect(server, { protocol: "parley.v1", ...at(address) });
  client.send({ type: "hello" }, { type: "join" });
  const { user } = await client.next("welcome");
  await client.next("joined");
  return Object.assign(client, { id: user.id });
}

/** Whether a new guest from an address is let in, by sockets and by requests alike. */
async function isLetIn(server: Server, address: string, token?: string): Promise<boolean> {
  await using client = await connect(server, { protocol: "parley.v1", ...at(address) });
  client.send({ type: "hello", ...(token !== undefined && { token }) }, { type: "join" });
  await until(
    () => client.pending.some(({ type }) => type === "joined" || type === "error"),
    "an answer to the join",
  );
  const isIn = client.pending.some(({ type }) => type === "joined");
  const headers = { ...at(address).headers, ...(token && { authorization: `Bearer ${token}` }) };
  const read = await ask(server, MESSAGES, { headers });
  const written = await ask(server, MESSAGES, { method: "POST", body: { payload: "x" }, headers });
  const statuses = [read.status, written.status];
  assertEquals(statuses, isIn ? [200, 201] : [403, 403], `${address}: ${isIn}`);
  return isIn;
}

const BANNED = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1:4711"];

Deno.test("a banned guest who comes back with a new token from the same address is refused", async () => {
  await using server = await serve(OPTIONS, HOOKS);
  await using bob = await guest(server, "192.0.2.1");
  await server.ban("lobby", bob.id);
  assertEquals((await bob.next("right")).right, "none");
  for (const address of BANNED) assertEquals(await isLetIn(server, address), false);
  assertEquals(await isLetIn(server, "192.0.2.2"), true);
  assertEquals(await isLetIn(server, "192.0.2.1", "ada"), true);
  const other = await ask(server, "/rooms/other/messages", at("192.0.2.1"));
  assertEquals(other.status, 200); // it is banned from one room
  await server.unban("lobby", bob.id);
  for (const address of BANNED) assertEquals(await isLetIn(server, address), true);
});

Deno.test("a shorter ban of another guest, or its end, does not let the address in", async () => {
  await using server = await serve(OPTIONS, HOOKS);
  await using bob = await guest(server, "192.0.2.1");
  await using carol = await guest(server, "192.0.2.1");
  await server.ban("lobby", bob.id);
  await server.ban("lobby", carol.id, { seconds: 60 });
  await server.unban("lobby", carol.id);
  assertEquals(await isLetIn(server, "192.0.2.1"), false);
  await server.unban("lobby", bob.id);
  assertEquals(await isLetIn(server, "192.0.2.1"), true);
});

Deno.test("an address does not stay banned if its guest is let in before the ban has reached it", async () => {
  await using server = await serve(OPTIONS, HOOKS);
  await using bob = await guest(server, "192.0.2.1");
  await Promise.all([server.ban("lobby", bob.id), server.unban("lobby", bob.id)]);
  assertEquals(await isLetIn(server, "192.0.2.1"), true);
});

Deno.test("of an IPv6 address, the ban binds the /64", async () => {
  await using server = await serve(OPTIONS);
  await using bob = await guest(server, "2001:db8::1");
  await server.ban("lobby", bob.id);
  assertEquals(await isLetIn(server, "2001:db8::ffff:2"), false);
  assertEquals(await isLetIn(server, "2001:db8:0:1::1"), true);
});

Deno.test("other guests of the banned address leave the room, and users of the application stay", async () => {
  await using server = await serve(OPTIONS, HOOKS);
  await using bob = await guest(server, "192.0.2.1");
  await using twin = await guest(server, "192.0.2.1");
  await using ada = await connect(server, { protocol: "parley.v1", ...at("192.0.2.1") });
  ada.send({ type: "hello", token: "ada" }, { type: "join" });
  await ada.next("joined");
  await server.ban("lobby", bob.id);
  for (const client of [bob, twin]) assertEquals((await client.next("right")).right, "none");
  ada.send({ type: "chat", payload: "still here" });
  assertEquals((await ada.next("chat")).payload, "still here");
});

Deno.test("the ban of a user of the application binds no address", async () => {
  await using server = await serve(OPTIONS, HOOKS);
  await using ada = await connect(server, { protocol: "parley.v1", ...at("192.0.2.1") });
  ada.send({ type: "hello", token: "ada" }, { type: "join" });
  await ada.next("joined");
  await server.ban("lobby", "ada");
  assertEquals((await ada.next("right")).right, "none");
  assertEquals(await isLetIn(server, "192.0.2.1"), true);
  assertEquals(await isLetIn(server, "192.0.2.1", "ada"), false);
});

Deno.test("the ban of an address ends with that of the guest, and after 24 hours", async () => {
  await using file = new Directory();
  await using server = await serve({ ...OPTIONS, db: file.file });
  await using bob = await guest(server, "192.0.2.1");
  await server.ban("lobby", bob.id, { seconds: 0.4 });
  assertEquals((await bob.next("right")).right, "none");
  await until(async () => (await ask(server, MESSAGES, at("192.0.2.1"))).status === 200, "its end");
  bob.send({ type: "join" });
  await bob.next("joined");
  const before = Date.now();
  await server.ban("lobby", bob.id);
  await bob.next("right");
  await server.stop();
  file.sql("CREATE TABLE copy AS SELECT * FROM sanctions WHERE subject LIKE 'address %'");
  await using broker = await file.open();
  const [address, ...more] = broker.sanctions().filter(({ subject }) =>
    subject.startsWith("address")
  );
  assert(address !== undefined && more.length === 0);
  const hours = (Number(address.until) - before) / 3_600_000;
  assert(hours > 23.9 && hours < 24.1, `${hours} hours`);
});

Deno.test("behind a proxy that is not believed, a ban does not shut everybody out", async () => {
  await using server = await serve({ ...OPTIONS, trustProxies: 0 });
  await using bob = await guest(server, "192.0.2.1"); // all of them are 127.0.0.1 to the server
  await server.ban("lobby", bob.id);
  assertEquals((await bob.next("right")).right, "none");
  assertEquals(await isLetIn(server, "192.0.2.2"), true);
});

Deno.test({
  name: "an address is banned where the guest is connected, and on all nodes",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    const options = { ...OPTIONS, redis: redis.url };
    await using a = await serve(options);
    await using b = await serve(options);
    await using bob = await guest(b, "192.0.2.1");
    await a.ban("lobby", bob.id);
    assertEquals((await bob.next("right")).right, "none");
    for (const node of [a, b]) {
      const isBanned = async () => (await ask(node, MESSAGES, at("192.0.2.1"))).status === 403;
      await until(isBanned, "the address to be banned");
      assertEquals(await isLetIn(node, "192.0.2.1"), false);
      assertEquals(await isLetIn(node, "192.0.2.2"), true);
    }
    await b.unban("lobby", bob.id);
    for (const node of [a, b]) {
      await until(
        async () => (await ask(node, MESSAGES, at("192.0.2.1"))).status === 200,
        "the end",
      );
    }
  },
});

Deno.test({
  name: "a node that was cut off from Redis carries out what was ordered, when it is back",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    await using proxy = faultProxy(redis.url);
    await using a = await serve({ ...OPTIONS, redis: redis.url });
    await using b = await serve({ ...OPTIONS, redis: proxy.url.replace("http", "redis") });
    await using banned = await guest(b, "192.0.2.1");
    await using muted = await guest(b, "192.0.2.2");
    await using removed = await guest(b, "192.0.2.3");
    await using freed = await guest(b, "192.0.2.4");
    await a.mute("lobby", freed.id);
    assertEquals((await freed.next("right")).right, "read");
    proxy.stall("down");
    await a.ban("lobby", banned.id);
    await a.mute("lobby", muted.id);
    await a.remove("lobby", removed.id);
    await a.unmute("lobby", freed.id);
    proxy.cut();
    proxy.flow();
    const rights = [banned, muted, removed, freed].map(async (client) =>
      (await client.next("right")).right
    );
    assertEquals(await Promise.all(rights), ["none", "read", "none", "write"]);
    const isBanned = async () => (await ask(b, MESSAGES, at("192.0.2.1"))).status === 403;
    await until(isBanned, "the address to be banned");
    assertEquals(await isLetIn(b, "192.0.2.3"), true);
  },
});
