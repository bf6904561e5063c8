/**
 * People: who comes and goes, by which name, and how one is known again.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "./support/assert.ts";
import { connect, member, serve, told, until } from "./support/harness.ts";

Deno.test("memberCount counts users, not connections", async () => {
  await using server = await serve({ graceSeconds: 0 });
  await using bob = await member(server, { name: "Bob" });
  const first = await member(server, { name: "Alice" });
  await bob.next("system", ({ kind }) => kind === "joined");
  first.send({ type: "hello" });
  const { token, user } = await first.next("welcome");
  const second = await connect(server, { protocol: "parley.v1" });
  second.send({ type: "hello", token }, { type: "join" });
  const joined = await second.next("joined");
  assertEquals(joined.memberCount, 2);
  await first.close();
  second.send({ type: "chat", payload: "still here" });
  assertEquals((await bob.next("chat")).from, user);
  await second.close();
  const left = await bob.next("system");
  assertEquals([left.kind, left.user], ["left", user]);
});

Deno.test("a user who reloads within the grace period is not announced", async () => {
  await using server = await serve({ graceSeconds: 3600 });
  await using bob = await member(server, { name: "Bob" });
  const tab = await connect(server, { protocol: "parley.v1" });
  tab.send({ type: "hello", name: "Alice" }, { type: "join" });
  const { token } = await tab.next("welcome");
  await bob.next("system", ({ kind }) => kind === "joined");
  await tab.close();
  await using again = await connect(server, { protocol: "parley.v1" });
  again.send({ type: "hello", token }, { type: "join" }, { type: "chat", payload: "back" });
  await until(() => bob.pending.some(({ type }) => type === "chat"), "the message");
  const [first] = bob.pending; // and no notice before it
  assert(first?.type === "chat" && first.payload === "back" && first.from.name === "Alice");
});

Deno.test("a user who sends leave is announced at once", async () => {
  await using server = await serve({ graceSeconds: 3600 });
  await using bob = await member(server, { name: "Bob" });
  await using alice = await member(server, { name: "Alice" });
  alice.send({ type: "leave", room: "lobby" });
  assertEquals((await bob.next("system", ({ kind }) => kind === "left")).memberCount, 1);
});

Deno.test("rename changes the name in all rooms and on all connections", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob", room: "a" });
  bob.send({ type: "join", room: "b" });
  await bob.next("joined");
  await using tab = await connect(server, { protocol: "parley.v1" });
  tab.send({ type: "hello", name: "Alice" }, { type: "join", room: "a" });
  const { token } = await tab.next("welcome");
  await using other = await connect(server, { protocol: "parley.v1" });
  other.send({ type: "hello", token }, { type: "join", room: "b" });
  await other.next("joined");
  tab.send({ type: "rename", name: "Carol" });
  const [first, second] = [
    await bob.next("system", ({ kind }) => kind === "renamed"),
    await bob.next("system", ({ kind }) => kind === "renamed"),
  ];
  assertEquals([first.room, second.room].toSorted(), ["a", "b"]);
  other.send({ type: "chat", room: "b", payload: "x" });
  assertEquals((await bob.next("chat")).from.name, "Carol");
});

Deno.test("a room of more than 200 members gets counts in place of names", async () => {
  await using server = await serve({ graceSeconds: 0 });
  const crowd = await Promise.all(
    Array.from({ length: 201 }, (_, index) => member(server, { name: `N${index}` })),
  );
  const [first] = crowd;
  assert(first !== undefined);
  const count = await first.next("system", ({ kind }) => kind === "count");
  assert(count.memberCount > 200 && count.user === undefined);
  assertEquals(count.payload, `${count.memberCount} people are here.`);
  await using last = await member(server, { name: "Last" });
  last.send({ type: "join" });
  const joined = await last.next("joined");
  assertEquals([joined.members.length, joined.memberCount], [100, 202]);
  await first.next("system", ({ memberCount }) => memberCount === 202);
  await Promise.all(crowd.map((client) => client.close()));
});

Deno.test("typing reaches the others, at most once a second for each user", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  await using alice = await member(server, { name: "Alice" });
  for (let i = 0; i < 5; i++) alice.send({ type: "typing", payload: i % 2 === 0 });
  alice.send({ type: "chat", payload: "done" });
  await alice.next("chat");
  const typed = (await told(bob)).filter(({ type }) => type === "typing");
  assert(typed.length >= 1 && typed.length < 5);
  const [first] = typed;
  assert(first?.type === "typing");
  assertEquals([first.from.name, first.payload], ["Alice", true]);
  assert(!alice.frames.some((frame) => frame.includes('"typing"')));
});

Deno.test("hello with a token keeps the user's id, over a restart too", async () => {
  const path = await Deno.makeTempDir();
  const db = `${path}/parley.db`;
  const helloWith = async (token?: string) => {
    await using server = await serve({ db });
    await using client = await connect(server, { protocol: "parley.v1" });
    client.send({ type: "hello", ...(token !== undefined && { token }) });
    return await client.next("welcome");
  };
  const first = await helloWith();
  assertEquals((await helloWith(first.token)).user.id, first.user.id);
  assertNotEquals((await helloWith()).user.id, first.user.id);
  await Deno.remove(path, { recursive: true });
});

Deno.test("hello with a token of another server is unauthorized and changes nothing", async () => {
  await using server = await serve();
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "hello", name: "Ann" });
  const { user, token } = await client.next("welcome");
  const [id = "", signature = ""] = token.split(".");
  const forged = [
    `${"0".repeat(id.length)}.${signature}`,
    `${id}.${signature.slice(1)}`,
    `${id}.`,
    `.${signature}`,
    id,
    "a",
  ];
  for (const token of forged) {
    client.send({ type: "hello", name: "Mallory", token });
    const error = await client.next("error");
    assertEquals([error.code, error.field], ["unauthorized", "token"]);
  }
  client.send({ type: "hello" });
  assertEquals((await client.next("welcome")).user, user);
});

Deno.test("hello with a token makes one member of two when the user is in the room already", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  await using tab = await connect(server, { protocol: "parley.v1" });
  tab.send({ type: "hello", name: "Alice" }, { type: "join" });
  const { token, user } = await tab.next("welcome");
  await using guest = await member(server, { name: "Guest" });
  guest.send({ type: "hello", token }, { type: "chat", payload: "me again" });
  assertEquals((await bob.next("system", ({ kind }) => kind === "left")).user?.name, "Guest");
  assertEquals((await bob.next("chat")).from, user);
  guest.send({ type: "join" });
  const joined = await guest.next("joined", ({ memberCount }) => memberCount === 2);
  assertEquals(joined.members.map(({ name }) => name).toSorted(), ["Alice", "Bob"]);
});
