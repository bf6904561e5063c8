/**
 * What rules do in their rooms: to rates, to slow mode, to what is kept, and to the client library.
 *
 * @module
 */
import { type RoomRule, Rules } from "../server/access/rules.ts";
import { createServer, type Server, silentLog } from "../server/mod.ts";
import { type Client, connect } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { type Client as TestClient, member, patiently, told } from "./support/harness.ts";
import { ask, bearer } from "./support/http.ts";
import { Directory } from "./support/sqlite_directory.ts";

/** A server with these rules. Its general allowance is for the `hello` and a few joins only. */
async function serve(...rules: RoomRule[]): Promise<Server> {
  const options = { port: 0, db: ":memory:", rate: 0.001, burst: 6, addressRate: 0 };
  const server = await createServer(options, { log: silentLog, rules });
  server.listen();
  return server;
}

/** Sends commands, and says for each of them what came of it: the code of its error, or "ok". */
async function outcomes(client: TestClient, commands: readonly object[]): Promise<string[]> {
  const refs = commands.map((_, index) => `${index} ${crypto.randomUUID()}`.slice(0, 40));
  client.send(...commands.map((command, index) => ({ ...command, ref: refs[index] })));
  const codes = new Map<string, string>();
  for (const event of await told(client)) {
    if (event.type === "error" && event.ref !== undefined) codes.set(event.ref, event.code);
  }
  return refs.map((ref) => codes.get(ref) ?? "ok");
}

/** As many of each as were asked for: `times("ok", 2, "rate_limited", 1)`. */
function times(...counts: (string | number)[]): string[] {
  const list: string[] = [];
  for (let i = 0; i < counts.length; i += 2) {
    list.push(...Array(Number(counts[i + 1])).fill(String(counts[i])));
  }
  return list;
}

// Rates

Deno.test("rules: joined tells the limits of a room that has others", async () => {
  await using server = await serve(
    { match: "cursors", rate: 0.1, signalRate: 20.5, slowSeconds: 5 },
    { match: "free", rate: 0, slowSeconds: 0 },
    { match: "team", everyone: "write" },
  );
  await using client = await member(server);
  const limitsOf = async (room: string) => {
    client.send({ type: "join", room });
    return (await client.next("joined")).limits;
  };
  assertEquals(await limitsOf("cursors"), {
    commands: { rate: 0.1, burst: 1 },
    signals: { rate: 20.5, burst: 62 },
    slowSeconds: 5,
  });
  assertEquals(await limitsOf("free"), { commands: { rate: 0, burst: 0 } });
  assertEquals([await limitsOf("team"), await limitsOf("other")], [undefined, undefined]);
});

Deno.test("rules: rate and signalRate hold in their rooms only, over sockets and over HTTP", async () => {
  // No time passes in a test that such a rate would measure: one of each may be sent.
  const rate = 0.001;
  await using server = await serve(
    { match: "slow-*", rate, signalRate: rate },
    { match: "cursors", signalRate: 0 },
  );
  await using client = await member(server, { room: "slow-1" });
  client.send({ type: "join", room: "cursors" }, { type: "hello" });
  const headers = bearer((await client.next("welcome")).token);
  const custom = { type: "custom", room: "slow-1", name: "n", payload: 1 };
  const chat = { type: "chat", room: "slow-1", payload: "x" };
  const one = times("ok", 1, "rate_limited", 1);
  assertEquals(await outcomes(client, [custom, custom, chat, chat]), [...one, ...one]);
  const cursor = { ...custom, room: "cursors" };
  assertEquals(await outcomes(client, Array(100).fill(cursor)), times("ok", 100)); // as --rate allows not
  const post = (path: string, payload: unknown) =>
    ask(server, `/rooms/${path}`, { method: "POST", headers, body: { payload } });
  // All rooms of a rule are one allowance.
  for (
    const { status, json } of [
      await post("slow-2/typing", true),
      await post("slow-2/messages", "x"),
    ]
  ) {
    assertEquals([status, json.code, json.field], [429, "rate_limited", "room"]);
  }
  // The general allowance went with the hellos and joins, and with asking for two outcomes.
  const { status, json } = await post("lobby/messages", "x");
  assertEquals([status, json.code, json.field], [429, "rate_limited", undefined]);
});

// Slow mode

Deno.test("rules: slowSeconds refuses the next message of a user, with the time to wait", async () => {
  await using server = await serve({ match: "slow", slowSeconds: 3600, rate: 0 });
  await using alice = await member(server, { room: "slow" });
  alice.send({ type: "hello" });
  const headers = bearer(String((await alice.next("welcome")).token));
  const chat = { type: "chat", room: "slow", payload: "x" };
  alice.send({ ...chat, ref: "1" });
  assertEquals((await alice.next("chat")).seq, 1);
  alice.send({ ...chat, ref: "2" });
  const { code, field, ref, retryAfterMs = 0 } = await alice.next("error");
  assertEquals([code, field, ref], ["rate_limited", "room", "2"]);
  assert(retryAfterMs > 3_500_000 && retryAfterMs <= 3_600_000);
  alice.send({ ...chat, ref: "1" }); // a retry: the original is its answer
  assertEquals((await alice.next("chat")).seq, 1);
  const custom = { type: "custom", room: "slow", name: "n", payload: 1 };
  assertEquals(
    await outcomes(alice, [{ ...custom, durable: true }, custom, {
      type: "typing",
      room: "slow",
      payload: true,
    }]),
    ["rate_limited", "ok", "ok"],
  );
  const path = "/rooms/slow/messages";
  const post = { method: "POST", body: { payload: "x" } };
  assertEquals((await ask(server, path, { ...post, headers })).status, 429);
  // Requests without a token are made by a new guest each, so they share a turn.
  assertEquals((await ask(server, path, post)).status, 201);
  assertEquals((await ask(server, path, post)).json.code, "rate_limited");
  await using bob = await member(server, { room: "slow", name: "Bob" });
  bob.send(chat);
  assertEquals((await bob.next("chat", ({ from }) => from.name === "Bob")).seq, 3);
});

// The client library

/** Lets a client of the library talk with a server, under the usual --rate. */
async function withClient(rules: RoomRule[], act: (client: Client) => Promise<void>) {
  const hooks = { log: silentLog, rules };
  await using server = await createServer({ port: 0, db: ":memory:" }, hooks);
  server.listen();
  const client = connect(`${server.url}/ws`, { name: "Ada" });
  try {
    await act(client);
  } finally {
    client.close();
  }
}

Deno.test("client: messages to a room with slowSeconds wait, and those to other rooms do not", async () => {
  await withClient([{ match: "slow", slowSeconds: 3600 }], async (client) => {
    client.join("slow");
    client.join("lobby");
    assertEquals((await client.send("slow", "1")).seq, 1);
    for (const text of ["2", "3"]) client.send("slow", text).catch(() => {}); // closed at the end
    for (const seq of [1, 2]) {
      assertEquals((await patiently(client.send("lobby", "x"), "the lobby's message")).seq, seq);
    }
    assertEquals(client.unsent.map((command) => command.payload), ["2", "3"]);
  });
});

Deno.test("client: signals to a room with a signalRate take from that alone", async () => {
  await withClient([{ match: "cursors", signalRate: 0 }], async (client) => {
    await client.join("cursors");
    await client.join("lobby");
    const emit = (room: string) => client.emit(room, "cursor", 1);
    assertEquals(Array.from({ length: 100 }, () => emit("cursors")), Array(100).fill(true));
    assert(emit("lobby"));
    const inLobby = Array.from({ length: 100 }, () => emit("lobby"));
    assert(inLobby.includes(false)); // there it is one of the usual commands
  });
});

// What is kept

Deno.test("rules: a room with store: false carries signals, and refuses what would be stored", async () => {
  await using server = await serve({ match: "cursors", store: false, rate: 0 });
  await using alice = await member(server, { room: "cursors" });
  await using bob = await member(server, { room: "cursors", name: "Bob" });
  const custom = { type: "custom", room: "cursors", name: "cursor", payload: [1, 2] };
  alice.send({ type: "chat", room: "cursors", payload: "x", ref: "1" });
  const { code, field, ref } = await alice.next("error");
  assertEquals([code, field, ref], ["forbidden", "room", "1"]);
  const kept = [{ ...custom, durable: true }, { ...custom, retain: true }];
  const removal = { ...custom, payload: null, retain: true };
  assertEquals(await outcomes(alice, [...kept, removal, custom]), [
    ...times("forbidden", 2, "ok", 2),
  ]);
  await bob.next("custom", ({ payload }) => JSON.stringify(payload) === "[1,2]");
  const post = { method: "POST", body: { payload: "x" } };
  const { status, json } = await ask(server, "/rooms/cursors/messages", post);
  assertEquals([status, json.code, json.field], [403, "forbidden", "room"]);
  assertEquals((await ask(server, "/rooms/cursors/messages")).json.head, 0);
  assertEquals((await ask(server, "/rooms/lobby/messages", post)).status, 201);
});

const DAY_MS = 86_400_000;

Deno.test("sqlite: retainDaysOf() overrides how long the messages of a room are kept", async () => {
  await using at = new Directory();
  let now = 100 * DAY_MS;
  const rules = new Rules([{ match: "short-*", retainDays: 1 }, { match: "long", retainDays: 0 }]);
  const retainDaysOf = (room: string) => rules.of(room)?.retainDays;
  const clocks = { now: () => now, steady: () => now };
  await using broker = await at.open({ ...clocks, retainDays: 7, retainDaysOf });
  const rooms = ["short-1", "lobby", "long"];
  for (const room of rooms) await broker.publish([draft("x", { room })]);
  const kept = async (days: number) => {
    now += days * DAY_MS;
    broker.prune();
    const texts = await Promise.all(rooms.map((room) => textsOf(broker, room)));
    return rooms.filter((_, index) => texts[index]?.length === 1);
  };
  assertEquals(await kept(0.9), rooms);
  assertEquals(await kept(0.2), ["lobby", "long"]);
  assertEquals(await kept(6), ["long"]);
  assertEquals(await kept(1000), ["long"]);
});
