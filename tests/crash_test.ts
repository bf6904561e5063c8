/**
 * Guarantees 1 to 4 of the README, against a real process that is killed (SIGKILL) under load: at
 * random moments, while it starts too, and exactly before and after a commit.
 * `CRASH=1 deno test -A tests/crash_test.ts` is the long form; `WORKERS=2 CRASH=1` is that of threads.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { Checker, readLog } from "./support/checker.ts";
import { Crowd } from "./support/crowd.ts";
import { connect, until } from "./support/harness.ts";
import { SEED, seeded } from "./support/random.ts";
import { ServerProcess } from "./support/server_process.ts";
import { named, WORKERS } from "./support/workers.ts";

const IS_LONG = Deno.env.get("CRASH") !== undefined;
const OPTIONS = {
  PARLEY_RATE: "0",
  PARLEY_ADDRESS_RATE: "0",
  PARLEY_RETAIN_MESSAGES: "0",
  PARLEY_RECENT_MESSAGES: "0",
  PARLEY_DEDUPE_MESSAGES: "1000000",
  PARLEY_GRACE_SECONDS: "0.1",
};

/** Lets everybody come to an end, and has the last word. */
async function conclude(crowd: Crowd, server: ServerProcess): Promise<number> {
  await crowd.settle(server);
  const { texts } = await crowd.conclude(server);
  assertEquals(crowd.checker.echoes, texts.length); // nobody else said anything
  return texts.length;
}

/** A moment, and how much of the message that met it is in the log afterwards. */
const MOMENTS = [["before the commit", 0], ["between commit and echo", 1]] as const;
const NTH = 3;

for (const workers of WORKERS) {
  const environment = { ...OPTIONS, PARLEY_WORKERS: `${workers}` };
  const kills = IS_LONG ? 50 : workers === 0 ? 12 : 4;
  // In the long form they say less: all that was said is read again after each kill.
  const thinkMs = IS_LONG ? 40 : 4;

  Deno.test(`a server that is killed ${kills} times keeps its guarantees${named(workers)}, seed ${SEED}`, async () => {
    await using server = await ServerProcess.start(environment);
    const random = seeded(SEED);
    await using crowd = new Crowd(8, { nodes: [server], random, thinkMs });
    for (let kill = 0; kill < kills; kill++) {
      await crowd.echoes(10 + random() * 300);
      await crowd.milliseconds(random() * 20);
      await server.kill();
      if (kill % 4 === 3) {
        server.begin();
        await crowd.milliseconds(random() * 400); // starting, or reading its log, or just there
        await server.kill();
      }
      await server.restart();
      await crowd.checker.check(server);
    }
    const total = await conclude(crowd, server);
    // deno-lint-ignore no-console
    if (IS_LONG) console.log(`${kills} kills, ${total} messages`);
  });

  Deno.test(`a server that is killed in the middle of a write keeps its guarantees${named(workers)}, seed ${SEED}`, async () => {
    await using server = await ServerProcess.start(environment);
    const random = seeded(SEED);
    await using crowd = new Crowd(8, { nodes: [server], random, thinkMs: 1 });
    for (let time = 0; time < 3; time++) {
      await crowd.echoes(50);
      const { size } = await Deno.stat(`${server.db}-wal`);
      // Its write stops at that byte of the write-ahead log: a frame of it is there in part.
      await server.limitFiles(size + 1 + Math.floor(8000 * random()));
      const { unavailable } = crowd.checker;
      const isStopped = () => crowd.checker.unavailable > unavailable;
      await crowd.meanwhile(until(isStopped, "the write to be stopped"));
      await server.kill();
      await server.restart();
      await crowd.checker.check(server);
    }
    await conclude(crowd, server);
  });

  for (const [moment, stored] of MOMENTS) {
    const script = ["tests/support/doomed_server.ts", moment];

    Deno.test(`a server that is killed ${moment} has stored the message ${stored} times, and once after a retry${named(workers)}`, async () => {
      await using server = await ServerProcess.start(environment, {
        script: [...script, `${NTH}`],
      });
      const checker = new Checker();
      const alice = checker.view("Alice");
      const first = await connect(server, { protocol: "parley.v1" });
      first.send({ type: "hello" }, { type: "join" });
      const { token, user } = await first.next("welcome");
      alice.welcomed(user.id);
      alice.joined(await first.next("joined"));
      for (let n = 1; n < NTH; n++) {
        first.send(alice.says(`r${n}`, `text ${n}`));
        alice.heard(JSON.stringify(await first.next("chat")));
      }
      first.send(alice.says("last", "the last text"));
      await first.closed;
      assert(!first.pending.some(({ type }) => type === "chat"), "it was echoed");
      assertEquals((await server.ended()).signal, "SIGKILL");
      await server.restart();
      await checker.check(server);
      assertEquals((await readLog(server)).texts.length, NTH - 1 + stored);
      await using again = await connect(server, { protocol: "parley.v1" });
      const { since } = alice;
      again.send({ type: "hello", token }, { type: "join", since }, alice.repeats("last"));
      alice.joined(await again.next("joined"));
      const { seq } = await again.next("chat", ({ ref }) => ref === "last");
      assertEquals(seq, NTH);
      for (const text of again.frames.filter((text) => text.startsWith('{"type":"chat"'))) {
        alice.heard(text);
      }
      assertEquals((await checker.conclude(server)).texts.length, NTH);
    });

    Deno.test(`a server that is killed ${moment} of a batch of many keeps its guarantees${named(workers)}, seed ${SEED}`, async () => {
      await using server = await ServerProcess.start(environment, { script: [...script, "40"] });
      await using crowd = new Crowd(8, { nodes: [server], random: seeded(SEED), thinkMs: 1 });
      assertEquals((await crowd.meanwhile(server.ended()))?.signal, "SIGKILL");
      await server.restart();
      await crowd.checker.check(server);
      await crowd.echoes(100);
      await conclude(crowd, server);
    });
  }
}
