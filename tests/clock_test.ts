/**
 * A wall clock that is put forward or back while the server runs. It says when a message was sent and
 * how old it is; for everything else there is the clock that only ever grows.
 *
 * @module
 */
import { DrainMonitor } from "../server/connections/drain_monitor.ts";
import { SqliteBroker } from "../server/broker/sqlite/sqlite_broker.ts";
import { connect as library } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { connect, member, serve, told, until } from "./support/harness.ts";
import { faultProxy } from "./support/proxy.ts";
import { RawSocket } from "./support/raw_socket.ts";
import { Directory } from "./support/sqlite_directory.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The wall clock, to be put forward and back. To be made before whatever reads it. */
class WallClock implements Disposable {
  readonly #now = Date.now;
  offsetMs = 0;

  constructor() {
    Date.now = () => this.#now.call(Date) + this.offsetMs;
  }

  [Symbol.dispose](): void {
    Date.now = this.#now;
  }
}

Deno.test("40 days forward, for 7 seconds and for good: retention by age", async () => {
  let [now, steady] = [100 * DAY_MS, 0];
  const wait = (ms: number) => [now, steady] = [now + ms, steady + ms];
  await using at = new Directory();
  const options = { now: () => now, steady: () => steady, retainDays: 30 };
  const pruned = async (broker: SqliteBroker) => {
    for (let i = 0; i < 5; i++) broker.prune();
    return (await textsOf(broker)).length === 0;
  };
  {
    await using broker = await at.open(options);
    await broker.open("lobby");
    for (let i = 0; i < 100; i++) await broker.publish([draft(`${i}`)]);
    wait(DAY_MS);
    assertEquals(await pruned(broker), false);
    now += 40 * DAY_MS;
    for (let second = 0; second < 7; second++) {
      assertEquals(await pruned(broker), false, "in those seconds");
      wait(1000);
    }
    now -= 40 * DAY_MS;
    assertEquals(await pruned(broker), false, "and after them");
  }
  now += 40 * DAY_MS; // a clock that is wrong at start, or a server that was off
  await using broker = await at.open(options);
  assertEquals(await pruned(broker), false, "at start");
  for (let minute = 0; minute < 59; minute++) {
    wait(60_000);
    assertEquals(await pruned(broker), false, "within an hour");
  }
  wait(120_000);
  assertEquals(await pruned(broker), true, "after an hour");
});

for (const leapMs of [HOUR_MS, -HOUR_MS]) {
  const leap = leapMs > 0 ? "an hour forward" : "an hour back";

  Deno.test(`${leap}: order and times, while messages flow`, async () => {
    using clock = new WallClock();
    await using server = await serve();
    await using alice = await member(server);
    await using bob = await member(server, { name: "Bob", protocol: "parley.v1.batched" });
    for (let i = 0; i < 300; i++) {
      if (i === 100) clock.offsetMs = leapMs;
      if (i === 200) clock.offsetMs = 0;
      alice.send({ type: "chat", payload: `${i}` });
      if (i % 10 === 9) await bob.take("chat", 10);
    }
    const heard = await alice.take("chat", 300);
    assertEquals(heard.map(({ seq }) => seq), heard.map((_, index) => index + 1));
    assertEquals(heard.map(({ payload }) => payload), heard.map((_, index) => `${index}`));
    const leapt = heard.slice(100, 200).every(({ at }) => Math.abs(at - Date.now()) > HOUR_MS / 2);
    assert(leapt, "`at` is what the clock said");
  });

  Deno.test(`${leap}: the rate is as before`, async () => {
    using clock = new WallClock();
    await using server = await serve({ rate: 0.001, burst: 3, badCommands: 0 });
    await using alice = await member(server);
    const speak = () => alice.send({ type: "chat", payload: "x" });
    speak(); // the third command
    await alice.next("chat");
    clock.offsetMs = leapMs;
    for (let i = 0; i < 5; i++) {
      speak();
      const { code, retryAfterMs = 0 } = await alice.next("error");
      assertEquals(code, "rate_limited");
      assert(retryAfterMs <= 1_000_000, `${retryAfterMs} ms until there is one more`);
    }
  });

  Deno.test(`${leap}: heartbeats go on, and no client is taken for dead or stuck`, async () => {
    using clock = new WallClock();
    await using server = await serve({ heartbeatSeconds: 0.1, stallSeconds: 1 });
    await using alice = await member(server);
    await alice.next("ping");
    clock.offsetMs = leapMs;
    for (let i = 0; i < 3; i++) await alice.next("ping");
    assertEquals(server.connectionCount, 1);
    clock.offsetMs = 0;
    for (let i = 0; i < 3; i++) await alice.next("ping");
    alice.send({ type: "chat", payload: "here" });
    await alice.next("chat");
  });

  Deno.test(`${leap}: typing is throttled as before`, async () => {
    using clock = new WallClock();
    await using server = await serve({ badCommands: 0 });
    await using alice = await member(server);
    await using bob = await member(server, { name: "Bob" });
    const type = (payload: boolean) => alice.send({ type: "typing", payload });
    type(true);
    clock.offsetMs = leapMs;
    for (let i = 0; i < 20; i++) type(true);
    await told(alice);
    assertEquals((await told(bob)).filter(({ type }) => type === "typing").length, 1);
    await until(async () => {
      type(true);
      await told(alice);
      return (await told(bob)).some(({ type }) => type === "typing");
    }, "the next second");
  });

  Deno.test(`${leap}: the grace period is as long as before`, async () => {
    using clock = new WallClock();
    await using server = await serve({ graceSeconds: 0.5 });
    await using alice = await member(server);
    await using bob = await member(server, { name: "Bob" });
    await bob.close(4000);
    await until(() => server.connectionCount === 1, "the connection to end");
    clock.offsetMs = leapMs;
    await until(async () => {
      const { rooms } = await (await fetch(`${server.url}/rooms`)).json();
      return rooms[0].memberCount === 1;
    }, "Bob to have left");
    const left = await alice.next("system", ({ kind }) => kind === "left");
    assertEquals(left.user?.name, "Bob");
  });

  Deno.test(`${leap}: a client that goes on sending after it is refused is closed`, async () => {
    using clock = new WallClock();
    await using server = await serve({ frameBytes: 8192 });
    using peer = await RawSocket.open(server);
    await peer.frame("x".repeat(8193));
    let code: number | undefined;
    const closing = peer.closed().then((closed) => code = closed);
    let spoke = 0;
    let quietMs = 0;
    let last = performance.now();
    while (code === undefined) {
      if (server.connectionCount === 0) clock.offsetMs = leapMs; // it was refused
      // Never silent for long, or it would be closed at once.
      await peer.frame("x").then(() => spoke++, () => {});
      quietMs = Math.max(quietMs, performance.now() - last);
      last = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
    quietMs = Math.max(quietMs, performance.now() - last);
    await closing;
    assertEquals(code, 1009);
    // By the clock that only grows some 100 frames, unless the machine stands still for 20 ms; at once 6; and
    // 1000 are the most that are ignored.
    assert((spoke > 10 || quietMs > 15) && spoke < 500, `closed after ${spoke} frames`);
  });

  Deno.test(`${leap}: retention by age loses nothing that is not old`, async () => {
    using clock = new WallClock();
    let waitedMs = 0;
    await using broker = await SqliteBroker.open({
      ...{ path: ":memory:", retainMessages: 0, retainDays: 1, dedupeMessages: 100 },
      steady: () => performance.now() + waitedMs,
    });
    const say = (rest: string) =>
      broker.publish([
        { room: "a", userId: "u", ref: undefined, head: "{", rest: `"x":${rest}}`, receipt: false },
      ]);
    await say("1");
    clock.offsetMs = leapMs;
    await say("2");
    broker.prune();
    clock.offsetMs = 0;
    await say("3");
    broker.prune();
    assertEquals((await broker.read("a", { after: 0, limit: 9 }))?.batch.events.length, 3);
    // A message from before the leap is as old as it says it is, give or take that hour.
    clock.offsetMs = waitedMs = DAY_MS + 2 * HOUR_MS;
    for (let i = 0; i < 3; i++) broker.prune();
    assertEquals((await broker.read("a", { after: 0, limit: 9 }))?.batch.events.length, undefined);
  });

  Deno.test(`${leap}: the client library sends, types and notices a dead server`, async () => {
    using clock = new WallClock();
    await using server = await serve({ heartbeatSeconds: 1, rate: 10, burst: 3 });
    await using proxy = faultProxy(server.url);
    await using bob = await member(server, { name: "Bob" });
    const states: string[] = [];
    const alice = library(`${proxy.url}/ws`, { backoffMs: { min: 5, max: 50 } });
    using _closing = { [Symbol.dispose]: () => alice.close() };
    alice.addEventListener("state", ({ detail }) => states.push(detail.status));
    await alice.join("lobby");
    for (let i = 0; i < 5; i++) void alice.send("lobby", `${i}`); // more than may go at once
    clock.offsetMs = leapMs;
    await bob.take("chat", 5);
    await until(() => {
      alice.typing("lobby"); // dropped while over the rate
      return bob.pending.some(({ type }) => type === "typing");
    }, "typing to be heard of");
    await bob.next("ping");
    assertEquals(states, ["open"]);
    if (leapMs < 0) return;
    clock.offsetMs = -leapMs; // back by two hours, which is the worse
    proxy.stall("down");
    await until(() => states.includes("waiting"), "the silence to be noticed");
    proxy.cut();
    proxy.flow();
    assertEquals((await alice.send("lobby", "back")).seq, 6);
  });
}

Deno.test("a server that was stopped itself does not take its peers for stuck", async () => {
  let now = 0;
  let looks = 0;
  const codes: number[] = [];
  const watch = new DrainMonitor({ lowWaterBytes: 0, stallSeconds: 30 }, () => now);
  const peer = {
    get queuedBytes() {
      looks++;
      return 100;
    },
    unblock() {},
    close: (code: number) => void codes.push(code),
  };
  const anotherLook = async () => {
    const seen = looks;
    await until(() => looks > seen, "it to be looked at");
  };
  watch.add(peer);
  await anotherLook();
  now += 60_000; // SIGSTOP, a paused machine, a debugger
  await anotherLook();
  await anotherLook();
  assertEquals(codes, []);
  while (now < 95_000) {
    now += 1000;
    await anotherLook();
  }
  assertEquals(codes[0], 1013);
  watch.stop();
});

Deno.test("a connection that is blocked again by what it is sent when it drains is watched again", async () => {
  let unblocked = 0;
  const watch = new DrainMonitor({ lowWaterBytes: 0, stallSeconds: 30 }, () => 0);
  const peer = {
    queuedBytes: 0,
    unblock() {
      if (++unblocked < 3) watch.add(peer);
    },
    close() {},
  };
  watch.add(peer);
  await until(() => unblocked === 3, "it to be unblocked each time");
  assertEquals(watch.size, 0);
  watch.stop();
});

Deno.test("40 days forward: a guest and the guest's address are banned, and stay so when it is right again", async () => {
  using clock = new WallClock();
  await using server = await serve();
  await using bob = await connect(server, { protocol: "parley.v1" });
  bob.send({ type: "hello" }, { type: "join" });
  const { user } = await bob.next("welcome");
  await bob.next("joined");
  const statusOfOthers = async () => { // other guests from there
    const response = await fetch(`${server.url}/rooms/lobby/messages`);
    await response.body?.cancel();
    return response.status;
  };
  for (const offsetMs of [40 * DAY_MS, 0]) {
    clock.offsetMs = offsetMs;
    await server.ban("lobby", user.id);
    assertEquals(await statusOfOthers(), 403);
    clock.offsetMs = 40 * DAY_MS - offsetMs;
    assertEquals(await statusOfOthers(), 403);
    await server.unban("lobby", user.id);
  }
});

Deno.test("a server works when its wall clock starts in 1970", async () => {
  using clock = new WallClock();
  clock.offsetMs = -Date.now(); // 1970, as on a board without a battery
  await using server = await serve();
  await using alice = await connect(server);
  alice.send({ type: "chat", payload: "x" });
  assert((await alice.next("chat")).at < HOUR_MS);
});
