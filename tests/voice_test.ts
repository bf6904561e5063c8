/**
 * The server's own voice: what an application says and asks, in process and over HTTP with an API key.
 * `VOICE=1` publishes to 1,000 members, 100 times a second, and says what was measured.
 *
 * @module
 */
import { type Event, type Json, Refusal, type Server, type User } from "../server/mod.ts";
import { MAX_DEPTH, MAX_PUBLICATION_BYTES } from "../server/protocol/tables.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "./support/assert.ts";
import { Audience } from "./support/audience.ts";
import { type Client, member, serve, told, until } from "./support/harness.ts";
import { type Answer, ask, bearer, JSON_TYPE, MESSAGES } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

const IS_LONG = Deno.env.get("VOICE") !== undefined;
const KEY = "the-application-".repeat(2);
const SERVER = { id: "server", name: "Server" };
const ADA: User = { id: "user/42", name: "Ada", info: { avatar: "https://x.example/a.png" } };

function serveWithKey(options = {}): Promise<Server> {
  return serve({ apiKeys: KEY, ...options });
}

function post(server: Server, body: unknown, path = MESSAGES): Promise<Answer> {
  return ask(server, path, { method: "POST", body, headers: bearer(KEY) });
}

/** Reads with the key. */
function get(server: Server, path: string): Promise<Answer> {
  return ask(server, path, { headers: bearer(KEY) });
}

/** The two ways to speak, and what each returns of what is stored. */
const VOICES = {
  "in process": async (server: Server, room: string, fields: Fields) => {
    const { type, payload, ...options } = fields;
    if (type !== "custom") return await server.publish(room, payload as string, options);
    const { name = "", ...rest } = options;
    return await server.emit(room, name, payload, rest);
  },
  "over HTTP": async (server: Server, room: string, fields: Fields) => {
    const path = `/rooms/${encodeURIComponent(room)}/messages`;
    const { status, json } = await post(server, fields, path);
    if (status < 300) return json;
    const { code, field } = json;
    assert(code !== undefined);
    throw new Refusal(code as "bad_field", "refused", field === undefined ? {} : { field });
  },
};

/** What an application may say. */
interface Fields {
  readonly type?: "chat" | "custom";
  readonly name?: string;
  readonly payload: Json;
  readonly from?: User;
  readonly ref?: string;
  readonly durable?: boolean;
  readonly retain?: boolean;
}

for (const [way, say] of Object.entries(VOICES)) {
  Deno.test(`${way}: a text reaches the members, and is returned as they see it`, async () => {
    await using server = await serveWithKey();
    await using alice = await member(server);
    const said = await say(server, "lobby", { payload: "hello", ref: "r" });
    assertEquals(said, await alice.next("chat"));
    const { seq, from, payload, ref } = said as Extract<Event, { type: "chat" }>;
    assertEquals([seq, from, payload, ref], [1, SERVER, "hello", "r"]);
  });

  Deno.test(`${way}: the sender is whom the application names, with info`, async () => {
    await using server = await serveWithKey();
    await using alice = await member(server);
    await say(server, "lobby", { payload: "hello", from: ADA });
    await say(server, "lobby", { type: "custom", name: "moved", payload: null, from: ADA });
    assertEquals((await alice.next("chat")).from, ADA);
    assertEquals((await alice.next("custom")).from, ADA);
  });

  Deno.test(`${way}: a durable event is stored with any JSON, another is only sent`, async () => {
    await using server = await serveWithKey();
    await using alice = await member(server);
    const payloads: Json[] = [null, true, -1.5e-7, "", "\u2028", [], {}, { a: [{ "": [0] }] }];
    for (const payload of [...payloads, nested(MAX_DEPTH)]) {
      await say(server, "lobby", { type: "custom", name: "kept", payload, durable: true });
      const kept = await alice.next("custom");
      assertEquals([kept.payload, typeof kept.seq, typeof kept.at], [payload, "number", "number"]);
      await say(server, "lobby", { type: "custom", name: "sent", payload, ref: "r" });
      const sent = await alice.next("custom");
      assertEquals(sent, {
        type: "custom",
        room: "lobby",
        name: "sent",
        from: SERVER,
        payload,
        ref: "r",
      });
    }
    assertEquals((await server.history("lobby")).head, payloads.length + 1);
  });

  Deno.test(`${way}: a retained event is given to whoever joins, until null removes it`, async () => {
    await using server = await serveWithKey();
    await using alice = await member(server);
    const retain = (payload: Json) =>
      say(server, "lobby", { type: "custom", name: "topic", payload, retain: true, from: ADA });
    for (const payload of ["first", { second: 2 }]) {
      await retain(payload);
      assertEquals((await alice.next("custom")).payload, payload);
    }
    await using bob = await member(server, { name: "Bob" });
    const { payload, from, retained } = await bob.next("custom");
    assertEquals([payload, from, retained], [{ second: 2 }, ADA, true]);
    await retain(null);
    assertEquals((await bob.next("custom")).payload, null);
    await using carol = await member(server, { name: "Carol" });
    assertEquals((await told(carol)).filter(({ type }) => type === "custom"), []);
    const { code, field } = await assertRejects(() => retain("x".repeat(70_000)), Refusal);
    assertEquals([code, field], ["too_large", "retain"]);
    assertEquals((await server.history("lobby")).head, 0);
  });

  Deno.test(`${way}: a retry with its ref is stored once, and gets the original`, async () => {
    await using server = await serveWithKey();
    const first = await say(server, "lobby", { payload: "once", ref: "r" });
    assertEquals(await say(server, "lobby", { payload: "once", ref: "r" }), first);
    await say(server, "lobby", { payload: "once", ref: "r", from: ADA });
    const event = { type: "custom", name: "x", payload: 1, durable: true, ref: "e" } as const;
    assertEquals(await say(server, "lobby", event), await say(server, "lobby", event));
    assertEquals((await server.history("lobby")).head, 3);
    const { code, field } = await assertRejects(
      () => say(server, "lobby", { payload: "twice", ref: "r" }),
      Refusal,
    );
    assertEquals([code, field], ["conflict", "ref"]);
  });

  /** What does not fit, and the field that the refusal names. */
  const wrong: readonly (readonly [what: string, fields: unknown, field: string, room?: string])[] =
    [
      ["a room that cannot be", { payload: "x" }, "room", "a\u200bb"],
      ["a text with NUL", { payload: "\0" }, "payload"],
      ["half a surrogate pair", { payload: "\ud800" }, "payload"],
      ["a text that is none", { payload: { text: "x" } }, "payload"],
      ["a chat with a name", { payload: "x", name: "x" }, "name"],
      ["a chat that is durable", { payload: "x", durable: true }, "durable"],
      ["a chat that is retained", { payload: "x", retain: false }, "retain"],
      ["an event whose name is blank", { type: "custom", name: " ", payload: 1 }, "name"],
      [
        "a payload too deep",
        { type: "custom", name: "x", payload: nested(MAX_DEPTH + 1) },
        "payload",
      ],
      [
        "a payload with NUL in a key",
        { type: "custom", name: "x", payload: { "\0": 1 } },
        "payload",
      ],
      ["durable as text", { type: "custom", name: "x", payload: 1, durable: "yes" }, "durable"],
      [
        "durable and retained",
        { type: "custom", name: "x", payload: 1, durable: true, retain: true },
        "retain",
      ],
      ["a ref of 65 characters", { payload: "x", ref: "r".repeat(65) }, "ref"],
      ["a sender without a name", { payload: "x", from: { id: "x" } }, "from"],
      ["a sender without an id", { payload: "x", from: { name: "x" } }, "from"],
      ["a sender with an empty id", { payload: "x", from: { id: "", name: "x" } }, "from"],
      ["a sender with a line feed", { payload: "x", from: { id: "a\nb", name: "x" } }, "from"],
      ["a sender with a blank name", { payload: "x", from: { id: "x", name: "\u3164" } }, "from"],
      [
        "a sender with 257 bytes of info",
        { payload: "x", from: { id: "x", name: "x", info: "i".repeat(255) } },
        "from",
      ],
      ["a sender with an unknown field", { payload: "x", from: { ...SERVER, admin: 1 } }, "from"],
      ["a field that there is not", { payload: "x", colour: "red" }, "colour"],
    ];

  Deno.test(`${way}: what does not fit is refused by name, and nothing is stored or sent`, async () => {
    await using server = await serveWithKey();
    await using alice = await member(server);
    for (const [what, fields, field, room = "lobby"] of wrong) {
      const refusal = await assertRejects(() => say(server, room, fields as Fields), Refusal);
      assertEquals([refusal.code, refusal.field], ["bad_field", field], what);
    }
    assertEquals((await told(alice)).filter(({ type }) => type !== "system"), []);
    assertEquals((await server.history("lobby")).head, 0);
  });

  Deno.test(`${way}: there is no limit of rate`, async () => {
    await using server = await serveWithKey({
      rate: 1,
      burst: 1,
      addressRate: 1,
      addressBurst: 20,
    });
    for (let n = 1; n <= 200; n++) await say(server, "lobby", { payload: `${n}` });
    for (let n = 1; n <= 200; n++) {
      await say(server, "lobby", { type: "custom", name: "x", payload: n });
    }
    assertEquals((await server.history("lobby")).head, 200);
  });
}

function nested(depth: number): Json {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

// --- in process ----------------------------------------------------------------------------------

Deno.test("emit() refuses what JSON cannot hold", async () => {
  await using server = await serve();
  const circle: Record<string, unknown> = {};
  circle.itself = circle;
  const values: unknown[] = [
    undefined,
    NaN,
    Infinity,
    1n,
    Symbol("x"),
    () => 1,
    { a: undefined },
    [() => 1],
    new Date(),
    new Map([[1, 2]]),
    { toJSON: () => 1 },
    circle,
  ];
  for (const value of values) {
    const act = () => server.emit("lobby", "x", value as Json, { durable: true });
    const { code, field } = await assertRejects(act, Refusal);
    assertEquals([code, field], ["bad_field", "payload"]);
  }
  assertEquals((await server.history("lobby")).head, 0);
});

Deno.test("publish() and emit() take a mebibyte of text, and refuse a character more", async () => {
  await using server = await serve();
  await using alice = await member(server);
  const text = "x".repeat(MAX_PUBLICATION_BYTES - 2); // with its quotation marks
  await server.publish("lobby", text);
  assertEquals((await alice.next("chat")).payload, text);
  for (
    const act of [
      () => server.publish("lobby", text + "x"),
      () => server.emit("lobby", "x", Array(60_000).fill(1e20)),
    ]
  ) {
    const { code, field } = await assertRejects(act, Refusal);
    assertEquals([code, field], ["too_large", "payload"]);
  }
});

Deno.test("publish() and emit() store in the order of the calls, whether or not they are awaited", async () => {
  await using server = await serve();
  await using alice = await member(server);
  const said = Array.from(
    { length: 50 },
    (_, n) =>
      n % 2 === 0
        ? server.publish("lobby", `${n}`)
        : server.emit("lobby", "x", `${n}`, { durable: true }),
  );
  const events = await Promise.all(said);
  assertEquals(
    events.map(({ seq, payload }) => [seq, payload]),
    said.map((_, n) => [n + 1, `${n}`]),
  );
  await alice.next("custom", ({ seq }) => seq === 50);
});

Deno.test("publish() takes an option that is undefined for one that is missing", async () => {
  await using server = await serve();
  const from = JSON.parse('{"id":"ada","name":"Ada"}');
  const options = { ref: undefined, from: { ...from, info: undefined } };
  assertEquals((await server.publish("lobby", "x", options)).from, from);
  assertEquals((await server.emit("lobby", "x", 1, { durable: undefined })).seq, undefined);
});

Deno.test("publish() needs no member, and makes none", async () => {
  await using server = await serve();
  await server.publish("empty", "is anybody here?");
  assertEquals([server.roomCount, (await server.history("empty")).head], [0, 1]);
  assertEquals(await server.members("empty"), { memberCount: 0, members: [] });
});

Deno.test("publish() is refused as unavailable when the server has stopped", async () => {
  const server = await serve();
  await server.stop();
  const { code } = await assertRejects(() => server.publish("lobby", "too late"), Refusal);
  assertEquals(code, "unavailable");
});

Deno.test("history() returns the pages that GET messages returns", async () => {
  await using server = await serve();
  for (let n = 1; n <= 60; n++) await server.publish("lobby", `${n}`);
  const ranges = [{}, { limit: 3 }, { after: 58 }, { before: 4 }, { after: 60 }, { before: 0 }];
  for (const range of ranges) {
    const query = new URLSearchParams(Object.entries(range).map(([name, n]) => [name, `${n}`]));
    const { json } = await ask(server, `${MESSAGES}?${query}`);
    const page = await server.history("lobby", range);
    assertEquals({ room: "lobby", ...page } as unknown, json);
  }
  const wrong = [
    [{ limit: 0 }, "limit"],
    [{ limit: 201 }, "limit"],
    [{ after: -1 }, "after"],
    [{ before: 1.5 }, "before"],
    [{ after: 1, before: 2 }, "before"],
  ] as const;
  for (const [range, field] of wrong) {
    const refusal = await assertRejects(() => server.history("lobby", range), Refusal);
    assertEquals([refusal.code, refusal.field], ["bad_field", field]);
  }
  assertEquals((await assertRejects(() => server.history(".."), Refusal)).field, "room");
  assertEquals((await assertRejects(() => server.members(""), Refusal)).field, "room");
});

// --- over HTTP -----------------------------------------------------------------------------------

Deno.test("POST messages with a key answers 201, then 200 for a retry, and 204 for what is not stored", async () => {
  await using server = await serveWithKey();
  const statuses = async (body: unknown) => [
    (await post(server, body)).status,
    (await post(server, body)).status,
  ];
  assertEquals(await statuses({ payload: "x", ref: "r" }), [201, 200]);
  const event = { type: "custom", name: "x", payload: 1, ref: "e" };
  assertEquals(await statuses({ ...event, durable: true }), [201, 200]);
  assertEquals(await statuses(event), [204, 204]);
});

Deno.test("POST messages takes a body of a mebibyte with a key, and of frameBytes without", async () => {
  await using server = await serveWithKey();
  await using alice = await member(server);
  const bodyOf = (bytes: number) => {
    const empty = JSON.stringify({ type: "custom", name: "x", durable: true, payload: "" });
    return empty.replace('""', `"${"x".repeat(bytes - empty.length)}"`);
  };
  const sendAll = async (bytes: number, headers: Record<string, string>) => {
    const announced = {
      method: "POST",
      body: bodyOf(bytes),
      headers: { ...JSON_TYPE, ...headers },
    };
    const chunked = { ...announced, body: new Blob([announced.body]).stream() };
    const answers = [await fetch(server.url + MESSAGES, announced)];
    answers.push(await fetch(server.url + MESSAGES, chunked));
    return await Promise.all(
      answers.map(async (answer) => [answer.status, (await answer.json()).code]),
    );
  };
  const one = MAX_PUBLICATION_BYTES;
  assertEquals(await sendAll(one, bearer(KEY)), [[201, undefined], [201, undefined]]);
  assertEquals(String((await alice.next("custom")).payload).length > 1_000_000, true);
  assertEquals(await sendAll(one + 1, bearer(KEY)), [[413, "too_large"], [413, "too_large"]]);
  assertEquals(await sendAll(16_385, {}), [[413, "too_large"], [413, "too_large"]]);
});

Deno.test("POST messages without a key knows only the fields of a user", async () => {
  await using server = await serveWithKey();
  for (const field of ["type", "from", "durable", "retain"]) {
    const body = { payload: "x", [field]: "chat" };
    const { json } = await ask(server, MESSAGES, { method: "POST", body });
    assertEquals([json.code, json.field], ["bad_field", field]);
  }
});

Deno.test("POST /publish stores in a thousand rooms, and lists the seq of each", async () => {
  await using server = await serveWithKey();
  await using alice = await member(server, { room: "room 7" });
  await server.publish("room 3", "before");
  const rooms = Array.from({ length: 1000 }, (_, n) => `room ${n}`);
  const body = { rooms, payload: "to all", ref: "r", from: ADA };
  const { status, json } = await post(server, body, "/publish");
  assertEquals(status, 200);
  const expected = rooms.map((room) => ({ room, seq: room === "room 3" ? 2 : 1 }));
  assertEquals(json.rooms as unknown, expected);
  assertEquals((await alice.next("chat")).payload, "to all");
  const again = await post(server, body, "/publish");
  assertEquals(again.status, 200);
  assertEquals(again.json.rooms as unknown, expected.map((line) => ({ ...line, repeated: true })));
  for (const room of ["room 0", "room 3", "room 999"]) {
    const { head, messages } = await server.history(room);
    assertEquals([messages.at(-1)?.payload, head], ["to all", room === "room 3" ? 2 : 1]);
  }
});

Deno.test("POST /publish of a megabyte to many rooms leaves the queue to others", async () => {
  await using server = await serveWithKey();
  await using alice = await member(server);
  const rooms = Array.from({ length: 40 }, (_, n) => `room ${n}`);
  const text = "x".repeat(1_000_000);
  const publishing = post(server, { rooms, payload: text }, "/publish");
  let isDone = false;
  void publishing.then(() => isDone = true);
  for (let n = 0; !isDone; n++) {
    alice.send({ type: "chat", payload: `${n}`, ref: `${n}` });
    await alice.next("chat", ({ ref }) => ref === `${n}`);
  }
  const { status, json } = await publishing;
  assertEquals([status, json.rooms.length], [200, 40]);
});

Deno.test("POST /publish of an event that is not stored reaches the rooms", async () => {
  await using server = await serveWithKey();
  await using alice = await member(server, { room: "a" });
  await using bob = await member(server, { room: "b" });
  const body = { rooms: ["a", "b", "c"], type: "custom", name: "tick", payload: { n: 1 } };
  assertEquals((await post(server, body, "/publish")).status, 204);
  for (const client of [alice, bob]) assertEquals((await client.next("custom")).payload, { n: 1 });
});

Deno.test("POST /publish lists the rooms that failed beside those that did not", async () => {
  await using server = await serveWithKey();
  await server.publish("b", "another text", { ref: "r" });
  const body = { rooms: ["a", "b", "c"], payload: "text", ref: "r" };
  const { status, json } = await post(server, body, "/publish");
  const [a, b, c] = json.rooms as unknown as Record<string, unknown>[];
  assertEquals([status, a, c], [207, { room: "a", seq: 1 }, { room: "c", seq: 1 }]);
  const { code, field, detail } = b?.error as Record<string, string>;
  assertEquals([b?.room, code, field], ["b", "conflict", "ref"]);
  assertStringIncludes(detail ?? "", "ref");
});

Deno.test("POST /publish of a retained event is given to whoever joins a room where it fits", async () => {
  await using server = await serveWithKey();
  await server.emit("full", "other", "x".repeat(60_000), { retain: true });
  const event = { type: "custom", name: "topic", payload: "x".repeat(10_000), retain: true };
  assertEquals((await post(server, { rooms: ["a", "b"], ...event }, "/publish")).status, 204);
  const { status, json } = await post(server, { rooms: ["full", "c"], ...event }, "/publish");
  const [full, c] = json.rooms as unknown as Record<string, { readonly code?: string }>[];
  assertEquals([status, full?.error?.code, c as unknown], [207, "too_large", { room: "c" }]);
  await using alice = await member(server, { room: "c" });
  assertEquals((await alice.next("custom")).retained, true);
});

Deno.test("a room that stores nothing refuses the application's text, and takes its events", async () => {
  const rules = [{ match: "fleeting", store: false }];
  await using server = await serve({ apiKeys: KEY }, { rules });
  const act = () => server.publish("fleeting", "x");
  assertEquals((await assertRejects(act, Refusal)).code, "forbidden");
  await using alice = await member(server, { room: "fleeting" });
  await server.emit("fleeting", "x", 1);
  assertEquals((await alice.next("custom")).payload, 1);
});

Deno.test("POST /publish refuses a list with one bad room as a whole, and names it", async () => {
  await using server = await serveWithKey();
  const cases: readonly (readonly [rooms: unknown, field: string])[] = [
    [["a", "b\u200b", "c"], "rooms[1]"],
    [["a", 7], "rooms[1]"],
    [["a", "b", "a"], "rooms[2]"],
    [[], "rooms"],
    ["a", "rooms"],
    [Array.from({ length: 1001 }, (_, n) => `room ${n}`), "rooms"],
    [undefined, "rooms"],
  ];
  for (const [rooms, field] of cases) {
    const { status, json } = await post(server, { rooms, payload: "x" }, "/publish");
    assertEquals([status, json.code, json.field], [400, "bad_field", field]);
  }
  assertEquals((await server.history("a")).head, 0);
});

Deno.test("with a key all rooms can be read, whatever authorize() says", async () => {
  await using server = await serve({ apiKeys: KEY }, { authorize: () => "none" });
  await server.publish("vip", "secret");
  assertEquals((await get(server, "/rooms/vip/messages")).json.head, 1);
  assertEquals((await get(server, "/rooms/vip/members")).status, 200);
  assertEquals((await post(server, { payload: "x" }, "/rooms/vip/messages")).status, 201);
  for (const path of ["messages", "members", "members/x"]) {
    assertEquals((await ask(server, `/rooms/vip/${path}`)).json.code, "forbidden");
  }
});

// --- members -------------------------------------------------------------------------------------

/** The user of a member. */
async function userOf(client: Client): Promise<User> {
  client.send({ type: "hello" });
  return (await client.next("welcome")).user;
}

Deno.test("members are listed to whoever may read the room, and each can be asked for", async () => {
  await using server = await serveWithKey();
  await using alice = await member(server);
  await using _again = await member(server, { name: "Bob" });
  const user = await userOf(alice);
  const { memberCount, members } = await server.members("lobby");
  assertEquals([memberCount, members.map(({ name }) => name).sort()], [2, ["Alice", "Bob"]]);
  for (const headers of [{}, bearer(KEY)]) {
    const list = await ask(server, "/rooms/lobby/members", { headers });
    assertEquals(list.json as unknown, { room: "lobby", memberCount, members });
    const one = await ask(server, `/rooms/lobby/members/${user.id}`, { headers });
    assertEquals([one.status, one.json as unknown], [200, user]);
    const none = await ask(server, "/rooms/lobby/members/nobody", { headers });
    assertEquals([none.status, none.json.code], [404, "not_found"]);
    const elsewhere = await ask(server, `/rooms/empty/members/${user.id}`, { headers });
    assertEquals([elsewhere.status, elsewhere.json.code], [404, "not_found"]);
    const longest = `/rooms/${"%F0%9F%98%80".repeat(64)}/members/${"%F0%9F%98%80".repeat(128)}`;
    assertEquals((await ask(server, longest, { headers })).status, 404);
    const malformed = await ask(server, "/rooms/lobby/members/%00", { headers });
    assertEquals([malformed.status, malformed.json.field], [400, "id"]);
  }
});

Deno.test({
  name:
    "over Redis, members of every node are listed by every node, also of rooms that it has not open",
  ignore: WITHOUT_REDIS,
  async fn() {
    await using redis = await RedisProcess.start();
    const options = { apiKeys: KEY, redis: redis.url, graceSeconds: 0 };
    await using a = await serve(options);
    await using b = await serve(options);
    await using alice = await member(a, { room: "hall" });
    const user = await userOf(alice);
    const names = async (server: Server, room: string) =>
      (await server.members(room)).members.map(({ name }) => name).sort();
    assertEquals(await names(a, "hall"), ["Alice"]);
    await until(async () => (await b.members("hall")).memberCount === 1, "Redis to know Alice");
    assertEquals(await names(b, "hall"), ["Alice"]);
    assertEquals(b.roomCount, 0);
    for (const server of [a, b]) {
      assertEquals((await get(server, `/rooms/hall/members/${user.id}`)).json as unknown, user);
      assertEquals((await get(server, "/rooms/hall/members/nobody")).status, 404);
      assertEquals((await get(server, "/rooms/none/members/nobody")).status, 404);
    }
    const bob = await member(b, { room: "hall", name: "Bob" });
    for (const server of [a, b]) {
      await until(async () => (await server.members("hall")).memberCount === 2, "both to be known");
      assertEquals(await names(server, "hall"), ["Alice", "Bob"]);
    }
    await bob.close();
    await until(async () => (await a.members("hall")).memberCount === 1, "Bob to be gone");
    assertEquals(await a.members("none"), { memberCount: 0, members: [] });
    assertEquals(await redis.ask("KEYS", "*none*"), "");
    const rooms = Array.from({ length: 1000 }, (_, n) => n === 500 ? "hall" : `room ${n}`);
    const published = await post(a, { rooms, payload: "to all" }, "/publish");
    assertEquals([published.status, published.json.rooms as unknown], [
      200,
      rooms.map((room) => ({ room, seq: 1 })),
    ]);
    assertEquals((await alice.next("chat")).payload, "to all");
    assertEquals((await b.history("room 999")).messages.length, 1);
    // What the application says on one node reaches the members on the others.
    await b.publish("hall", "hello");
    assertEquals((await alice.next("chat")).payload, "hello");
    await b.emit("hall", "topic", 1, { retain: true });
    await using carol = await member(a, { room: "hall", name: "Carol" });
    assertEquals((await carol.next("custom")).retained, true);
    await b.emit("hall", "x", [1]);
    assertEquals((await alice.next("custom", ({ name }) => name === "x")).payload, [1]);
  },
});

// --- many ----------------------------------------------------------------------------------------

const MANY = IS_LONG
  ? { members: 1000, messages: 3000, perSecond: 100 }
  : { members: 50, messages: 100, perSecond: Infinity };

Deno.test(`${MANY.messages} publishes reach ${MANY.members} members, all in order`, async () => {
  const { members, messages, perSecond } = MANY;
  // The audience answers no ping of the runtime, which would hang up in the end.
  await using server = await serveWithKey({ heartbeatSeconds: 3600 });
  await using audience = await Audience.join(server, MANY);
  const begin = performance.now();
  const published: Promise<unknown>[] = [];
  for (let index = 0; index < messages; index++) {
    const waitMs = begin + index * 1000 / perSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const isEven = index % 2 === 0;
    published.push(
      isEven ? server.publish("lobby", `${index}`) : post(server, { payload: `${index}` }),
    );
  }
  await Promise.all(published);
  const publishedSeconds = (performance.now() - begin) / 1000;
  assertEquals(await audience.heard(), { complete: members });
  const lagSeconds = (performance.now() - begin) / 1000 - publishedSeconds;
  if (!IS_LONG) return;
  const rate = (messages / publishedSeconds).toFixed(1);
  // deno-lint-ignore no-console
  console.log(`${rate} publishes a second; all had all ${lagSeconds.toFixed(2)} s after the last`);
});
