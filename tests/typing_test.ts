/**
 * Who types, as the others in the room are told: a start at most once a second, and an end whenever
 * there is something to end, however it comes about.
 *
 * @module
 */
import type { Options } from "../server/mod.ts";
import { assertEquals } from "./support/assert.ts";
import { type Client, connect, member, serve, told } from "./support/harness.ts";
import { ask, bearer, tokenOf } from "./support/http.ts";
import { Stream } from "./support/stream.ts";
import { claimsOf, SECRET, tokenFor } from "./support/tokens.ts";

const type = (...payloads: boolean[]) => payloads.map((payload) => ({ type: "typing", payload }));

/** What of typing a client is told until now. */
async function heard(client: Client): Promise<boolean[]> {
  return (await told(client)).flatMap((event) => event.type === "typing" ? [event.payload] : []);
}

/** Waits until the server has done all that this client asked for, and answers what it was told. */
async function after(speaker: Client, listener: Client): Promise<boolean[]> {
  await told(speaker);
  return await heard(listener);
}

Deno.test("the others get the end of typing at once, even right after the start", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  await using alice = await member(server);
  alice.send(...type(true, false));
  assertEquals(await after(alice, bob), [true, false]);
});

Deno.test("the others get one start and one end when many come in quick succession", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  await using alice = await member(server);
  alice.send(...type(true, true, false, false, true, false, true, false, false));
  assertEquals(await after(alice, bob), [true, false]);
});

Deno.test("typing in one room does not limit typing in another", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  await using alice = await member(server);
  const typing = (room: string, payload: boolean) => ({ type: "typing", room, payload });
  for (const client of [bob, alice]) {
    client.send({ type: "join", room: "other" });
    await client.next("joined");
  }
  alice.send(typing("lobby", true), typing("other", true), typing("lobby", false));
  await told(alice);
  const events = (await told(bob)).filter((event) => event.type === "typing");
  assertEquals(events.map(({ room, payload }) => [room, payload]), [
    ["lobby", true],
    ["other", true],
    ["lobby", false],
  ]);
});

Deno.test("typing that began over WebSocket ends over HTTP, and the other way round", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  const { token } = await tokenOf(server, "Alice");
  await using alice = await connect(server, { protocol: "parley.v1" });
  alice.send({ type: "hello", token }, { type: "join" }, ...type(true));
  await bob.next("typing");
  const say = (payload: boolean) =>
    ask(server, "/rooms/lobby/typing", {
      method: "POST",
      body: { payload },
      headers: bearer(token),
    });
  assertEquals((await say(false)).status, 204);
  assertEquals((await bob.next("typing")).payload, false);
  await say(false);
  assertEquals(await heard(bob), []);
  alice.send({ type: "join", room: "other" });
  bob.send({ type: "join", room: "other" });
  await bob.next("joined");
  await ask(server, "/rooms/other/typing", {
    method: "POST",
    body: { payload: true },
    headers: bearer(token),
  });
  assertEquals((await bob.next("typing")).payload, true);
  alice.send({ type: "typing", room: "other", payload: false });
  assertEquals((await bob.next("typing")).payload, false);
});

Deno.test("a guest without a token can end what it typed over HTTP", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  for (const payload of [true, false]) {
    await ask(server, "/rooms/lobby/typing", { method: "POST", body: { payload } });
  }
  const start = await bob.next("typing");
  const end = await bob.next("typing");
  assertEquals([start.payload, end.payload, end.from.id], [true, false, start.from.id]);
});

Deno.test("users and rooms are told apart, also where their names have blanks", async () => {
  await using server = await serve({ jwtSecret: SECRET });
  await using bob = await member(server, { name: "Bob" });
  bob.send({ type: "join", room: "c" }, { type: "join", room: "b c" });
  await bob.take("joined", 2);
  for (const [sub, room] of [["a b", "c"], ["a", "b c"]] as const) {
    const headers = bearer(await tokenFor(claimsOf({ sub })));
    const path = `/rooms/${encodeURIComponent(room)}/typing`;
    await ask(server, path, { method: "POST", body: { payload: true }, headers });
    assertEquals((await bob.next("typing")).from.id, sub);
  }
});

/** How somebody who types goes away. */
const GOINGS: readonly (readonly [how: string, go: (client: Client) => Promise<void>])[] = [
  ["leaves the room", async (client) => {
    client.send({ type: "leave" });
    await told(client);
  }],
  ["is gone", (client) => client.close()],
];

for (const [how, go] of GOINGS) {
  Deno.test(`the others get the end of typing when the user ${how}, before the grace is over`, async () => {
    await using server = await serve({ graceSeconds: 3600 });
    await using bob = await member(server, { name: "Bob" });
    const alice = await member(server);
    alice.send(...type(true));
    const { from } = await bob.next("typing");
    await go(alice);
    const end = await bob.next("typing");
    assertEquals([end.payload, end.from], [false, from]);
    await alice.close();
  });
}

Deno.test("the others get the end of typing when the user becomes another with hello", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  const { token } = await tokenOf(server, "Carol");
  await using alice = await member(server);
  alice.send(...type(true));
  const { from } = await bob.next("typing");
  alice.send({ type: "hello", token });
  const end = await bob.next("typing");
  assertEquals([end.payload, end.from], [false, from]);
});

Deno.test("typing goes on when the user has another connection in the room", async () => {
  await using server = await serve({ graceSeconds: 0 });
  await using bob = await member(server, { name: "Bob" });
  const { token } = await tokenOf(server, "Alice");
  await using stream = await Stream.open(server, { query: { token } });
  const alice = await connect(server, { protocol: "parley.v1" });
  alice.send({ type: "hello", token }, { type: "join" }, ...type(true));
  await bob.next("typing");
  await alice.close();
  assertEquals(await heard(bob), []);
  await stream[Symbol.asyncDispose]();
  assertEquals((await bob.next("typing")).payload, false);
});

Deno.test("the others get no typing event when a user leaves who did not type", async () => {
  await using server = await serve({ graceSeconds: 0 });
  await using bob = await member(server, { name: "Bob" });
  const alice = await member(server);
  alice.send(...type(true, false));
  await alice.close();
  await bob.take("typing", 2);
  await bob.next("system", ({ kind }) => kind === "left");
  assertEquals(await heard(bob), []);
});

/** The limits that may refuse the end of typing, and how the client sends it. */
const LIMITED: readonly (readonly [what: string, options: Partial<Options>, isBatched: boolean])[] =
  [
    ["the user has no allowance left", { rate: 0.001, burst: 10 }, false],
    ["the address has no allowance left", { addressRate: 0.001, addressBurst: 60 }, false],
    ["an array is refused as a whole", { addressRate: 0.001, addressBurst: 60 }, true],
  ];

for (const [what, options, isBatched] of LIMITED) {
  Deno.test(`the others get the end of typing when ${what}`, async () => {
    await using server = await serve({ badCommands: 0, ...options });
    await using bob = await member(server, { name: "Bob" });
    const protocol = isBatched ? "parley.v1.batched" : "parley.v1";
    await using alice = await connect(server, { protocol });
    alice.send({ type: "hello" }, { type: "join" }, ...type(true));
    assertEquals((await bob.next("typing")).payload, true);
    alice.send(...Array.from({ length: 600 }, () => ({ type: "pong" }))); // cheaper than typing
    await alice.next("error", ({ code }) => code === "rate_limited");
    const ends = [...type(false, false), { type: "typing", room: "elsewhere", payload: false }];
    if (isBatched) alice.send(ends);
    else alice.send(...ends);
    assertEquals((await bob.next("typing")).payload, false);
  });
}
