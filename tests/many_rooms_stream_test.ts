/**
 * Several rooms in one event stream: what comes, from where it resumes, and what is refused.
 *
 * @module
 */
import type { Event, JoinedEvent } from "../server/protocol/messages.ts";
import { NAME } from "../server/protocol/names.ts";
import { assert, assertEquals, assertGreater } from "./support/assert.ts";
import { member, serve, until } from "./support/harness.ts";
import { ask, JSON_TYPE } from "./support/http.ts";
import { seeded } from "./support/random.ts";
import { Stream } from "./support/stream.ts";

const EVENT_STREAM = { accept: "text/event-stream" };
const seed = Math.floor(Math.random() * 2 ** 32);

function post(server: { readonly url: string }, room: string, payload: string) {
  const path = `/rooms/${encodeURIComponent(room)}/messages`;
  return ask(server, path, { method: "POST", body: { payload }, headers: JSON_TYPE });
}

Deno.test("one stream carries several rooms, and its ids list their cursors in the URL's order", async () => {
  await using server = await serve({ recentMessages: 2 });
  for (const n of [1, 2, 3]) await post(server, "a", `a${n}`);
  await using stream = await Stream.open(server, {
    rooms: ["a", 'b, "c"'],
    query: { name: "Ann" },
  });
  assertEquals((await stream.next("welcome")).user.name, "Ann");
  const [first, second] = await stream.take("joined", 2);
  assert(first !== undefined && second !== undefined);
  const epochs = new Map([first, second].map(({ room, epoch }) => [room, epoch]));
  const [a, b] = [epochs.get("a"), epochs.get('b, "c"')];
  await post(server, 'b, "c"', "b1");
  assertEquals(await stream.next("chat", ({ room }) => room !== "a").then(({ seq }) => seq), 1);
  assertEquals(stream.lastEventId, `${a}:3,${b}:1`);
  await post(server, "a", "a4");
  await stream.next("chat", ({ payload }) => payload === "a4");
  assertEquals(stream.lastEventId, `${a}:4,${b}:1`);
  assertEquals(server.connectionCount, 1);
});

for (const how of ["Last-Event-ID", "after"] as const) {
  Deno.test(`a stream of several rooms resumes in each by ${how}`, async () => {
    await using server = await serve({ recentMessages: 1 });
    for (const room of ["a", "b", "c"]) {
      for (let n = 0; n < 5; n++) await post(server, room, `${room}${n + 1}`);
    }
    const epochOf = async (room: string) =>
      (await ask(server, `/rooms/${room}/messages`)).json.epoch;
    const cursors = [`${await epochOf("a")}:2`, "", `${await epochOf("c")}:4`];
    await using stream = await Stream.open(server, {
      rooms: ["a", "b", "c"],
      ...(how === "after"
        ? { after: cursors }
        : { lastEventId: cursors.join(","), after: ["x:1", "x:2", "x:3"] }),
    });
    const joined: JoinedEvent[] = [];
    const texts: string[] = [];
    while (texts.length < 5) {
      const event = await stream.event();
      if (event?.type === "joined") joined.push(event);
      if (event?.type === "chat") texts.push(event.payload);
    }
    assertEquals(texts.toSorted(), ["a3", "a4", "a5", "b5", "c5"]);
    const recovered = joined.map(({ room, recovered }) => [room, recovered]);
    assertEquals(recovered.toSorted(), [["a", true], ["b", false], ["c", true]]);
    assertEquals(stream.lastEventId.split(",").map((id) => id.split(":")[1]), ["5", "5", "5"]);
  });
}

Deno.test(`a stream of many rooms that is cut at random misses and repeats nothing, seed ${seed}`, async () => {
  const random = seeded(seed);
  await using server = await serve();
  const rooms = Array.from({ length: 20 }, (_, n) => `r${n}`);
  const seen = new Map(rooms.map((room) => [room, [] as number[]]));
  let lastEventId = "";
  await using talker = await member(server, { name: "Bob", protocol: "parley.v1.batched" });
  for (const room of rooms) talker.send({ type: "join", room });
  let said = 0;
  let read = 0;
  for (let turn = 0; turn < 12; turn++) {
    const stream = await Stream.open(server, { rooms, lastEventId });
    if (turn === 0) await stream.take("joined", rooms.length);
    for (let n = 0; n < 50; n++, said++) {
      talker.send({ type: "chat", room: rooms[Math.floor(random() * 20)], payload: "x" });
    }
    const note = (event: Event | undefined) => {
      if (event?.type !== "chat") return;
      seen.get(event.room)?.push(event.seq);
      read++;
    };
    const enough = turn === 11 ? said : read + random() * (said - read);
    while (read < enough) note(await stream.event());
    await stream[Symbol.asyncDispose]();
    // What came before the cut was read, and is in its id.
    for (let event = await stream.event(); event !== undefined; event = await stream.event()) {
      note(event);
    }
    lastEventId = stream.lastEventId;
  }
  for (const [room, seqs] of seen) assertEquals(seqs, seqs.map((_, n) => n + 1), room);
  assertEquals([...seen.values()].flat().length, said);
});

Deno.test("a refused room gets an error that names it, and the stream of the others goes on", async () => {
  await using server = await serve(
    { maxMembersPerRoom: 1 },
    { authorize: (_, room) => room === "secret" ? "none" : "write" },
  );
  await using _first = await member(server, { room: "full" });
  await using stream = await Stream.open(server, { rooms: ["secret", "open", "full"] });
  const errors = await stream.take("error", 2);
  assertEquals(errors.map(({ room, code }) => [room, code]), [
    ["secret", "forbidden"],
    ["full", "room_full"],
  ]);
  const joined = await stream.next("joined");
  assertEquals(joined.room, "open");
  const { json } = await post(server, "open", "still here");
  assertEquals(await stream.next("chat"), json);
  assertEquals(stream.lastEventId, `,${joined.epoch}:1,`);
});

Deno.test("a stream whose rooms are all refused for now ends, and says when to come back", async () => {
  await using server = await serve({ maxMembersPerRoom: 1, returnSeconds: 0 });
  await using _a = await member(server, { room: "a" });
  await using _b = await member(server, { room: "b" });
  await using stream = await Stream.open(server, { rooms: ["a", "b"] });
  assertEquals((await stream.take("error", 2)).map(({ room }) => room), ["a", "b"]);
  await until(() => stream.ended, "the stream to end");
  assertGreater(stream.retry ?? 0, 4000);
  await until(() => server.connectionCount === 2, "the stream to be cleaned up");
});

const REFUSALS: readonly (readonly [what: string, query: string, field: string])[] = [
  ["there are 21 rooms", Array.from({ length: 21 }, (_, n) => `room=r${n}`).join("&"), "room"],
  ["a room is named twice", "room=a&room=b&room=a", "room"],
  ["a room's name is none", "room=a&room=%00", "room"],
  ["a room's name is empty", "room=a&room=", "room"],
  ["there is a cursor too many", "room=a&after=e:1&after=e:2", "after"],
  ["a cursor is none", "room=a&room=b&after=&after=12", "after"],
  ["the name is none", "room=a&name=%00", "name"],
  ["the time is none", "room=a&seconds=0", "seconds"],
];

for (const [what, query, field] of REFUSALS) {
  Deno.test(`a stream of several rooms is refused when ${what}, also to a browser`, async () => {
    await using server = await serve();
    for (const headers of [{}, EVENT_STREAM]) {
      const { status, json } = await ask(server, `/events?${query}`, { headers });
      assertEquals([status, json.code, json.field], [400, "bad_field", field]);
    }
    assertEquals([server.connectionCount, server.roomCount], [0, 0]);
  });
}

Deno.test("a stream may name 20 rooms with the longest names that there are", async () => {
  await using server = await serve();
  const rooms = Array.from({ length: 20 }, (_, n) => `${"𝒳".repeat(60)}${1000 + n}`);
  assert(rooms.every(NAME.accepts));
  await using stream = await Stream.open(server, { rooms });
  await stream.take("joined", 20);
  await using again = await Stream.open(server, { rooms, lastEventId: stream.lastEventId });
  assert((await again.take("joined", 20)).every(({ recovered }) => recovered));
});

Deno.test("a stream with ?seconds= ends, and can be resumed", async () => {
  await using server = await serve();
  await using stream = await Stream.open(server, { rooms: ["a", "b"], query: { seconds: "1" } });
  await stream.take("joined", 2);
  await until(() => stream.ended, "the stream to end");
  await until(() => server.connectionCount === 0, "the stream to be cleaned up");
  const { json } = await post(server, "b", "meanwhile");
  await using next = await Stream.open(server, {
    rooms: ["a", "b"],
    lastEventId: stream.lastEventId,
  });
  assertEquals(await next.next("chat"), json);
});

// --- refused for now -----------------------------------------------------------------------------

for (const path of ["/rooms/busy/events", "/events?room=busy"]) {
  for (
    const [options, code, status] of [
      [{ maxConnections: 1 }, "unavailable", 503],
      [{ maxConnectionsPerAddress: 1 }, "rate_limited", 429],
      [{ maxMembersPerRoom: 1 }, "room_full", 503],
      [{ maxRooms: 1 }, "too_many_rooms", 429],
    ] as const
  ) {
    Deno.test(`${path} refused with ${code} lets an EventSource come back`, async () => {
      await using server = await serve({ ...options, returnSeconds: 0 });
      await using _first = await member(server, {
        room: code === "too_many_rooms" ? "x" : "busy",
      });
      const response = await fetch(server.url + path, { headers: EVENT_STREAM });
      const text = await response.text(); // it ends
      assertEquals([response.status, response.headers.get("content-type")], [
        200,
        "text/event-stream",
      ]);
      assertGreater(Number(/^retry: (\d+)$/m.exec(text)?.[1]), 4000);
      assertEquals(JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? "").code, code);
      const asked = await ask(server, path);
      assertEquals([asked.status, asked.json.code], [status, code]);
      const head = await fetch(server.url + path, { method: "HEAD", headers: EVENT_STREAM });
      assertEquals(head.status, code === "room_full" || code === "too_many_rooms" ? 200 : status);
      await until(() => server.connectionCount === 1, "the refused ones to be gone");
    });
  }
}

Deno.test("a final refusal of a stream keeps its status for an EventSource", async () => {
  await using server = await serve({}, { authorize: () => "none" });
  const statusOf = async (query: string) =>
    (await ask(server, query, { headers: EVENT_STREAM })).status;
  assertEquals(await statusOf("/rooms/lobby/events"), 403);
  assertEquals(await statusOf("/rooms/lobby/events?token=a.b"), 401);
  assertEquals(await statusOf("/events?room=a&token=a.b"), 401);
  assertEquals(await statusOf("/events?room=a"), 403);
});
