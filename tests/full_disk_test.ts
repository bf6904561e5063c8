/**
 * A disk that is full in truth, while something long is under way: a backup, a migration, an erasure, an import.
 * Each fails with a word of why, nothing of it is left, and it succeeds when there is space again.
 *
 * @module
 */
import { type Broker, BrokerError } from "../server/broker/broker.ts";
import { freeBytes } from "../server/broker/sqlite/free_space.ts";
import { DataImport } from "../server/data/import_data.ts";
import { Progress } from "../server/data/progress.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { member, serve } from "./support/harness.ts";
import { ask, bearer, MESSAGES, say } from "./support/http.ts";
import { Program, startTask } from "./support/program.ts";
import { SmallDisk, WITHOUT_DISK } from "./support/small_disk.ts";
import { Directory } from "./support/sqlite_directory.ts";

const KEY = "k".repeat(32);
const LONG = "x".repeat(10_000);

function test(behaviour: string, act: (disk: SmallDisk, at: Directory) => Promise<void>): void {
  Deno.test({
    name: `full disk: ${behaviour}`,
    ignore: WITHOUT_DISK,
    fn: async () => {
      await using disk = await SmallDisk.make();
      await act(disk, new Directory(disk.path));
    },
  });
}

async function namesIn(at: Directory): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(at.path));
  return entries.map(({ name }) => name).toSorted();
}

/** Says so much in the lobby. */
async function fillLobby(at: Directory, megabytes: number): Promise<void> {
  await using broker = await at.open();
  for (let n = 0; n < megabytes; n++) {
    await broker.publish(Array.from({ length: 100 }, () => draft(LONG, { user: "eve" })));
  }
}

Deno.test({
  name: "freeBytes() does not take a disk for full that tells no size",
  ignore: Deno.build.os !== "linux",
  fn: async () => assertEquals(await freeBytes("/proc/parley.db"), undefined),
});

test("messages are stored as long as old ones make room for them", async (disk, at) => {
  const say = async (broker: Broker, count: number) => {
    for (let n = 0; n < count; n++) await broker.publish([draft("x".repeat(4000))]);
  };
  {
    await using broker = await at.open({ retainMessages: 100 });
    await say(broker, 1200); // the file and its write-ahead log are as large as they get
    await disk.fill();
    await say(broker, 500);
    assertEquals(await broker.probe(), "disk_full"); // and yet somebody should look at it
    await disk.free();
    assertEquals(await broker.probe(), undefined);
  }
  await using broker = await at.open();
  assertEquals((await broker.state("lobby")).head, 1700);
});

test("a backup that finds no space is given up, and messages are stored", async (disk, at) => {
  await fillLobby(at, 9); // a smaller one is copied within memory
  // Without this permission it cannot know beforehand.
  const script = startTask().args.filter((arg) => !arg.startsWith("--allow-sys"));
  const env = { PARLEY_API_KEYS: KEY };
  await using program = await Program.start(["--db", at.file], env, [], script);
  const backUp = () => fetch(`${program.url}/backup`, { headers: bearer(KEY) });
  // It ends while the file is copied, and while the copy is written anew.
  for (const megabytesLeft of [4, 12]) {
    await disk.fill(megabytesLeft << 20);
    const response = await backUp();
    const { detail } = await response.json();
    assertEquals(response.status, 507, detail);
    assertMatch(detail, /^The backup was given up: .*(os error 28|disk is full)/);
    assertEquals(await namesIn(at), ["ballast", "parley.db", "parley.db-wal"]);
    const { status } = await ask(program, MESSAGES, { method: "POST", body: { payload: "here" } });
    assertEquals(status, 201);
    await disk.free();
  }
  const response = await backUp();
  assertEquals(response.status, 200);
  assert((await response.bytes()).length > 8e6);
});

test("a backup that would not find space is refused before it begins", async (_, at) => {
  await fillLobby(at, 9);
  await using server = await serve({ db: at.file, apiKeys: KEY });
  const response = await fetch(`${server.url}/backup`, { headers: bearer(KEY) });
  assertEquals(response.status, 507);
  assertMatch((await response.json()).detail, /^The disk has \d+ MB left; a backup needs 8\d MB/);
});

test("a backup of a small database needs no space", async (disk, at) => {
  await fillLobby(at, 1);
  await using server = await serve({ db: at.file, apiKeys: KEY });
  await disk.fill();
  const response = await fetch(`${server.url}/backup`, { headers: bearer(KEY) });
  assertEquals(response.status, 200);
  assert((await response.bytes()).length > 1e6);
});

test("a migration that finds no space leaves the old file, wherever it ends", async (disk, at) => {
  at.makeVersion5();
  at.sql(`UPDATE batches SET events = replace(events, 'old', 'old${"y".repeat(300_000)}')`);
  const failures: string[] = [];
  const size = at.bytes().length;
  for (let left = 0;; left += 100_000) {
    assert(left < 5 * size, "it needs too much");
    await disk.fill(left);
    try {
      await using broker = await at.open();
      assertEquals((await broker.state("lobby")).head, 1);
      break;
    } catch (thrown) {
      assert(thrown instanceof BrokerError && !thrown.message.includes("\n"), String(thrown));
      failures.push(thrown.message);
    }
    await disk.free();
  }
  assertMatch(failures[0] ?? "", /^Cannot keep .*No space left.*It was left as it is/);
  await using broker = await at.open();
  assertMatch((await textsOf(broker))[0] ?? "", /^oldyyy/);
  assertEquals((await Deno.stat(`${at.file}.v5`)).size, size);
});

test("what could not be erased can be erased again, and others are served", async (disk, at) => {
  await fillLobby(at, 8);
  await using server = await serve({ db: at.file, apiKeys: KEY, graceSeconds: 0 });
  await using ada = await member(server, { name: "Ada" });
  await disk.fill();
  const erase = () =>
    fetch(`${server.url}/users/eve/messages`, { method: "DELETE", headers: bearer(KEY) });
  const response = await erase();
  assertEquals(response.status, 503, await response.text());
  ada.send({ type: "typing", payload: true });
  assertEquals((await ask(server, `${MESSAGES}?limit=1`)).status, 200);
  await disk.free();
  const again = await erase();
  assertEquals([again.status, await again.text()], [204, ""]);
  assert(!new TextDecoder("latin1").decode(at.bytes()).includes(LONG.slice(0, 100)));
  assertEquals((await say(server, "x")).status, 201);
});

test(
  "an import that finds no space leaves whole rooms only, and goes on later",
  async (disk, at) => {
    const quiet = new Progress({ write: () => Promise.resolve(), isTerminal: false });
    const from = { id: "ada", name: "Ada" };
    async function* lines() {
      yield '{"parley":{"version":1}}';
      for (const room of ["one", "two", "three"]) {
        yield JSON.stringify({ room: { name: room, head: 300, rev: 0 } });
        for (let seq = 1; seq <= 300; seq++) {
          yield JSON.stringify({
            message: { type: "chat", room, seq, at: seq, from, payload: LONG },
          });
        }
        yield '{"end":{"messages":300}}';
      }
      yield '{"end":{"rooms":3}}';
    }
    await using broker = await at.open();
    const take = () =>
      new DataImport(broker, broker.archive, { skipsExisting: true }).run(lines(), quiet);
    await disk.fill(5 << 20);
    const { message } = await assertRejects(take, Error);
    assertMatch(message, /full/);
    assertEquals(await Array.fromAsync(broker.archive.rooms()), ["one"]);
    await disk.free();
    await take();
    for (const room of ["one", "two", "three"]) {
      assertEquals((await textsOf(broker, room)).length, 300);
    }
  },
);
