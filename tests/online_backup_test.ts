/**
 * `GET /backup`: a copy that is made while the server runs.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals } from "./support/assert.ts";
import { draft } from "./support/broker_suite.ts";
import { connect, member, serve, until } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { Directory } from "./support/sqlite_directory.ts";
import type { Server } from "../server/mod.ts";

const KEY = "k".repeat(32);

/** A server on a file that keeps all messages: a slow machine says more of them than are kept by default. */
function start(at: Directory, workers = 0): Promise<Server> {
  return serve({ db: at.file, apiKeys: KEY, retainMessages: 0, workers });
}

function fetchBackup(server: Server, signal?: AbortSignal): Promise<Response> {
  const headers = { authorization: `Bearer ${KEY}` };
  return fetch(`${server.url}/backup`, { headers, ...(signal && { signal }) });
}

/** Databases that are copied within memory, and through files. */
const SIZES: readonly (readonly [name: string, messages: number])[] = [["small", 0], ["large", 90]];

/** Says so much elsewhere. */
async function fillArchive(server: Server, messages: number): Promise<void> {
  const rooms = Array.from({ length: messages }, (_, index) => `archive ${index}`);
  for (const room of rooms) await server.publish(room, "x".repeat(100_000));
}

/** Stores a backup. */
async function backUp(server: Server, into: Directory): Promise<void> {
  const response = await fetchBackup(server);
  assertEquals([response.status, response.headers.get("content-type")], [
    ...[200, "application/vnd.sqlite3"],
  ]);
  const bytes = await response.bytes();
  assertEquals(response.headers.get("content-length"), String(bytes.length));
  into.write(bytes);
}

/** The `seq`s of the messages in a backup, in their order. */
function seqsIn(at: Directory): number[] {
  using database = new DatabaseSync(at.file, { readOnly: true });
  assertEquals(database.prepare("PRAGMA integrity_check").get(), { integrity_check: "ok" });
  return database.prepare("SELECT seq FROM messages WHERE room = 'lobby' ORDER BY seq").all()
    .map(({ seq }) => Number(seq));
}

/** The names in the folder of a database. */
async function namesIn(at: Directory): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(at.path));
  return entries.map(({ name }) => name).toSorted();
}

for (const [name, messages] of SIZES) {
  Deno.test(`a backup while people talk holds everything up to one commit, ${name} database`, async () => {
    await using at = new Directory();
    await using copy = new Directory();
    await using server = await start(at);
    await fillArchive(server, messages);
    await using ada = await member(server, { protocol: "parley.v1" });
    let isDone = false;
    let said = 0;
    const talking = (async () => {
      while (!isDone) {
        for (let i = 0; i < 20; i++) {
          ada.send({ type: "chat", payload: `${++said} ${"x".repeat(500)}` });
        }
        await ada.next("chat", ({ seq }) => seq >= said);
      }
    })();
    talking.catch(() => {}); // if the test fails, that is what it tells
    let before = 0;
    for (let round = 0; round < 4; round++) {
      let least = 0;
      const hasMore = async () => (least = (await ask(server, MESSAGES)).json.head) > before;
      await until(hasMore, "more messages");
      await backUp(server, copy);
      const { head: most } = (await ask(server, MESSAGES)).json;
      const seqs = seqsIn(copy);
      assertEquals(seqs, Array.from({ length: seqs.length }, (_, index) => index + 1));
      assert(seqs.length >= least && seqs.length <= most, `${least} ${seqs.length} ${most}`);
      before = seqs.length;
    }
    isDone = true;
    await talking;
    assertEquals(await namesIn(at), ["parley.db", "parley.db-wal"]);
  });
}

for (const workers of [0, 1]) {
  const where = workers === 0 ? "" : ", over a thread that stores";
  Deno.test(`a restored backup tells each client rightly whether it has missed something${where}`, async () => {
    await using at = new Directory();
    await using copy = new Directory();
    let epoch = "";
    {
      await using server = await start(at, workers);
      for (let i = 0; i < 5; i++) await server.publish("lobby", `early ${i}`);
      await backUp(server, copy);
      for (let i = 0; i < 5; i++) await server.publish("lobby", `late ${i}`);
      ({ epoch } = (await ask(server, MESSAGES)).json);
    }
    await using server = await start(copy, workers);
    for (let i = 0; i < 8; i++) await server.publish("lobby", `other ${i}`);
    for (const [seq, isGood] of [[3, true], [5, true], [6, false], [10, false]] as const) {
      await using client = await connect(server, { protocol: "parley.v1" });
      client.send({ type: "join", since: { epoch, seq } });
      assertEquals((await client.next("joined")).recovered, isGood, `${seq}`);
    }
  });
}

Deno.test("there is one backup at a time, and none is left behind", async () => {
  await using at = new Directory();
  {
    await using server = await start(at);
    // More than the buffers of a connection hold: nobody has read the copy to its end.
    for (let i = 0; i < 120; i++) await server.publish("lobby", "x".repeat(100_000));
    const first = await fetchBackup(server);
    assertEquals(first.status, 200);
    const second = await fetchBackup(server);
    assertEquals([second.status, (await second.json()).detail], [
      409,
      "Another backup is being made. Try again when it is done.",
    ]);
    await first.body?.cancel(); // the client goes away
    const isFree = async () => {
      const response = await fetchBackup(server);
      await response.body?.cancel();
      return response.status === 200;
    };
    await until(isFree, "the next backup");
    const leaving = new AbortController();
    const left = fetchBackup(server, leaving.signal).catch(() => {});
    leaving.abort();
    await left;
    await until(isFree, "the next backup");
    assertEquals(await namesIn(at), ["parley.db", "parley.db-wal"]);
    const cut = fetchBackup(server).then((response) => response.body?.cancel()).catch(() => {});
    await server.stop(); // while it is made
    await cut;
  }
  assertEquals(await namesIn(at), ["parley.db"]);
  await Deno.writeTextFile(`${at.file}.backup.unfinished`, "a killed process left this");
  await Deno.writeTextFile(`${at.file}.backup`, "an operator's own");
  await using server = await start(at);
  assertEquals(await namesIn(at), ["parley.db", "parley.db-wal", "parley.db.backup"]);
  assertEquals((await server.history("lobby", { limit: 1 })).head, 120);
});

for (const [name, messages] of SIZES) {
  Deno.test(`what was erased is in no backup made afterwards, ${name} database`, async () => {
    await using at = new Directory();
    await using copy = new Directory();
    await using server = await start(at);
    await fillArchive(server, messages);
    const from = { id: "eve", name: "Eve" };
    for (let i = 0; i < 30; i++) await server.publish("lobby", `secretword ${i}`, { from });
    const { seq } = await server.publish("lobby", "secretword");
    await server.deleteUser("eve");
    await server.deleteMessage("lobby", seq);
    await backUp(server, copy);
    assert(!new TextDecoder("latin1").decode(copy.bytes()).includes("secretword"));
  });
}

Deno.test("a database that an operator has analysed can be backed up", async () => {
  await using at = new Directory();
  await using copy = new Directory();
  {
    await using broker = await at.open();
    await broker.publish([draft("a")]);
  }
  at.sql("ANALYZE");
  await using server = await start(at);
  await backUp(server, copy);
  assertEquals(seqsIn(copy), [1]);
});

Deno.test("a server whose messages are in memory says that there is nothing to back up", async () => {
  await using server = await serve({ apiKeys: KEY });
  const response = await fetchBackup(server);
  assertEquals([response.status, (await response.json()).detail], [
    501,
    "The messages are in memory only: there is nothing to back up.",
  ]);
});

Deno.test({
  name: "redis: a backup is refused, with a word of what to do",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    await using server = await serve({ redis: redis.url, apiKeys: KEY });
    const response = await fetchBackup(server);
    assertEquals(response.status, 501);
    assert((await response.json()).detail.includes("dump.rdb"));
  },
});
