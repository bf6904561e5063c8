/**
 * A disk that fails under a running server, and is well again: full, read-only, or with files deleted
 * by hand. Sends fail with an error that says when to try again, nothing is echoed that is not stored,
 * reads and heartbeats go on, and when the disk is well so is the server, by itself. `WORKERS=2` runs all of
 * it over threads.
 *
 * @module
 */
import type { ErrorEvent } from "../server/mod.ts";
import { assert, assertEquals, assertMatch } from "./support/assert.ts";
import { Checker } from "./support/checker.ts";
import { Crowd } from "./support/crowd.ts";
import { type Client, member, until } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { SEED, seeded } from "./support/random.ts";
import { SmallDisk } from "./support/small_disk.ts";
import { ServerProcess } from "./support/server_process.ts";
import { named, WORKERS } from "./support/workers.ts";

const OPTIONS = {
  PARLEY_RATE: "0",
  PARLEY_ADDRESS_RATE: "0",
  PARLEY_RETAIN_MESSAGES: "0",
  PARLEY_RECENT_MESSAGES: "0",
  PARLEY_GRACE_SECONDS: "0.1",
  PARLEY_HEARTBEAT_SECONDS: "0.5",
};

type Environment = Readonly<Record<string, string>>;

/** @param isBrief whether the gate runs it over threads as well. */
function test(name: string, isBrief: boolean, act: (options: Environment) => Promise<void>): void {
  for (const workers of WORKERS) {
    if (workers > 0 && WORKERS.length > 1 && !isBrief) continue;
    const options = { ...OPTIONS, PARLEY_WORKERS: `${workers}` };
    Deno.test(`${name}${named(workers)}, seed ${SEED}`, () => act(options));
  }
}

/** Breaks the disk under people who talk, and mends it. @returns the messages in the end. */
async function scene(
  server: ServerProcess,
  act: (crowd: Crowd) => Promise<void>,
  checker?: Checker,
): Promise<{ stored: number; echoes: number; unavailable: number }> {
  const journey = { nodes: [server], random: seeded(SEED), thinkMs: 5 };
  await using crowd = new Crowd(6, journey, checker);
  await crowd.echoes(100);
  await act(crowd);
  await crowd.echoes(200);
  await crowd.settle(server);
  await server.kill(); // what it has in memory only is not stored
  await server.restart();
  const { texts } = await crowd.conclude(server);
  const { echoes, unavailable } = crowd.checker;
  return { stored: texts.length, echoes, unavailable };
}

/** Sees that the server is in trouble and bears it well. */
async function inTrouble(server: ServerProcess, crowd: Crowd): Promise<void> {
  const { checker } = crowd;
  const refused = checker.unavailable;
  await crowd.meanwhile(until(() => checker.unavailable >= refused + 5, "senders to be told"));
  await using client = await member(server, { name: "Witness" });
  const { code, retryAfterMs } = await refusal(client);
  assertEquals(code, "unavailable");
  assert((retryAfterMs ?? 0) > 0);
  const { pings } = crowd;
  await client.take("ping", 3);
  await crowd.meanwhile(until(() => crowd.pings > pings, "the heartbeat of the others"));
  await checker.check(server); // it tells all that it has, and that is all that was seen
  const { status, headers } = await ask(server, MESSAGES, {
    method: "POST",
    body: { payload: "x" },
  });
  assertEquals(status, 503);
  assertMatch(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
}

/** The answer to something that cannot be stored. */
async function refusal(client: Client): Promise<ErrorEvent> {
  client.send({ type: "chat", payload: "x", ref: "x" });
  return await client.next("error", ({ ref }) => ref === "x");
}

test("a full disk, then space again", true, async (options) => {
  await using disk = await SmallDisk.make();
  const env = { ...options, PARLEY_DB: `${disk.path}/parley.db` };
  await using server = await ServerProcess.start(env);
  const { stored, echoes } = await scene(server, async (crowd) => {
    for (let time = 0; time < 2; time++) {
      if (disk.isMounted) await disk.fill();
      else await server.limitFiles((await Deno.stat(`${server.db}-wal`)).size);
      await inTrouble(server, crowd);
      if (disk.isMounted) await disk.free();
      else await server.limitFiles("unlimited");
      await crowd.echoes(50);
    }
  });
  assertEquals(stored, echoes);
});

test("a disk that can only be read for a while", false, async (options) => {
  await using server = await ServerProcess.start(options);
  const { stored, echoes } = await scene(server, async (crowd) => {
    await server.limitFiles(0); // chmod means nothing to root, nor a remount to an open file
    await inTrouble(server, crowd);
    await server.limitFiles("unlimited");
  });
  assertEquals(stored, echoes);
});

test("a database that is deleted underfoot, and begun anew by a restart", true, async (options) => {
  await using server = await ServerProcess.start(options);
  const checker = new Checker({ mayLose: true });
  await scene(server, async (crowd) => {
    await Deno.remove(server.db);
    await inTrouble(server, crowd);
    await server.kill();
    await server.restart();
  }, checker);
  assertEquals(checker.epochs.length, 2);
});

test("a write-ahead log that is deleted underfoot costs nothing", false, async (options) => {
  await using server = await ServerProcess.start(options);
  const { stored, echoes, unavailable } = await scene(server, async (crowd) => {
    for (let time = 0; time < 5; time++) {
      await Deno.remove(`${server.db}-wal`).catch(() => {}); // by then it should be there again
      await crowd.echoes(50);
    }
  });
  assertEquals([stored, unavailable], [echoes, 0]);
});

test("another process that wants the database is kept out", false, async (options) => {
  await using server = await ServerProcess.start(options);
  const script = `
    import { DatabaseSync } from "node:sqlite";
    const database = new DatabaseSync(Deno.args[0]);
    for (const sql of ["BEGIN EXCLUSIVE", "SELECT * FROM log", "DELETE FROM batches"]) {
      try {
        database.exec(sql);
        console.log("done");
      } catch (thrown) {
        console.log(thrown.message);
      }
    }`;
  const { stored, echoes, unavailable } = await scene(server, async (crowd) => {
    const args = ["eval", "--no-check", script, server.db];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
    assertEquals(new TextDecoder().decode(stdout), "database is locked\n".repeat(3));
    await crowd.echoes(50);
  });
  assertEquals([stored, unavailable], [echoes, 0]);
});
