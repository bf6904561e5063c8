/**
 * Rooms over plain HTTP: what is read and what is said.
 *
 * @module
 */
import type { ChatEvent } from "../server/mod.ts";
import { assert, assertEquals, assertMatch } from "./support/assert.ts";
import { member, serve, until } from "./support/harness.ts";
import { ask, bearer, MESSAGES, say, tokenOf } from "./support/http.ts";

// --- what is read ------------------------------------------------------------------------------

Deno.test("GET /rooms lists the rooms with members, the fullest first", async () => {
  await using server = await serve();
  assertEquals((await ask(server, "/rooms")).json.rooms, []);
  await using _a = await member(server, { room: "small" });
  await using _b = await member(server, { room: "large" });
  await using _c = await member(server, { room: "large" });
  const { json, headers } = await ask(server, "/rooms");
  assertEquals(json.rooms, [{ name: "large", memberCount: 2 }, { name: "small", memberCount: 1 }]);
  assertEquals(headers.get("cache-control"), "no-store");
});

Deno.test("GET /rooms leaves out rooms that the caller may not join", async () => {
  await using server = await serve({}, {
    authorize: (user, room) => room !== "vip" || user.name === "Ann" ? "write" : "none",
  });
  await using ann = await member(server, { name: "Ann", room: "vip" });
  ann.send({ type: "hello" });
  const { token } = await ann.next("welcome");
  assertEquals((await ask(server, "/rooms")).json.rooms, []);
  assertEquals((await ask(server, "/rooms", { headers: bearer(token) })).json.rooms.length, 1);
  assertEquals((await ask(server, "/rooms/vip/messages")).json.code, "forbidden");
  const mine = await ask(server, "/rooms/vip/messages", { headers: bearer(token) });
  assertEquals(mine.status, 200);
});

Deno.test("GET messages answers pages that join without gap or repeat, both ways", async () => {
  await using server = await serve();
  await using alice = await member(server);
  for (let seq = 1; seq <= 120; seq++) alice.send({ type: "chat", payload: `m${seq}` });
  const live = await alice.take("chat", 120);

  const forward: ChatEvent[] = [];
  for (let after = 0; after < 120; after = forward.at(-1)?.seq ?? 120) {
    const { json } = await ask(server, `${MESSAGES}?after=${after}&limit=7`);
    assertEquals([json.room, json.head], ["lobby", 120]);
    forward.push(...json.messages);
  }
  assertEquals(forward, live);

  const backward: ChatEvent[] = [];
  for (let before = 121; before > 1; before = backward[0]?.seq ?? 1) {
    backward.unshift(...(await ask(server, `${MESSAGES}?before=${before}&limit=7`)).json.messages);
  }
  assertEquals(backward, live);
});

Deno.test("GET messages answers the newest 50 unless asked, and nothing beyond the ends", async () => {
  await using server = await serve();
  await using alice = await member(server);
  for (let seq = 1; seq <= 60; seq++) alice.send({ type: "chat", payload: `m${seq}` });
  await alice.take("chat", 60);
  const seqs = async (query: string) =>
    (await ask(server, MESSAGES + query)).json.messages.map(({ seq }) => seq);
  assertEquals((await seqs("")).length, 50);
  assertEquals((await seqs("")).at(-1), 60);
  assertEquals(await seqs("?limit=2"), [59, 60]);
  assertEquals(await seqs("?before=3"), [1, 2]);
  assertEquals(await seqs("?before=9000000&limit=1"), [60]);
  assertEquals(await seqs("?before=1"), []);
  assertEquals(await seqs("?before=0"), []);
  assertEquals(await seqs("?after=60"), []);
  assertEquals(await seqs(`?after=${Number.MAX_SAFE_INTEGER}`), []);
});

Deno.test("GET messages of a new room is an empty page", async () => {
  await using server = await serve();
  const { status, json } = await ask(server, "/rooms/%F0%9F%98%80%2F%20x/messages");
  assertEquals([status, json.room, json.head, json.messages], [200, "😀/ x", 0, []]);
  assertEquals(server.roomCount, 0);
});

// --- what is said ------------------------------------------------------------------------------

Deno.test("POST messages stores, shows the room, and answers with the event", async () => {
  await using server = await serve();
  await using alice = await member(server);
  const { status, json, headers } = await say(server, "hello", { name: "Curl", ref: "r1" });
  assertEquals(status, 201);
  assertEquals(json, await alice.next("chat"));
  assertEquals([json.payload, json.from.name, json.ref, json.seq], ["hello", "Curl", "r1", 1]);
  // Relative (RFC 9110 §10.2.2): right also behind a proxy that serves us under a prefix.
  const location = headers.get("location") ?? "";
  const seen = new URL(location, "https://example.com/chat/rooms/lobby/messages");
  assertEquals(seen.pathname, "/chat/rooms/lobby/messages");
  const { pathname, search } = new URL(location, server.url + MESSAGES);
  const stored = await ask(server, pathname + search);
  assertEquals(stored.json.messages, [json]);
});

Deno.test("POST messages makes no member", async () => {
  await using server = await serve();
  const { status } = await say(server, "is anybody here?");
  assertEquals([status, server.roomCount], [201, 0]);
  assertEquals((await ask(server, MESSAGES)).json.head, 1);
});

Deno.test("POST messages with one ref five times in parallel stores once", async () => {
  await using server = await serve();
  await using alice = await member(server);
  const { token } = await tokenOf(server, "Bob");
  for (const headers of [bearer(token), {}]) {
    const { head } = (await ask(server, MESSAGES)).json;
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => say(server, "once", { ref: "same" }, headers)),
    );
    assertEquals(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 201]);
    const [first] = answers;
    for (const { json } of answers) assertEquals(json, first?.json);
    assertEquals(first?.json.seq, head + 1);
    assertEquals((await ask(server, MESSAGES)).json.head, head + 1);
  }
  assertEquals((await alice.take("chat", 2)).map(({ seq }) => seq), [1, 2]);
});

Deno.test("POST messages with one ref is one message over WebSocket and HTTP", async () => {
  await using server = await serve();
  await using alice = await member(server);
  alice.send({ type: "hello" });
  const { token } = await alice.next("welcome");
  alice.send({ type: "chat", payload: "once", ref: "same" });
  const echo = await alice.next("chat");
  const { status, json } = await say(server, "once", { ref: "same" }, bearer(token));
  assertEquals([status, json], [200, echo]);
});

Deno.test("POST messages with a token and a name renames that user", async () => {
  await using server = await serve();
  const { id, token } = await tokenOf(server, "Bob");
  const named = await say(server, "hi", { name: "Robert" }, bearer(token));
  assertEquals(named.json.from, { id, name: "Robert" });
  const byQuery = await ask(server, `${MESSAGES}?token=${token}`, {
    method: "POST",
    body: { payload: "hi" },
  });
  assertEquals(byQuery.json.from.id, id);
  const [one, other] = [await say(server, "hi"), await say(server, "hi")];
  assert(one.json.from.id !== other.json.from.id, "guests are strangers to each other");
  assertMatch(one.json.from.name, /^Guest-/);
});

Deno.test("POST messages keeps what is odd but allowed, to the byte", async () => {
  await using server = await serve();
  await using alice = await member(server);
  const payload = '\u2028"\\</script>\u{1F600}\n\r\n\nid: x\n\ndata: {}\n\n';
  const { json } = await say(server, payload);
  assertEquals(json.payload, payload);
  assertEquals((await alice.next("chat")).payload, payload);
});

Deno.test(`POST messages needs the right to write`, async () => {
  await using server = await serve({}, { authorize: () => "read" });
  const { status, json } = await say(server, "may I?");
  assertEquals([status, json.code], [403, "forbidden"]);
});

Deno.test("POST hello returns a token that makes later requests the same user", async () => {
  await using server = await serve();
  const hello = (name: string, headers = {}) =>
    ask(server, "/hello", { method: "POST", body: { name }, headers });
  const { status, json } = await hello("Ann");
  assertEquals([status, json.user.name], [200, "Ann"]);
  const again = await hello("Anna", bearer(json.token));
  assertEquals(again.json.user, { id: json.user.id, name: "Anna" });
  const said = await say(server, "it is me", { name: "Anna" }, bearer(json.token));
  assertEquals(said.json.from, again.json.user);
});

Deno.test("POST typing reaches the others, once a second for each user", async () => {
  await using server = await serve();
  await using alice = await member(server);
  const { token } = await tokenOf(server, "Bob");
  const type = () =>
    ask(server, `/rooms/lobby/typing?token=${token}`, {
      method: "POST",
      body: { payload: true, name: "Bob" },
    });
  assertEquals((await type()).status, 204);
  assertEquals((await type()).status, 204);
  await say(server, "done");
  const { from, payload } = await alice.next("typing");
  assertEquals([from.name, payload], ["Bob", true]);
  await alice.next("chat");
  assertEquals(alice.frames.filter((frame) => frame.includes('"typing"')).length, 1);
});

Deno.test("POST messages is limited by user and by address", async () => {
  await using server = await serve({ rate: 0.001, burst: 4 });
  const { token } = (await ask(server, "/hello", { method: "POST", body: {} })).json;
  // That was one of the address's.
  for (const [headers, most] of [[{}, 3], [bearer(token), 4]] as const) {
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => say(server, "x", {}, headers)));
    const through = answers.filter(({ status }) => status === 201).length;
    assertEquals(through, most);
    const late = answers.find(({ status }) => status === 429);
    assertEquals(late?.json.code, "rate_limited");
    assert(Number(late?.headers.get("retry-after")) > 100);
    assert((late?.json.retryAfterMs ?? 0) > 100_000);
  }
});

Deno.test("requests under way are answered when the server stops, and none after", async () => {
  const server = await serve();
  const answers = Array.from({ length: 20 }, (_, n) => say(server, `${n}`).catch(() => undefined));
  await until(async () => (await ask(server, MESSAGES)).json.head > 0, "the first to be stored");
  await server.stop();
  for (const answer of await Promise.all(answers)) {
    if (answer !== undefined) assert([201, 503].includes(answer.status), `${answer.status}`);
  }
});
