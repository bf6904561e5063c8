/**
 * Rooms, as their members see them: what is said, and what is refused.
 *
 * @module
 */
import type { Event } from "../server/mod.ts";
import { assert, assertEquals, assertMatch } from "./support/assert.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { type Client, connect, member, serve, told } from "./support/harness.ts";

Deno.test("a plain client needs ten lines", async () => {
  await using server = await serve();
  const heard: Event[] = [];
  const socket = new WebSocket(server.url.replace("http", "ws") + "/");
  const done = Promise.withResolvers<void>();
  socket.onopen = () => socket.send('{"type":"chat","payload":"hello"}');
  socket.onmessage = ({ data }) => {
    heard.push(JSON.parse(data));
    if (heard.at(-1)?.type === "chat") socket.close();
  };
  socket.onclose = () => done.resolve();
  await done.promise;
  const chat = heard.at(-1);
  assert(chat?.type === "chat");
  assertEquals([chat.payload, chat.room, chat.seq], ["hello", "lobby", 1]);
  assertMatch(chat.from.name, /^Guest-[0-9a-f]{4}$/);
});

Deno.test("a plain client gets a sentence when others come and go", async () => {
  await using server = await serve();
  await using bob = await connect(server, { room: "tea", name: "Bob" });
  await bob.next("joined");
  await using alice = await connect(server, { room: "tea", name: "Alice" });
  const joined = await bob.next("system");
  assertEquals([joined.payload, joined.kind, joined.memberCount], ["Alice joined.", "joined", 2]);
  alice.send({ type: "chat", room: "tea", payload: "hi" });
  assertEquals((await bob.next("chat")).payload, "hi");
  alice.send({ type: "rename", name: "Alicia" });
  assertEquals((await bob.next("system")).payload, "Alice is now Alicia.");
  alice.send({ type: "leave", room: "tea" });
  const left = await bob.next("system");
  assertEquals([left.payload, left.kind, left.memberCount], ["Alicia left.", "left", 1]);
});

Deno.test("a plain client gets the recent messages, one event a frame", async () => {
  await using server = await serve({ recentMessages: 3 });
  await using alice = await member(server);
  alice.send(...[1, 2, 3, 4, 5].map((n) => ({ type: "chat", payload: `${n}` })));
  await alice.take("chat", 5);
  await using bob = await connect(server);
  assertEquals((await bob.take("chat", 3)).map(({ payload }) => payload), ["3", "4", "5"]);
  for (const frame of bob.frames) assert(!Array.isArray(JSON.parse(frame)));
});

Deno.test("a parley.v1 client joins when it sends join", async () => {
  await using server = await serve();
  await using client = await connect(server, { protocol: "parley.v1", room: "ignored" });
  client.send({ type: "chat", payload: "too early", ref: "r" });
  const error = await client.next("error");
  assertEquals([error.code, error.field, error.ref], ["not_in_room", "room", "r"]);
  client.send({ type: "hello", name: "Ann" }, { type: "join" });
  const welcome = await client.next("welcome");
  const joined = await client.next("joined");
  assertEquals(welcome.user.name, "Ann");
  assertEquals(joined.members, [welcome.user]);
  assertEquals([joined.room, joined.seq, joined.recovered], ["lobby", 0, false]);
});

Deno.test("a batched client sends an array and gets arrays", async () => {
  await using server = await serve();
  await using client = await connect(server, { protocol: "parley.v1.batched" });
  client.raw(JSON.stringify([
    { type: "hello" },
    { type: "join" },
    { type: "chat", payload: "a" },
    { type: "shout", ref: "bad" },
    { type: "chat", payload: "b" },
  ]));
  client.raw('{"type":"chat","payload":"c"}');
  assertEquals((await client.next("error")).ref, "bad");
  assertEquals((await client.take("chat", 3)).map(({ payload }) => payload), ["a", "b", "c"]);
  for (const frame of client.frames) assert(Array.isArray(JSON.parse(frame)));
});

Deno.test("a batched client's empty array is a bad command", async () => {
  await using server = await serve();
  await using client = await connect(server, { protocol: "parley.v1.batched" });
  client.raw("[]");
  assertEquals((await client.next("error")).code, "bad_command");
});

Deno.test("a connection gets too_many_rooms at its maximum, and joins again after leaving one", async () => {
  await using server = await serve({ maxRoomsPerConnection: 2 });
  await using client = await member(server, { room: "a" });
  client.send({ type: "join", room: "b" }, { type: "join", room: "c", ref: "r" });
  const error = await client.next("error");
  assertEquals([error.code, error.ref], ["too_many_rooms", "r"]);
  client.send({ type: "join", room: "b" }); // again, which is not one more
  client.send({ type: "leave", room: "a" }, { type: "join", room: "c" });
  await client.next("joined", ({ room }) => room === "b");
  await client.next("joined", ({ room }) => room === "c");
});

Deno.test("a room gives room_full at its maximum, and lets another in after one has left", async () => {
  await using server = await serve({ maxMembersPerRoom: 1 });
  await using alice = await member(server);
  await using bob = await connect(server, { protocol: "parley.v1" });
  bob.send({ type: "join" });
  const error = await bob.next("error");
  assertEquals(error.code, "room_full");
  assert((error.retryAfterMs ?? 0) > 0);
  alice.send({ type: "leave", room: "lobby" });
  await told(alice);
  bob.send({ type: "join" });
  await bob.next("joined");
});

Deno.test("the server gives too_many_rooms at its maximum, and opens another after one is empty", async () => {
  await using server = await serve({ maxRooms: 1 });
  await using alice = await member(server, { room: "a" });
  alice.send({ type: "join", room: "b" });
  assertEquals((await alice.next("error")).code, "too_many_rooms");
  alice.send({ type: "leave", room: "a" }, { type: "join", room: "b" });
  await alice.next("joined");
  assertEquals(server.roomCount, 1);
});

Deno.test("commands over the rate are refused with a time to wait", async () => {
  await using server = await serve({ rate: 0.001, burst: 3 });
  await using client = await connect(server);
  for (let i = 0; i < 4; i++) client.send({ type: "chat", payload: `${i}`, ref: `r${i}` });
  const error = await client.next("error");
  assertEquals([error.code, error.ref], ["rate_limited", "r3"]);
  assert((error.retryAfterMs ?? 0) > 900_000);
});

Deno.test("twenty bad commands are answered, and the next one ends the connection", async () => {
  await using server = await serve({ badCommands: 20 });
  await using client = await connect(server);
  for (let i = 0; i < 22; i++) client.raw("?");
  assertEquals((await client.closed).code, 1008);
  const errors = client.pending.filter(({ type }) => type === "error");
  assertEquals(errors.length, 21);
});

Deno.test("refusals that are not the client's fault do not end its connection", async () => {
  await using server = await serve({ badCommands: 2, maxMembersPerRoom: 1 });
  await using _alice = await member(server);
  await using bob = await connect(server, { protocol: "parley.v1" });
  for (let i = 0; i < 10; i++) bob.send({ type: "join" });
  for (let i = 0; i < 10; i++) assertEquals((await bob.next("error")).code, "room_full");
  bob.send({ type: "join", room: "elsewhere" });
  await bob.next("joined");
});

Deno.test("a repeated ref is stored once, and its sender gets the original again", async () => {
  await using server = await serve();
  await using alice = await member(server);
  await using bob = await member(server, { name: "Bob" });
  alice.send({ type: "chat", payload: "first", ref: "r" });
  const original = await alice.next("chat");
  alice.send({ type: "chat", payload: "first", ref: "r" });
  assertEquals(await alice.next("chat"), original);
  alice.send({ type: "chat", payload: "third" });
  assertEquals((await bob.take("chat", 2)).map(({ payload }) => payload), ["first", "third"]);
});

Deno.test("a custom event is stored only if it is durable", async () => {
  await using server = await serve();
  await using alice = await member(server);
  await using bob = await member(server, { name: "Bob" });
  const move = { type: "custom", name: "move", payload: { to: ["e4", null, { "__proto__": 1 }] } };
  alice.send({ ...move, ref: "a" }, { ...move, durable: true, ref: "b" });
  for (const client of [alice, bob]) {
    const [fleeting, durable] = [await client.next("custom"), await client.next("custom")];
    const [first, second] = fleeting.seq === undefined ? [fleeting, durable] : [durable, fleeting];
    assertEquals([first.seq, first.ref, first.payload], [undefined, "a", move.payload]);
    assertEquals([second.seq, second.ref, second.payload], [1, "b", move.payload]);
  }
  await using carol = await member(server, { name: "Carol" });
  const replayed = await carol.next("custom");
  assertEquals([replayed.seq, replayed.ref], [1, "b"]);
  assert(!carol.frames.some((frame) => frame.includes('"ref":"a"')));
});

Deno.test("live text and replayed text are the same to the byte", async () => {
  await using server = await serve();
  await using alice = await member(server);
  const payload = '😀 e\u0301 \u2028\u2029 \\" </script> ,\n[{}]\t\u007f';
  alice.send({ type: "chat", payload, ref: "é" });
  alice.send({ type: "custom", name: "x", payload: { [payload]: -0.1e-7 }, durable: true });
  await alice.next("custom");
  await using bob = await member(server, { name: "Bob" });
  await bob.next("custom");
  const textOf = (client: Client) =>
    client.frames.filter((frame) => frame.includes('"seq":1,"at"'))[0];
  assertEquals(textOf(alice), textOf(bob));
  assert(textOf(alice)?.includes(JSON.stringify(payload)));
});

Deno.test("an embedding program decides who may read and who may write, at each join", async () => {
  await using server = await serve(
    {},
    {
      authorize: ({ name }, room) =>
        room === "staff" ? "none" : name === "Muted" ? "read" : "write",
    },
  );
  await using client = await member(server, { name: "Muted" });
  client.send({ type: "join", room: "staff" });
  client.send({ type: "chat", payload: "x" });
  client.send({ type: "typing", payload: true });
  for (let i = 0; i < 3; i++) assertEquals((await client.next("error")).code, "forbidden");
  client.send({ type: "rename", name: "Heard" }, { type: "chat", payload: "a right holds" });
  assertEquals((await client.next("error")).code, "forbidden");
  client.send({ type: "join" }, { type: "chat", payload: "until one joins again" });
  assertEquals((await client.next("joined")).right, "write");
  await client.next("chat");
});

Deno.test("pings come, and need no answer", async () => {
  await using server = await serve({ heartbeatSeconds: 0.1 });
  await using client = await connect(server);
  for (let i = 0; i < 3; i++) assert((await client.next("ping")).at > 0);
});

Deno.test("plain and batched clients get the same events in the same order", async () => {
  await using server = await serve();
  await using batched = await member(server, { protocol: "parley.v1.batched" });
  await using single = await member(server, { protocol: "parley.v1" });
  await using plain = await connect(server, { room: "lobby" });
  await plain.next("joined");
  const everybody = [batched, single, plain];
  for (let n = 0; n < 50; n++) {
    // A signal and a message of one turn: the frames of a turn that cannot be cut alike.
    for (const client of everybody) {
      client.send({ type: "chat", payload: `${n}` }, { type: "custom", name: "x", payload: n });
    }
  }
  const told = await Promise.all(everybody.map((client) => client.take("chat", 150)));
  const seqs = Array.from({ length: 150 }, (_, index) => index + 1);
  for (const messages of told) {
    assertEquals(messages.map(({ seq }) => seq), seqs);
    assertEquals(messages, told[0]);
  }
});

Deno.test("messages to very many rooms at once reach the members of all", async () => {
  await using server = await serve();
  await using crowd = new AsyncDisposableStack();
  const rooms = Array.from({ length: 150 }, (_, index) => `room ${index}`);
  const clients = await Promise.all(
    rooms.map(async (room) =>
      crowd.use(await member(server, { room, protocol: "parley.v1.batched" }))
    ),
  );
  // More frames than the runtime hands over in a turn, and one for each room: a thin turn.
  clients.forEach((client, index) =>
    client.send({ type: "chat", room: rooms[index], payload: "x" })
  );
  const heard = await Promise.all(clients.map((client) => client.next("chat")));
  assertEquals(heard.map(({ room, seq }) => [room, seq]), rooms.map((room) => [room, 1]));
});

Deno.test("a client that sends before its join is done gets its message back", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker, { recentMessages: 0 });
  await using alice = await connect(server, { protocol: "parley.v1" });
  const release = broker.holdAnswers();
  alice.send({ type: "join" }, { type: "chat", payload: "hi", ref: "r" });
  await told(alice);
  release();
  assertEquals((await alice.next("joined")).seq, 0);
  const { seq, ref } = await alice.next("chat");
  assertEquals([seq, ref], [1, "r"]);
});

Deno.test("a client that sends before its join is refused gets an error for each message", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using alice = await connect(server, { protocol: "parley.v1" });
  const release = broker.holdCalls();
  broker.failingOnce.add("open");
  alice.send({ type: "join", ref: "j" }, { type: "chat", payload: "hi", ref: "r" });
  await told(alice);
  release();
  for (const expected of ["j", "r"]) {
    const { code, ref } = await alice.next("error");
    assertEquals([code, ref], ["unavailable", expected]);
  }
  assertEquals(await broker.head("lobby"), 0);
});
