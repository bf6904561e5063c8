/**
 * Cursors that say nothing about a room's log, over sockets and over event streams, from memory and
 * after a restart: whoever comes with one is told so, and begins afresh. Never a silent hole.
 *
 * @module
 */
import type { Cursor, Options } from "../server/mod.ts";
import type { Server } from "../server/mod.ts";
import { assertEquals } from "./support/assert.ts";
import { connect, member, serve } from "./support/harness.ts";
import { ask, fill, MESSAGES } from "./support/http.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { Stream } from "./support/stream.ts";

const HEAD = 80;
const OPTIONS: Partial<Options> = { retainMessages: 20, recentMessages: 5, tailBytes: 4000 };

/** What somebody who joins is told. */
interface Told {
  readonly recovered: boolean;
  readonly seq: number;
  readonly shown: readonly number[];
}

const AFRESH: Told = { recovered: false, seq: HEAD, shown: [76, 77, 78, 79, 80] };

async function bySocket(server: Server, since: unknown, count: number): Promise<Told> {
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "join", since });
  const { recovered, seq } = await client.next("joined");
  return { recovered, seq, shown: (await client.take("chat", count)).map(({ seq }) => seq) };
}

async function byStream(server: Server, lastEventId: string, count: number): Promise<Told> {
  await using stream = await Stream.open(server, { lastEventId });
  const { recovered, seq } = await stream.next("joined");
  return { recovered, seq, shown: (await stream.take("chat", count)).map(({ seq }) => seq) };
}

async function byAddress(server: Server, after: string, count: number): Promise<Told> {
  await using stream = await Stream.open(server, { query: { after } });
  const { recovered, seq } = await stream.next("joined");
  return { recovered, seq, shown: (await stream.take("chat", count)).map(({ seq }) => seq) };
}

async function epochOf(server: Server, room: string): Promise<string> {
  return (await ask(server, `/rooms/${room}/messages`)).json.epoch;
}

/** 80 messages in batches of ten, of which some twenty are kept, and as many in another room. */
async function full(at: Directory): Promise<Server> {
  const server = await serve({ ...OPTIONS, db: at.file });
  for (let said = 0; said < HEAD; said += 10) await fill(server, 10);
  await using other = await member(server, { room: "other", protocol: "parley.v1.batched" });
  other.raw(
    JSON.stringify(Array(HEAD + 20).fill({ type: "chat", room: "other", payload: "elsewhere" })),
  );
  await other.next("chat", ({ seq }) => seq === HEAD + 20);
  return server;
}

/** A cursor that says nothing, made from the room's own epoch and from another room's. */
const USELESS: readonly (readonly [what: string, make: (own: string, other: string) => Cursor])[] =
  [
    ["of an unknown epoch", () => ({ epoch: "another", seq: 79 })],
    ["of an epoch that begins as ours does", (own) => ({ epoch: own.slice(0, -1), seq: 79 })],
    ["of our epoch in other letters", (own) => ({ epoch: swapped(own), seq: 79 })],
    ["of another room, where it would fit", (_, other) => ({ epoch: other, seq: 79 })],
    ["of another room's beginning", (_, other) => ({ epoch: other, seq: 0 })],
    ["one beyond the head", (own) => ({ epoch: own, seq: HEAD + 1 })],
    ["far beyond the head", (own) => ({ epoch: own, seq: Number.MAX_SAFE_INTEGER })],
    ["before all that is kept", (own) => ({ epoch: own, seq: 0 })],
    ["in the middle of what was pruned", (own) => ({ epoch: own, seq: 30 })],
  ];

function swapped(text: string): string {
  return text.replace(/[a-z]/gi, (letter) => {
    const upper = letter.toUpperCase();
    return letter === upper ? letter.toLowerCase() : upper;
  });
}

for (const when of ["while it runs", "after a restart"]) {
  Deno.test(`a cursor that does not fit the log is not recovered, ${when}, over any door`, async () => {
    await using at = new Directory();
    let server = await full(at);
    if (when === "after a restart") {
      await server.stop();
      server = await serve({ ...OPTIONS, db: at.file });
    }
    const [own, other] = [await epochOf(server, "lobby"), await epochOf(server, "other")];
    for (const [what, make] of USELESS) {
      const { epoch, seq } = make(own, other);
      const id = `${epoch}:${seq}`;
      assertEquals(await bySocket(server, { epoch, seq }, 5), AFRESH, what);
      assertEquals(await byStream(server, id, 5), AFRESH, what);
      assertEquals(await byAddress(server, id, 5), AFRESH, what);
    }
    const right = { recovered: true, seq: HEAD, shown: [79, 80] };
    assertEquals(await bySocket(server, { epoch: own, seq: 78 }, 2), right);
    assertEquals(await byStream(server, `${own}:78`, 2), right);
    await server.stop();
  });
}

/** What a browser may have been told by something else at the same address; `EPOCH` is the room's. */
const GARBAGE = [
  ...["12", ":", ":1", "x:", "x", "null", "undefined", "[object Object]", "{}", "\xff\xfe", "é"],
  ...["EPOCH", "EPOCH:", "EPOCH:-1", "EPOCH:1.5", "EPOCH:8e1", "EPOCH:0x4f", "EPOCH: 79"],
  ...["EPOCH;79", "EPOCH:79:", "EPOCH:9007199254740993", `EPOCH:${"9".repeat(5000)}`],
  ...["EPOCH,EPOCH:79", "79:EPOCH", `${"e".repeat(5000)}:79`, "\xa0EPOCH:79", "EPOCH:79\xa0"],
];

Deno.test("a stream starts afresh when its Last-Event-ID is no cursor", async () => {
  await using at = new Directory();
  await using server = await full(at);
  const epoch = await epochOf(server, "lobby");
  for (const garbage of GARBAGE) {
    const lastEventId = garbage.replaceAll("EPOCH", epoch);
    assertEquals(await byStream(server, lastEventId, 5), AFRESH, JSON.stringify(garbage));
  }
});

const NO_CURSORS: readonly unknown[] = [
  ...[null, 79, "79", true, [], {}, [79], { seq: 79 }, { epoch: "EPOCH" }],
  ...[{ epoch: "EPOCH", seq: "79" }, { epoch: "EPOCH", seq: -1 }, { epoch: "EPOCH", seq: 1.5 }],
  ...[{ epoch: "EPOCH", seq: 2 ** 53 }, { epoch: "", seq: 79 }, { epoch: null, seq: 79 }],
  ...[{ epoch: "EPOCH", seq: 79, room: "other" }, { epoch: "\ud800", seq: 79 }],
];

Deno.test("a since that is no cursor is refused by name, and a join without one begins afresh", async () => {
  await using at = new Directory();
  await using server = await full(at);
  const epoch = await epochOf(server, "lobby");
  for (const since of NO_CURSORS) {
    await using client = await connect(server, { protocol: "parley.v1" });
    client.raw(JSON.stringify({ type: "join", since }).replace("EPOCH", epoch));
    const { code, field } = await client.next("error");
    assertEquals([code, field], ["bad_field", "since"], JSON.stringify(since));
  }
  assertEquals(await bySocket(server, undefined, 5), AFRESH);
});

Deno.test("a cursor into a log that was lost is not recovered", async () => {
  await using at = new Directory();
  const before = await full(at);
  const epoch = await epochOf(before, "lobby");
  await before.stop();
  for (const suffix of ["", "-wal"]) await Deno.remove(at.file + suffix).catch(() => {});
  await using server = await serve({ ...OPTIONS, db: at.file });
  const nothing = { recovered: false, seq: 0, shown: [] };
  assertEquals(await bySocket(server, { epoch, seq: 79 }, 0), nothing);
  assertEquals(await bySocket(server, { epoch, seq: 0 }, 0), nothing);
  assertEquals(await byStream(server, `${epoch}:79`, 0), nothing);
  await fill(server, 3);
  const begun = { recovered: false, seq: 3, shown: [1, 2, 3] };
  assertEquals(await bySocket(server, { epoch, seq: 2 }, 3), begun);
  assertEquals(await byStream(server, `${epoch}:2`, 3), begun);
  assertEquals((await ask(server, MESSAGES)).json.epoch === epoch, false);
});
