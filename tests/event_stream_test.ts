/**
 * A room as server-sent events: the same events as over WebSocket, from the same cursor.
 *
 * @module
 */
import { SqliteBroker } from "../server/broker/sqlite/sqlite_broker.ts";
import { StaticFiles } from "../server/http/static_files.ts";
import { silentLog } from "../server/log.ts";
import type { Options } from "../server/mod.ts";
import { completeOptions } from "../server/options.ts";
import { Server } from "../server/server.ts";
import { assert, assertEquals, assertGreater } from "./support/assert.ts";
import { member, serve, until } from "./support/harness.ts";
import { ask, bearer, fill, say } from "./support/http.ts";
import { Stream } from "./support/stream.ts";

const EVENTS = "/rooms/lobby/events";

// --- what comes ----------------------------------------------------------------------------------

Deno.test("a stream gets welcome, joined and the recent messages, then live ones", async () => {
  await using server = await serve({ recentMessages: 2 });
  await fill(server, 5);
  await using stream = await Stream.open(server, { query: { name: "Ann" } });
  const welcome = await stream.event();
  assert(welcome?.type === "welcome" && welcome.user.name === "Ann");
  const joined = await stream.event();
  assert(joined?.type === "joined");
  assertEquals([joined.seq, joined.recovered], [5, false]);
  assertEquals((await stream.take("chat", 2)).map(({ seq }) => seq), [4, 5]);
  const { json } = await say(server, "now");
  assertEquals(await stream.next("chat"), json);
  assertEquals(stream.lastEventId, `${joined.epoch}:6`);
  const ids = stream.blocks.map(({ id }) => id).filter((id) => id !== undefined);
  assertEquals(ids, [3, 4, 5, 6].map((seq) => `${joined.epoch}:${seq}`));
});

Deno.test("a stream gets the same events as a socket, each in one block", async () => {
  await using server = await serve();
  await using stream = await Stream.open(server);
  await stream.next("joined");
  await using alice = await member(server, { name: "Alice" });
  const payload = { odd: "\u2028\r\n\n\ndata: {}", deep: [1, null, true] };
  alice.send(
    { type: "chat", payload: "a\nb\r\n\r\nid: 9" },
    { type: "custom", name: "kept", payload, durable: true },
    { type: "custom", name: "passing", payload },
    { type: "typing", payload: true },
    { type: "rename", name: "Alicia" },
  );
  assertEquals((await stream.next("system")).payload, "Alice joined.");
  assertEquals(await stream.next("chat"), await alice.next("chat"));
  const kept = await stream.next("custom", ({ name }) => name === "kept");
  assertEquals(kept, await alice.next("custom", ({ name }) => name === "kept"));
  assertEquals([kept.seq, kept.payload], [2, payload]);
  // Which order these come in is not promised: they are not in the log.
  await until(
    () =>
      ["passing", '"typing"', "renamed"].every((word) =>
        JSON.stringify(stream.blocks).includes(word.replaceAll('"', '\\"'))
      ),
    "what is not stored",
  );
  const withId = stream.blocks.filter(({ id }) => id?.match(/:[12]$/));
  assertEquals(withId.length, 2);
});

Deno.test("the user of a stream is a member: the others are told when it comes and goes", async () => {
  await using server = await serve({ graceSeconds: 0 });
  await using alice = await member(server);
  {
    await using _stream = await Stream.open(server, { query: { name: "Ann" } });
    await alice.next("system", ({ payload }) => payload === "Ann joined.");
    assertEquals((await ask(server, "/rooms")).json.rooms[0]?.memberCount, 2);
    assertEquals(server.connectionCount, 2);
  }
  await alice.next("system", ({ payload }) => payload === "Ann left.");
  await until(() => server.connectionCount === 1, "the stream to be cleaned up");
});

Deno.test("a stream's welcome has the token to post as the same user", async () => {
  await using server = await serve();
  await using stream = await Stream.open(server, { query: { name: "Ann" } });
  const { user, token } = await stream.next("welcome");
  await stream.next("joined");
  const { json } = await say(server, "it is me", {}, bearer(token));
  assertEquals(json.from, user);
  assertEquals(await stream.next("chat"), json);
  for (const how of [{ query: { token } }, { headers: bearer(token) }]) {
    await using again = await Stream.open(server, how);
    assertEquals((await again.next("welcome")).user, user);
  }
});

Deno.test("a stream is kept alive at every heartbeat, out of the way of onmessage", async () => {
  await using server = await serve({ heartbeatSeconds: 0.05 });
  await using stream = await Stream.open(server);
  await stream.next("ping");
  await stream.next("ping");
  const ping = stream.blocks.find(({ comment }) => comment !== undefined);
  assertEquals([ping?.event, ping?.id], ["ping", undefined]);
});

Deno.test("a stream is not stored, changed or gathered on its way", async () => {
  await using server = await serve();
  const response = await fetch(server.url + EVENTS, { headers: { "accept-encoding": "gzip" } });
  await response.body?.cancel();
  const { headers } = response;
  assertEquals(headers.get("content-type"), "text/event-stream");
  assertEquals(headers.get("cache-control"), "no-store, no-transform");
  assertEquals(headers.get("content-encoding"), null);
  await until(() => server.connectionCount === 0, "the stream to be cleaned up");
});

// --- resuming ------------------------------------------------------------------------------------

for (const how of ["Last-Event-ID", "after"] as const) {
  Deno.test(`a stream resumes by ${how}: what was missed, and nothing else`, async () => {
    await using server = await serve({ recentMessages: 2 });
    await fill(server, 300);
    const { epoch } = (await ask(server, "/rooms/lobby/messages")).json;
    const id = `${epoch}:20`;
    await using stream = await Stream.open(
      server,
      how === "after" ? { query: { after: id } } : { lastEventId: id, query: { after: "z:1" } },
    );
    assertEquals((await stream.next("joined")).recovered, true);
    // Its cursor is its own: an id here would set it to another, and a cut now would cost messages.
    assertEquals(stream.blocks.find(({ data }) => data?.includes('"joined"'))?.id, undefined);
    const seqs = (await stream.take("chat", 280)).map(({ seq }) => seq);
    assertEquals(seqs, Array.from({ length: 280 }, (_, n) => n + 21));
  });
}

Deno.test("a stream that cannot resume says so, and begins afresh", async () => {
  await using server = await serve({ recentMessages: 2, retainMessages: 20 });
  // Batches are pruned whole: several of them.
  for (let n = 0; n < 8; n++) await fill(server, 10);
  const { epoch } = (await ask(server, "/rooms/lobby/messages")).json;
  for (const cursor of ["another:5", `${epoch}:81`, `${epoch}:0`, `${epoch}:9007199254740991`]) {
    await using stream = await Stream.open(server, { lastEventId: cursor });
    const joined = await stream.next("joined");
    assertEquals([joined.recovered, joined.seq], [false, 80], cursor);
    assertEquals((await stream.take("chat", 2)).map(({ seq }) => seq), [79, 80]);
  }
});

Deno.test("a stream cut before its first message resumes where it was", async () => {
  await using server = await serve({ recentMessages: 2 });
  let lastEventId: string;
  {
    await using stream = await Stream.open(server);
    await stream.next("joined");
    lastEventId = stream.lastEventId;
  }
  await fill(server, 10);
  await using stream = await Stream.open(server, { lastEventId });
  assertEquals((await stream.next("joined")).recovered, true);
  assertEquals((await stream.take("chat", 10)).map(({ seq }) => seq).at(0), 1);
});

// --- refusals and limits ---------------------------------------------------------------------------

const REFUSALS: readonly (readonly [
  what: string,
  query: string,
  headers: Record<string, string>,
  status: number,
  field?: string,
])[] = [
  ["the cursor is bare", "after=12", {}, 400, "after"],
  ["the cursor is negative", "after=e:-1", {}, 400, "after"],
  ["the cursor has no epoch", "after=:1", {}, 400, "after"],
  ["the cursor is not safe", "after=e:9007199254740993", {}, 400, "after"],
  ["the cursor is endless", `after=${"e".repeat(5000)}:1`, {}, 400, "after"],
  ["the cursor is digits without end", `after=e:${"1".repeat(5000)}`, {}, 400, "after"],
  ["the name is no name", "name=%00", {}, 400, "name"],
  ["the token is forged", "token=ab.cd", {}, 401, "token"],
  ["the origin is another", "", { origin: "https://evil.example" }, 403],
];

for (const [what, query, headers, status, field] of REFUSALS) {
  Deno.test(`a stream is refused when ${what}`, async () => {
    await using server = await serve();
    const { status: actual, json } = await ask(server, `${EVENTS}?${query}`, { headers });
    assertEquals([actual, json.field], [status, field]);
    assertEquals([server.connectionCount, server.roomCount], [0, 0]);
  });
}

const LIMITS: readonly (readonly [Partial<Options>, number, string | undefined])[] = [
  [{ maxConnections: 1 }, 503, "unavailable"],
  [{ maxConnectionsPerAddress: 1 }, 429, "rate_limited"],
  [{ maxMembersPerRoom: 1 }, 503, "room_full"],
];

for (const [options, status, code] of LIMITS) {
  Deno.test(`a stream is counted: one too many under ${JSON.stringify(options)}`, async () => {
    await using server = await serve(options);
    {
      await using _first = await Stream.open(server);
      const { status: actual, json, headers } = await ask(server, EVENTS);
      assertEquals([actual, json.code], [status, code]);
      assertGreater(Number(headers.get("retry-after")), 0);
      assertEquals(server.connectionCount, 1);
    }
    await until(() => server.connectionCount === 0, "the stream to be cleaned up");
    await using _next = await Stream.open(server);
  });
}

Deno.test("a stream is refused when the user may not join", async () => {
  await using server = await serve({}, { authorize: () => "none" });
  assertEquals((await ask(server, EVENTS)).json.code, "forbidden");
  assertEquals(server.connectionCount, 0);
});

Deno.test("a stream that cannot be let in after all is told so, and ends", async () => {
  const options = completeOptions({ port: 0, db: ":memory:" });
  const broker = await SqliteBroker.open({ ...options, path: ":memory:" });
  broker.open = () => Promise.reject(new Error("away"));
  await using server = new Server({
    options,
    broker,
    files: await StaticFiles.load(),
    log: silentLog,
  });
  server.listen();
  await using stream = await Stream.open(server);
  assertEquals((await stream.next("error")).code, "unavailable");
  assertGreater(stream.retry ?? 0, 4000);
  await until(() => stream.ended, "the stream to end");
  await until(() => server.connectionCount === 0, "the stream to be cleaned up");
});
