/**
 * A client without WebSocket that is in many rooms: one stream carries them, nothing is lost or doubled
 * when others are entered, and each refusal says which room and why.
 *
 * @module
 */
import type { ChatEvent, ErrorEvent } from "../server/protocol/messages.ts";
import { Client, ClientError } from "../static/client/mod.ts";
import { type FallbackOptions, withFallback } from "../static/client/fallback.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { browserTest } from "./support/browser.ts";
import { GatewayProxy } from "./support/gateway_proxy.ts";
import { type Client as Member, member, patiently, serve, until } from "./support/harness.ts";
import { Stream } from "./support/stream.ts";

const SHORT_TIMES = { webSocketTimeoutMs: 300, webSocketRetryMs: 60_000 };

/** A client that notes what it is told. */
function talker(url: string, how: FallbackOptions = SHORT_TIMES) {
  const client = new Client(`${url}/ws`, {
    name: "Ada",
    backoffMs: { min: 10, max: 100 },
    transport: (address, handlers) => withFallback(how, address, handlers),
  });
  const seen: ChatEvent[] = [];
  const errors: ErrorEvent[] = [];
  client.addEventListener("chat", ({ detail }) => void seen.push(detail));
  client.addEventListener("error", ({ detail }) => void errors.push(detail));
  return { client, seen, errors, [Symbol.dispose]: () => client.close() };
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `room ${n}`);
const streams = ({ asked }: GatewayProxy) => asked.filter((path) => path.includes("/events?"));

/** Bob, in all of them. */
async function bobIn(server: { readonly url: string }, rooms: readonly string[]): Promise<Member> {
  const bob = await member(server, { name: "Bob", protocol: "parley.v1.batched" });
  for (const room of rooms) bob.send({ type: "join", room });
  for (const room of rooms) await bob.next("joined", (event) => event.room === room);
  return bob;
}

Deno.test("without WebSocket one stream carries all of a client's rooms, and 20 are not the end", async () => {
  await using server = await serve();
  await using proxy = new GatewayProxy(server.url);
  const rooms = names(25);
  await using bob = await bobIn(server, rooms);
  using ada = talker(proxy.url);
  await patiently(
    Promise.all(rooms.slice(0, 7).map((room) => ada.client.join(room))),
    "seven rooms",
  );
  assertEquals([streams(proxy).length, server.connectionCount], [1, 2]);
  await patiently(Promise.all(rooms.map((room) => ada.client.join(room))), "all rooms");
  await until(() => server.connectionCount === 3, "two streams and Bob");
  for (const room of rooms) bob.send({ type: "chat", room, payload: `in ${room}` });
  await until(() => ada.seen.length >= rooms.length, "a message of each");
  assertEquals(ada.seen.map(({ room }) => room).toSorted(), rooms.toSorted());
  const { from } = await patiently(ada.client.send("room 24", "me too"), "the message");
  assertEquals(from, ada.client.user);
  assertEquals(ada.errors, []);
});

Deno.test("rooms are entered and left over HTTP while people talk: nothing is lost or doubled", async () => {
  await using server = await serve();
  await using proxy = new GatewayProxy(server.url);
  const rooms = names(12);
  await using bob = await bobIn(server, rooms);
  using ada = talker(proxy.url);
  const recovered: boolean[] = [];
  ada.client.addEventListener("joined", ({ detail }) => {
    if (detail.room === "room 0") recovered.push(detail.recovered);
  });
  await patiently(ada.client.join("room 0"), "the first room");
  let said = 0;
  const talk = (count: number) => {
    for (let n = 0; n < count; n++) {
      bob.send({ type: "chat", room: "room 0", payload: String(++said) });
    }
  };
  for (const room of rooms.slice(1)) {
    talk(20);
    await patiently(ada.client.join(room), room);
    talk(20);
    if (room.endsWith("5")) ada.client.leave("room 3");
  }
  const heard = () => ada.seen.filter(({ room }) => room === "room 0");
  await until(() => heard().length >= said, "all messages");
  assertEquals(heard().map(({ seq }) => seq), Array.from({ length: said }, (_, n) => n + 1));
  assertEquals([recovered[0], recovered.slice(1).includes(false)], [false, false]);
});

Deno.test("over HTTP each refused room is told of by its own code, and the others are entered", async () => {
  await using server = await serve(
    { maxMembersPerRoom: 1 },
    { authorize: (_, room) => room === "secret" ? "none" : "write" },
  );
  await using proxy = new GatewayProxy(server.url);
  await using _bob = await bobIn(server, ["full"]);
  using ada = talker(proxy.url);
  ada.client.join("full").catch(() => {});
  const forbidden = assertRejects(() => patiently(ada.client.join("secret"), "no"), ClientError);
  await patiently(ada.client.join("open"), "the open room");
  assertEquals((await forbidden).code, "forbidden");
  await until(() => ada.errors.length === 2, "both refusals");
  const told = ada.errors.map(({ room, code }) => `${room}: ${code}`).toSorted();
  assertEquals(told, ["full: room_full", "secret: forbidden"]);
  assertEquals((await patiently(ada.client.send("open", "hi"), "the message")).seq, 1);
});

Deno.test("over HTTP a client beyond its network's connections is told so, and let in later", async () => {
  await using server = await serve({ maxConnectionsPerAddress: 1 });
  await using proxy = new GatewayProxy(server.url);
  using ada = talker(proxy.url);
  let entered: Promise<unknown>;
  {
    await using _bob = await Stream.open(server);
    entered = ada.client.join("lobby");
    await until(() => ada.errors.length > 0, "the refusal");
    assertEquals(ada.errors.map(({ room, code, field }) => [room, code, field]), [
      ["lobby", "rate_limited", "address"],
    ]);
    assertEquals(ada.client.state.status, "open");
  }
  await patiently(entered, "the room");
});

Deno.test("a client chats though responses are held back until they end", async () => {
  await using server = await serve();
  await using proxy = new GatewayProxy(server.url);
  proxy.holdsBack = true;
  await using bob = await bobIn(server, ["a", "b"]);
  using ada = talker(proxy.url, { ...SHORT_TIMES, streamTimeoutMs: 300 });
  await patiently(Promise.all([ada.client.join("a"), ada.client.join("b")]), "the rooms");
  const stored = await patiently(ada.client.send("a", "through"), "the message");
  assertEquals((await bob.next("chat")).seq, stored.seq);
  for (let n = 0; n < 30; n++) bob.send({ type: "chat", room: "b", payload: String(n) });
  const inB = () => ada.seen.filter(({ room }) => room === "b").map(({ payload }) => payload);
  await until(() => inB().length >= 30, "what Bob said");
  bob.send({ type: "chat", room: "b", payload: "30" });
  await until(() => inB().length >= 31, "what came in a later stream");
  assertEquals(inB(), Array.from({ length: 31 }, (_, n) => String(n)));
  assertEquals(ada.client.state, { status: "open" });
});

browserTest("each refusal has its own sentence, without WebSocket", async (chrome) => {
  for (
    const [limit, locale, sentence] of [
      ["maxConnectionsPerAddress", "en-GB", "too many connections from your network"],
      ["maxConnectionsPerAddress", "zh-CN", "来自你所在网络的连接太多"],
      ["maxConnections", "en-GB", "The server is full."],
      ["maxConnections", "zh-CN", "服务器已满"],
    ] as const
  ) {
    await using server = await serve({ [limit]: 1 });
    await using proxy = new GatewayProxy(server.url);
    await using _bob = await Stream.open(server);
    const page = await chrome.open(proxy.url, { locale });
    await page.locator("#toast", { hasText: sentence }).waitFor();
    await page.context().close();
  }
});

browserTest(
  "it chats within 15 s though WebSocket is blocked and responses are held back",
  async (chrome) => {
    await using server = await serve();
    await using proxy = new GatewayProxy(server.url);
    proxy.holdsBack = true;
    await using bob = await member(server, { name: "Bob" });
    const began = performance.now();
    const page = await chrome.open(proxy.url);
    const loadMs = performance.now() - began; // a slow machine is slow at all of it
    await page.locator("#say").fill("is this thing on?");
    await page.locator("#say").press("Enter");
    await bob.next("chat");
    bob.send({ type: "chat", payload: "it is" });
    await page.locator(".list .line > .text", { hasText: "it is" }).waitFor();
    assert(performance.now() - began < 15_000 + 10 * loadMs, "it took too long");
  },
);
