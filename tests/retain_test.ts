/**
 * `custom` with `retain`: the newest event of a name is given to whoever joins, by every way in.
 *
 * @module
 */
import type { CustomEvent, Event, Server } from "../server/mod.ts";
import { RetainedEvents } from "../server/rooms/retained_events.ts";
import { MAX_RETAINED, MAX_RETAINED_BYTES } from "../server/broker/retained.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { type Client, connect, member, serve, told, until } from "./support/harness.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { Stream } from "./support/stream.ts";
import { Threads } from "./support/threads.ts";

/** Retains a value, and waits for the echo. */
async function retain(client: Client, name: string, payload: unknown, room = "lobby") {
  const ref = crypto.randomUUID();
  client.send({ type: "custom", name, payload, retain: true, room, ref });
  return await client.next("custom", (event) => event.ref === ref);
}

/** What one who joins is told, from `joined` on. */
async function joining(server: Server, room = "lobby", join: object = {}): Promise<Event[]> {
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "join", room, ...join });
  const events = await told(client);
  return events.slice(events.findIndex(({ type }) => type === "joined"));
}

/** What is retained of these events, as `name=payload`, in order. */
function retained(events: readonly Event[]): string[] {
  const custom = (event: Event): event is CustomEvent => event.type === "custom";
  return events.filter(custom).filter((event) => event.retained)
    .map(({ name, payload }) => `${name}=${JSON.stringify(payload)}`);
}

Deno.test("retain: members get the event as it was sent, and who joins gets the newest of each name", async () => {
  await using server = await serve();
  await using alice = await member(server, { name: "Alice" });
  await using bob = await member(server, { name: "Bob" });
  const echo = await retain(alice, "topic", "tea");
  assertEquals([echo.payload, echo.from.name, echo.retained, echo.seq], [
    "tea",
    "Alice",
    undefined,
    undefined,
  ]);
  assertEquals(await bob.next("custom"), echo);
  await retain(bob, "mood", { calm: true });
  await retain(alice, "topic", "cake");
  alice.send({ type: "custom", name: "wave", payload: 1 }); // not retained
  const events = await joining(server);
  assertEquals(events[0]?.type, "joined");
  assertEquals(retained(events), ['mood={"calm":true}', 'topic="cake"']);
  assertEquals(retained(await joining(server, "elsewhere")), []);
});

Deno.test("retain: a payload of null is sent to the members, and removes the event", async () => {
  await using server = await serve();
  await using alice = await member(server);
  await retain(alice, "topic", "tea");
  assertEquals((await retain(alice, "topic", null)).payload, null);
  assertEquals(retained(await joining(server)), []);
  await retain(alice, "topic", { inner: null });
  assertEquals(retained(await joining(server)), ['topic={"inner":null}']);
});

Deno.test("retain: plain sockets, batched sockets and event streams get it after joined, recovered or not", async () => {
  await using server = await serve();
  await using alice = await member(server);
  await retain(alice, "topic", "tea");
  alice.send({ type: "chat", payload: "one" });
  const { seq } = await alice.next("chat");
  const order = (frames: readonly string[]) =>
    frames.join().match(/"(?:joined|retained|chat)"/g)?.join(" ").replaceAll('"', "");
  const expected = "joined retained chat";
  await using plain = await connect(server);
  await plain.next("chat");
  assertEquals(order(plain.frames), expected);
  await using batched = await member(server, { protocol: "parley.v1.batched" });
  await batched.next("chat");
  assertEquals(order(batched.frames), expected);
  for (const where of [{ room: "lobby" }, { rooms: ["other", "lobby"] }]) {
    await using stream = await Stream.open(server, where);
    await stream.next("chat");
    const frames = stream.blocks.map(({ data = "" }) => data).filter((data) =>
      !data.includes('"room":"other"')
    );
    assertEquals(order(frames), expected);
  }
  const { epoch } = await (await fetch(`${server.url}/rooms/lobby/messages`)).json();
  const [joined, ...events] = await joining(server, "lobby", { since: { epoch, seq } });
  assert(joined?.type === "joined" && joined.recovered);
  assertEquals(retained(events), ['topic="tea"']);
});

Deno.test("retain: it survives a restart, and the room being empty", async () => {
  await using at = new Directory();
  {
    await using server = await serve({ db: at.file, graceSeconds: 0 });
    const alice = await member(server, { room: "team" });
    await retain(alice, "topic", "tea", "team");
    await alice.close();
    await until(() => server.roomCount === 0, "the room to be empty");
    assertEquals(retained(await joining(server, "team")), ['topic="tea"']);
  }
  await using server = await serve({ db: at.file });
  assertEquals(retained(await joining(server, "team")), ['topic="tea"']);
});

Deno.test("retain: one who joins while it changes ends with the newest value", async () => {
  await using server = await serve();
  await using alice = await member(server);
  const count = 200;
  const joiners: Client[] = [];
  for (let value = 1; value <= count; value++) {
    alice.send({ type: "custom", name: "n", payload: value, retain: true });
    if (value % 20 === 0) joiners.push(await member(server));
  }
  await alice.next("custom", ({ payload }) => payload === count);
  for (const joiner of joiners) {
    const seen: number[] = [];
    while (seen.at(-1) !== count) seen.push(Number((await joiner.next("custom")).payload));
    assertEquals(seen, seen.toSorted((a, b) => a - b)); // never an older one after a newer
    assertEquals(seen.length, new Set(seen).size);
    await joiner.close();
  }
});

Deno.test("retain: what cannot be retained is refused by name, and changes nothing", async () => {
  await using server = await serve({ frameBytes: 131_072 });
  await using alice = await member(server);
  await using bob = await member(server);
  const refused = async (command: object) => {
    alice.send({ type: "custom", name: "x", payload: 1, ref: "r", ...command });
    const { code, field, ref } = await alice.next("error");
    return [code, field, ref];
  };
  const both = { retain: true, durable: true };
  assertEquals(await refused(both), ["bad_field", "retain", "r"]);
  assertEquals(await refused({ retain: 1 }), ["bad_field", "retain", "r"]);
  assertEquals(await refused({ retain: true, room: "other" }), ["not_in_room", "room", "r"]);
  const large = { retain: true, payload: "x".repeat(MAX_RETAINED_BYTES) };
  assertEquals(await refused(large), ["too_large", "retain", "r"]);
  for (let i = 0; i < MAX_RETAINED; i++) await retain(alice, `n${i}`, i);
  assertEquals(await refused({ retain: true }), ["too_large", "retain", "r"]);
  assertEquals(retained(await joining(server)).length, MAX_RETAINED);
  const names = (await told(bob)).filter((event) => event.type === "custom");
  assertEquals(names.length, MAX_RETAINED);
  alice.send({ type: "custom", name: "x", payload: 1, durable: true, retain: false });
  assertEquals((await alice.next("custom")).seq, 1);
});

Deno.test("retain: an event that cannot be stored is refused, and shown to nobody", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using alice = await member(server);
  await using bob = await member(server);
  broker.failingOnce.add("retain");
  alice.send({ type: "custom", name: "x", payload: 1, ref: "r", retain: true });
  const { code, field, ref, retryAfterMs } = await alice.next("error");
  assertEquals([code, field, ref], ["unavailable", "retain", "r"]);
  assert(retryAfterMs !== undefined);
  assertEquals((await told(bob)).filter(({ type }) => type === "custom"), []);
  await retain(alice, "x", 2);
  assertEquals(retained(await joining(server)), ["x=2"]);
});

Deno.test("retain: many rooms that are joined at once do not close a client, however much they retain", async () => {
  await using server = await serve({ highWaterBytes: 65_536, lowWaterBytes: 16_384 });
  const rooms = Array.from({ length: 12 }, (_, index) => `room ${index}`);
  for (const room of rooms) await server.emit(room, "x", "x".repeat(60_000), { retain: true });
  for (const protocol of ["parley.v1", "parley.v1.batched"]) {
    await using client = await connect(server, { protocol });
    for (const room of rooms) client.send({ type: "join", room });
    const given = await client.take("custom", rooms.length);
    assertEquals(given.map(({ room }) => room).sort(), rooms.toSorted());
  }
});

Deno.test("retain: it costs an address as much as a message", async () => {
  await using server = await serve({ addressRate: 1, addressBurst: 30 });
  await using alice = await member(server);
  for (let i = 0; i < 40; i++) alice.send({ type: "custom", name: "x", payload: i, retain: true });
  assertEquals((await alice.next("error")).code, "rate_limited");
});

Deno.test({
  name: "retain: over Redis, members and those who join get it on every node",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    await using a = await serve({ redis: redis.url });
    await using b = await serve({ redis: redis.url });
    await retainOnBoth(a, b);
  },
});

Deno.test("retain: over threads, members and those who join get it on every node", async () => {
  await using threads = await Threads.start();
  await using a = await threads.serve();
  await using b = await threads.serve();
  await retainOnBoth(a, b);
});

async function retainOnBoth(a: Server, b: Server): Promise<void> {
  await using alice = await member(a, { name: "Alice" });
  await using bob = await member(b, { name: "Bob" });
  const echo = await retain(alice, "topic", "tea");
  assertEquals(await bob.next("custom"), echo);
  await retain(bob, "mood", 1);
  await alice.next("custom", ({ name }) => name === "mood"); // her node has heard of it
  for (const node of [a, b]) {
    assertEquals(retained(await joining(node)), ['topic="tea"', "mood=1"]);
  }
  await retain(bob, "topic", null);
  await alice.next("custom", ({ payload }) => payload === null);
  for (const node of [a, b]) assertEquals(retained(await joining(node)), ["mood=1"]);
}

/** Alice's event is replaced by Bob; then she repeats it, over another connection. */
async function repeats(a: Server, b: Server): Promise<void> {
  await using observer = await member(b);
  const topic = (payload: unknown, ref: string) =>
    ({ type: "custom", name: "topic", payload, retain: true, ref }) as const;
  let token = "";
  {
    await using alice = await connect(a, { protocol: "parley.v1" });
    alice.send({ type: "hello" }, { type: "join" }, topic("old", "1"));
    token = (await alice.next("welcome")).token;
    await observer.next("custom", ({ ref }) => ref === "1");
  }
  await using alice = await connect(b, { protocol: "parley.v1" });
  alice.send({ type: "hello", token }, { type: "join" });
  await alice.next("custom", ({ retained }) => retained === true);
  alice.send(topic("old", "1"));
  await alice.next("custom", ({ retained }) => retained !== true); // nothing has taken its place
  await using bob = await member(a);
  await retain(bob, "topic", "new");
  await alice.next("custom", ({ payload }) => payload === "new");
  alice.send(topic("old", "1"));
  const { code, field, ref } = await alice.next("error");
  assertEquals([code, field, ref], ["conflict", "ref", "1"]);
  assertEquals(retained(await joining(a)), ['topic="new"']);
  alice.send(topic("newest", "2"));
  await alice.next("custom", ({ payload }) => payload === "newest");
  await retain(bob, "topic", null);
  await alice.next("custom", ({ payload }) => payload === null); // her node has heard of it
  alice.send(topic("newest", "2"));
  assertEquals((await alice.next("error")).ref, "2");
  assertEquals(retained(await joining(a)), []);
}

Deno.test("retain: an event that is repeated after another took its place is not put back", async () => {
  await using server = await serve({ graceSeconds: 0 });
  await repeats(server, server);
});

Deno.test({
  name: "retain: nor over another node",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    await using a = await serve({ redis: redis.url, graceSeconds: 0 });
    await using b = await serve({ redis: redis.url, graceSeconds: 0 });
    await repeats(a, b);
  },
});

Deno.test("RetainedEvents.apply() tells the members what they missed", () => {
  const event = (name: string, payload: number) =>
    JSON.stringify({
      type: "custom",
      room: "r",
      name,
      from: { id: "u", name: "N" },
      payload,
      ref: "x",
    });
  const events = new RetainedEvents();
  const all = (...list: readonly (readonly [string, number])[]) =>
    events.apply({
      kind: "all",
      events: new Map(list.map(([name, payload]) => [name, event(name, payload)])),
    }).map((text): CustomEvent => JSON.parse(text));
  assertEquals(retained(all(["a", 1], ["b", 1])), ["a=1", "b=1"]); // nobody has joined yet
  assertEquals(retained(all(["a", 1], ["b", 1])), []);
  const changes = all(["b", 2], ["c", 1]);
  assertEquals(retained(changes), ["a=null", "b=2", "c=1"]);
  assertEquals(changes[0]?.ref, undefined);
  assertEquals(retained(all()), ["b=null", "c=null"]);
});
