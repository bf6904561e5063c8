/**
 * Rules for the rooms whose names match a pattern: how they are read, and what they do to rates, to slow
 * mode and to what is kept.
 *
 * @module
 */
import { matches } from "../server/access/pattern.ts";
import { type RoomRule, Rules } from "../server/access/rules.ts";
import { SlowMode } from "../server/access/slow_mode.ts";
import { type Charged, UserAllowances } from "../server/access/user_allowances.ts";
import { createServer, OptionError, type Server, silentLog } from "../server/mod.ts";
import { Refusal } from "../server/protocol/refusal.ts";
import { type Client, connect } from "../static/client/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { member, patiently, told } from "./support/harness.ts";
import type { Client as TestClient } from "./support/harness.ts";
import { ask, bearer } from "./support/http.ts";
import { Dice, SEED } from "./support/random.ts";
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

// Patterns

const MATCHES: readonly (readonly [pattern: string, yes: string[], no: string[]])[] = [
  ["lobby", ["lobby"], ["Lobby", "lobby2", "the lobby", "lobb"]],
  ["team-*", ["team-42", "team-"], ["team", "Team-42", "a team-42"]],
  ["*-private", ["a-private", "-private"], ["a-private-", "private"]],
  ["*", ["a", "any room", "*"], []],
  ["a*a", ["aa", "aba", "aaa"], ["a", "ab", "ba"]],
  ["ab*bc", ["abbc", "abxbc"], ["abc"]],
  ["*a*b*", ["ab", "xaxbx", "aab"], ["ba", "a", "b"]],
  ["a**b", ["ab", "axb"], ["a", "ba"]],
  ["a.c", ["a.c"], ["abc"]],
  ["[ab]?", ["[ab]?"], ["a", "ab"]],
  ["👍*", ["👍", "👍🏽"], ["👎"]],
];

Deno.test("matches() takes * for any characters, and everything else literally", () => {
  for (const [pattern, yes, no] of MATCHES) {
    for (const name of yes) assert(matches(pattern, name), `${pattern} should match ${name}`);
    for (const name of no) assert(!matches(pattern, name), `${pattern} should not match ${name}`);
  }
});

Deno.test(`matches() agrees with the definition on short texts, seed ${SEED}`, () => {
  const isMatch = (pattern: string, name: string): boolean => {
    if (pattern === "") return name === "";
    if (pattern[0] !== "*") {
      return pattern[0] === name[0] && isMatch(pattern.slice(1), name.slice(1));
    }
    return isMatch(pattern.slice(1), name) || name !== "" && isMatch(pattern, name.slice(1));
  };
  const dice = new Dice(SEED);
  const text = (alphabet: string, max: number) =>
    Array.from({ length: dice.below(max + 1) }, () => dice.pick([...alphabet])).join("");
  for (let i = 0; i < 20_000; i++) {
    const [pattern, name] = [text("ab*", 7), text("ab", 8)];
    assertEquals(matches(pattern, name), isMatch(pattern, name), `${pattern} and ${name}`);
  }
});

Deno.test("matches() answers at once for a pattern that would have a regular expression try for ever", () => {
  assert(!matches("*a".repeat(40) + "*b", "a".repeat(60)));
  assert(!matches("*a*".repeat(1000) + "b", "a".repeat(4000)));
});

// Reading

/** What is wrong, and what the one line must name. */
const WRONG: readonly (readonly [rules: unknown, ...names: string[]])[] = [
  [{ match: "*" }, "list"],
  ["*", "list"],
  [Array(1001).fill({ match: "a" }), "1000"],
  [[null], "rule 1", "object"],
  [[{ match: "a" }, []], "rule 2", "object"],
  [[{}], "rule 1", '"match"'],
  [[{ match: "" }], '"match"'],
  [[{ match: "a\nb" }], '"match"', '"a\\nb"'],
  [[{ match: " a" }], '"match"'],
  [[{ match: "a".repeat(65) }], '"match"'],
  [[{ match: 7 }], '"match"', "7"],
  [[{ match: "a", everyone: "all" }], '"everyone"', "none, read, write or manage", '"all"'],
  [[{ match: "a" }, { match: "b", guests: true }], "rule 2", '"guests"', "true"],
  [[{ match: "a", guests: null }], '"guests"', "null"],
  [[{ match: "a", slowSeconds: -1 }], '"slowSeconds"', "0 to 86400", "-1"],
  [[{ match: "a", slowSeconds: "5" }], '"slowSeconds"', '"5"'],
  [[{ match: "a", rate: Infinity }], '"rate"', "Infinity"],
  [[{ match: "a", rate: NaN }], '"rate"', "NaN"],
  [[{ match: "a", signalRate: [1] }], '"signalRate"', "a list"],
  [[{ match: "a", retainDays: 36_501 }], '"retainDays"', "36500"],
  [[{ match: "a", store: "no" }], '"store"', "true or false"],
  [[{ match: "a", slow: 5 }], '"slow"'],
  [[{ match: "a", "x\ny": 5 }], '"x\\ny"'],
  [[{ match: "a" }, { match: "a" }], "rule 2", "rule 1"],
  [[{ match: "b" }, { match: "*" }, { match: "team-*" }], "rule 3", 'rule 2, "*"'],
  [[{ match: "a*" }, { match: "*a" }, { match: "a*a" }], "rule 3", 'rule 1, "a*"'],
];

for (const [rules, ...names] of WRONG) {
  const shown = JSON.stringify(rules).slice(0, 60);
  Deno.test(`Rules refuses ${shown} in one line that names ${names.join(", ")}`, () => {
    const { message } = assertThrows(() => new Rules(rules, "rules.json"), OptionError);
    assert(message.startsWith("rules.json"), message);
    assert(!message.includes("\n") && message.endsWith("."), message);
    for (const name of names) assert(message.includes(name), message);
  });
}

Deno.test("createServer() reads rules from a file, and says in one line what is wrong with it", async () => {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  const refused = async (text: string) => {
    await Deno.writeTextFile(path, text);
    const create = () => createServer({ db: ":memory:", rules: path });
    const { message } = await assertRejects(create, OptionError);
    assert(message.includes(path) && !message.includes("\n"), message);
  };
  try {
    await refused('[{ "match": "a",\n\n }]');
    await refused('[{ "match": "a", "rate": -1 }]');
    await Deno.writeTextFile(path, '[{ "match": "a", "store": false }]');
    await using server = await createServer({ db: ":memory:", rules: path });
    const both = () => createServer({ db: ":memory:", rules: path }, { rules: [] });
    await assertRejects(both, OptionError, "not from both");
    assert(server);
  } finally {
    await Deno.remove(path);
  }
  const create = () => createServer({ db: ":memory:", rules: path });
  await assertRejects(create, OptionError, "Cannot read the rules");
});

Deno.test("Rules.of() returns the first rule that matches, and remembers the rooms of a bounded number", () => {
  const rules = new Rules([{ match: "team-1" }, { match: "team-*", rate: 1 }, {
    match: "x",
    rate: 2,
  }]);
  const check = () => {
    assertEquals(rules.of("team-1"), { match: "team-1" });
    assertEquals(rules.of("team-2"), { match: "team-*", rate: 1 });
    assertEquals(rules.of("lobby"), undefined);
  };
  check();
  for (let n = 0; n < 25_000; n++) assertEquals(rules.of(`stranger ${n}`), undefined);
  assertEquals(rules.rememberedRooms, 10_000);
  check();
  assertEquals(new Rules().of("lobby"), undefined);
});

// Rates

Deno.test("UserAllowances takes from a rule's own allowance, and from the general one elsewhere", () => {
  let now = 0;
  const rules = new Rules([
    { match: "fast-*", rate: 2, signalRate: 20 },
    { match: "calm", rate: 0.1 },
    { match: "cursors", signalRate: 10 },
    { match: "free", rate: 0 },
  ]);
  const allowances = new UserAllowances({ rate: 1, burst: 2 }, rules, () => now);
  const waitOf = (userId: string, command: Charged) => {
    try {
      allowances.spend(userId, command);
      return 0;
    } catch (thrown) {
      assert(thrown instanceof Refusal && thrown.code === "rate_limited");
      return thrown.retryAfterMs ?? 0;
    }
  };
  const count = (userId: string, command: Charged) => {
    for (let taken = 0; taken < 500; taken++) if (waitOf(userId, command) > 0) return taken;
    return 500;
  };
  const chat = (room: string) => ({ type: "chat", room } as const);
  const signal = (room: string) => ({ type: "custom", room, durable: false } as const);
  // All rooms of one rule share an allowance: three seconds of its rate at once.
  assertEquals([count("a", chat("fast-1")), count("a", chat("fast-2"))], [6, 0]);
  assertEquals([count("a", signal("fast-1")), count("a", { type: "typing", room: "fast-1" })], [
    60,
    0,
  ]);
  // The general one is untouched by that, and is what all else takes from.
  assertEquals([count("a", chat("lobby")), count("a", { type: "rename" })], [2, 0]);
  assertEquals([count("b", { type: "join", room: "fast-1" }), count("b", chat("fast-1"))], [2, 6]);
  // Without a rate of their own, signals are commands.
  assertEquals([count("c", chat("calm")), count("c", signal("calm"))], [1, 0]);
  assertEquals([count("c", signal("cursors")), count("c", chat("cursors"))], [30, 2]);
  assertEquals(count("c", chat("free")), 500);
  // What is stored is no signal.
  assertEquals(count("d", { type: "custom", room: "fast-1", durable: true }), 6);
  assertEquals(waitOf("a", chat("fast-1")), 500);
  now += 500;
  assertEquals(count("a", chat("fast-1")), 1);
  // A change of user is no way to more.
  allowances.inherit("e", "a");
  assertEquals([count("e", chat("fast-1")), count("e", chat("lobby"))], [0, 0]);
});

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

Deno.test("SlowMode lets a user store one message in the time, and a retry of it at any time", () => {
  let now = 1000;
  const rules = new Rules([{ match: "slow", slowSeconds: 10 }, { match: "other", slowSeconds: 0 }]);
  const slow = new SlowMode(rules, () => now);
  const refused = (userId: string, ref?: string) => {
    const refusal = assertThrows(() => slow.take(userId, "slow", "write", ref), Refusal);
    return [refusal.code, refusal.retryAfterMs];
  };
  slow.take("a", "slow", "write", "1");
  slow.take("a", "slow", "write", "1");
  assertEquals(refused("a", "2"), ["rate_limited", 10_000]);
  assertEquals(refused("a"), ["rate_limited", 10_000]);
  slow.take("b", "slow", "write", undefined);
  assertEquals(refused("b"), ["rate_limited", 10_000]);
  for (let n = 0; n < 3; n++) {
    slow.take("a", "slow", "manage", `${n}`);
    slow.take("a", "other", "write", `${n}`);
    slow.take("a", "lobby", "write", `${n}`);
  }
  now += 9_999;
  assertEquals(refused("a", "2"), ["rate_limited", 1]);
  now += 1;
  slow.take("a", "slow", "write", "2");
  assertEquals(refused("a", "3"), ["rate_limited", 10_000]);
  for (let n = 0; n < 70_000; n++) slow.take(`user ${n}`, "slow", "write", undefined);
  assertEquals(slow.size, 65_536);
});

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
