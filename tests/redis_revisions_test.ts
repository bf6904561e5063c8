/**
 * Revisions over Redis: what several nodes make of one message at once, what a client is told that comes
 * back to another node, and that a deleted text is nowhere.
 *
 * @module
 */
import type { Broker, LogState } from "../server/broker/broker.ts";
import { BrokerError } from "../server/broker/broker_error.ts";
import { RedisBroker } from "../server/broker/redis/redis_broker.ts";
import type { RevisedMessage } from "../server/broker/revisions.ts";
import type { Message, Options, Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { serveHasty } from "./support/hasty_node.ts";
import { type Client, connect, serve, until } from "./support/harness.ts";
import { ask, MESSAGES, say } from "./support/http.ts";
import { faultProxy } from "./support/proxy.ts";
import { Dice, SEED } from "./support/random.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { converse, MANAGERS, NARROW, viewOf } from "./support/revision_model.ts";
import { edit, react, remove, unreact } from "./support/revision_suite.ts";

const RUNS = Number(Deno.env.get("REVISIONS") ?? 4);

function test(behaviour: string, act: (redis: RedisProcess) => Promise<void>): void {
  Deno.test({
    name: `redis revisions: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      await act(redis);
    },
  });
}

function openBroker(url: string): Promise<RedisBroker> {
  return RedisBroker.open({ url, retainMessages: 0, retainDays: 0, dedupeMessages: 1000 });
}

/** A node on which everybody may manage. */
function node(redis: RedisProcess, options: Partial<Options> = {}): Promise<Server> {
  return serve({ redis: redis.url, graceSeconds: 0, ...options }, MANAGERS);
}

async function enter(server: Server, token: string, since?: object): Promise<Client> {
  const client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "hello", token }, { type: "join", ...(since && { since }) });
  await until(() => client.pending.some(({ type }) => type === "joined"), "to join");
  return client;
}

/** What a client holds of the lobby by now. */
function heldBy(client: Client): Message[] {
  const view = viewOf(client.frames.map((frame) => JSON.parse(frame)));
  return [...view?.messages.values() ?? []].toSorted((a, b) => a.seq - b.seq);
}

test(`edits, deletions and reactions that race on three nodes end alike everywhere, seed ${SEED}`, async (redis) => {
  await using a = await node(redis);
  await using b = await node(redis);
  await using c = await node(redis);
  const servers = [a, b, c];
  const clients = await Promise.all(
    [0, 1, 2, 3, 4, 5].map((n) => enter(servers[n % 3] ?? a, `user-${n}`)),
  );
  for (const payload of ["1", "2", "3", "4"]) clients[0]?.send({ type: "chat", payload });
  for (const client of clients) await client.next("chat", ({ seq }) => seq === 4);
  const dice = new Dice(SEED);
  const command = (ref: string) => {
    const seq = 1 + dice.below(4);
    const [payload, on] = [dice.pick(["👍", "x"]), dice.chance(0.7)];
    if (dice.chance(0.5)) return { type: "react", seq, payload, on, ref };
    if (dice.chance(0.02)) return { type: "delete", seq, ref };
    return { type: "edit", seq, payload: `${ref} ${dice.below(9)}`, ref };
  };
  for (let round = 0; round < 8; round++) {
    for (const [n, client] of clients.entries()) {
      client.send(...Array.from({ length: 5 }, (_, i) => command(`${round} ${n} ${i}`)));
    }
  }
  for (const client of clients) {
    const isLast = ({ ref }: { readonly ref?: string }) =>
      ref?.startsWith("7 ") && ref.endsWith(" 4");
    await until(
      () => client.pending.some((event) => "ref" in event && isLast(event)),
      "the last answer",
    );
  }
  const { messages, rev = 0 } = (await ask(a, MESSAGES)).json;
  assert(rev >= 4); // one for each message and commit, and few commits if they come at once
  for (const client of clients) {
    await until(
      () =>
        client.frames.some((frame) =>
          frame.startsWith(`{"type":"revised","room":"lobby","rev":${rev},`)
        ),
      "the newest revision",
    );
    assertEquals<unknown>(heldBy(client), messages);
  }
  for (const server of servers) {
    await using late = await enter(server, "late");
    await late.take("chat", 4);
    assertEquals<unknown>(heldBy(late), messages);
    assertEquals((await ask(server, MESSAGES)).json.messages, messages);
  }
  // Each count is that of the users whose own reaction it is.
  const counts: Record<string, number> = {};
  for (const n of [0, 1, 2, 3, 4, 5]) {
    await using again = await enter(b, `user-${n}`);
    const { mine = {} } = await again.next("joined");
    for (const [seq, own] of Object.entries(mine)) {
      for (const one of own) counts[`${seq} ${one}`] = (counts[`${seq} ${one}`] ?? 0) + 1;
    }
  }
  const told = messages.flatMap(({ seq, reactions = {} }) =>
    Object.entries(reactions).map(([one, count]) => [`${seq} ${one}`, count])
  );
  assertEquals(counts, Object.fromEntries(told));
});

test("everybody's reaction counts when all react at once, on three nodes", async (redis) => {
  const brokers = await Promise.all([0, 1, 2].map(() => openBroker(redis.url)));
  const heard = brokers.map((broker) => listening(broker));
  for (const broker of brokers) await broker.open("lobby");
  await brokers[0]?.publish([draft("one")]);
  const receipts = await Promise.all(
    brokers.flatMap((broker, n) =>
      Array.from(
        { length: 20 },
        (_, user) => broker.publish([react(1, "👍", { user: `${n} ${user}` })]),
      )
    ),
  );
  assert(receipts.flat().every(({ repeated }) => !repeated));
  for (const list of heard) {
    await until(() => list.length === 60, "all revisions");
    assertEquals(list.map(({ rev }) => rev), Array.from({ length: 60 }, (_, n) => n + 1));
    assertEquals(list, heard[0]);
    assertEquals(JSON.parse(list.at(-1)?.message ?? "").reactions, { "👍": 60 });
  }
  for (const broker of brokers) await broker[Symbol.asyncDispose]();
});

/** Keeps what is called back of revisions. */
function listening(broker: Broker): RevisedMessage[] {
  const heard: RevisedMessage[] = [];
  broker.listen({
    committed() {},
    signalled() {},
    revised: (_, messages) => heard.push(...messages),
  });
  return heard;
}

test("a client that comes back to another node is told what became of its messages", async (redis) => {
  await using a = await node(redis);
  await using b = await node(redis);
  await using ada = await enter(a, "ada");
  for (const payload of ["1", "2", "3"]) ada.send({ type: "chat", payload });
  ada.send({ type: "edit", seq: 1, payload: "one", ref: "e" });
  await ada.next("revised", ({ ref }) => ref === "e");
  const { epoch } = (await ask(a, MESSAGES)).json;
  ada.send({ type: "delete", seq: 2 }, { type: "react", seq: 3, payload: "👍" });
  ada.send({ type: "chat", payload: "4", ref: "4" }, { type: "edit", seq: 4, payload: "four" });
  await ada.next("revised", ({ message }) => message.seq === 4);
  await using back = await enter(b, "ada", { epoch, seq: 3, rev: 1 });
  const { recovered, rev } = await back.next("joined");
  assertEquals([recovered, rev], [true, 4]);
  const missed = await back.take("revised", 2);
  assertEquals(missed.map(({ rev, message }) => [rev, message.seq, message.payload]), [
    [2, 2, ""],
    [3, 3, "3"],
  ]);
  const { payload, rev: own } = await back.next("chat");
  assertEquals([payload, own], ["four", 4]);
});

test("a node that has missed revisions reads them, and the messages before them", async (redis) => {
  await using proxy = faultProxy(redis.url);
  await using there = await openBroker(redis.url);
  await using here = await openBroker(proxy.url.replace("http", "redis"));
  const seen: string[] = [];
  here.listen({
    committed: (_, page) =>
      seen.push(...page.batch.events.map((event) => JSON.parse(event).payload)),
    signalled() {},
    revised: (_, messages) => seen.push(...messages.map(({ rev }) => `rev ${rev}`)),
  });
  await here.open("lobby");
  await there.publish([draft("1"), edit(1, "one")]);
  await until(() => seen.length === 2, "both to arrive");
  proxy.refusing = true;
  proxy.cut();
  await there.publish([draft("2"), edit(1, "ONE")]);
  await there.publish([draft("3"), edit(3, "three"), react(1, "👍")]);
  proxy.refusing = false;
  await until(() => seen.length === 6, "all to be read");
  // Of each message only the newest state, in the order of rev.
  assertEquals(seen, ["1", "rev 1", "2", "three", "rev 3", "rev 4"]);
  await here.catchUpTo("lobby", 3, 4);
  assertEquals(await textsOf(here), ["ONE", "2", "three"]);
});

test("a text with the line separators of Unicode arrives on the other nodes at once", async (redis) => {
  const options = { retainMessages: 0, retainDays: 0, dedupeMessages: 9, leaseMs: 600_000 };
  await using here = await RedisBroker.open({ url: redis.url, ...options });
  await using there = await RedisBroker.open({ url: redis.url, ...options });
  const heard = listening(here);
  await here.open("lobby");
  await there.publish([draft("one")]);
  await there.publish([edit(1, "o\u2028n\u2029e")]);
  await until(() => heard.length === 1, "the edit, without a heartbeat"); // the next is in 200 s
  assertEquals(JSON.parse(heard[0]?.message ?? "").payload, "o\u2028n\u2029e");
});

test("what changes nothing is answered when the node has heard of what did", async (redis) => {
  await using here = await openBroker(redis.url);
  await using there = await openBroker(redis.url);
  const heard = listening(here);
  await here.open("lobby");
  await there.publish([draft("one"), draft("two")]);
  for (let round = 0; round < 20; round++) {
    await redis.ask("CLIENT", "KILL", "TYPE", "pubsub");
    await there.publish([react(1, `${round}`)]);
    await there.publish([react(2, `${round}`)]);
    const [receipt] = await here.publish([react(2, `${round}`)]);
    assertEquals(receipt?.repeated, true);
    assertEquals(JSON.parse(receipt?.event ?? "").rev, 2 * round + 2);
    assertEquals(heard.at(-1)?.rev, 2 * round + 2);
  }
});

test("a revision whose answer was lost is made once", async (redis) => {
  await using proxy = faultProxy(redis.url);
  await using broker = await openBroker(proxy.url.replace("http", "redis"));
  const heard = listening(broker);
  await broker.open("lobby");
  await broker.publish([draft("one")]);
  for (let round = 1; round <= 3; round++) {
    // The first script's answer comes; the second's does not. It is tried for 5 s, which a machine that stands
    // still may need for nothing.
    const revising = broker.publish([react(1, `${round}`), unreact(1, `${round - 1}`)])
      .catch((reason) => assert(reason instanceof BrokerError, reason));
    proxy.stall("down");
    await until(
      async () => {
        proxy.flow();
        proxy.stall("down");
        return await redis.ask("HGET", "parley:{lobby}:log", "rev") === `${round}`;
      },
      "the revision to be stored",
    );
    proxy.cut();
    proxy.flow();
    const receipts = await revising;
    if (!receipts) continue;
    assertEquals(receipts[0]?.repeated, false);
    assertEquals(JSON.parse(receipts[0]?.event ?? "").message.reactions, { [round]: 1 });
  }
  await until(() => heard.length >= 3, "all revisions");
  assertEquals(heard.map(({ rev }) => rev), [1, 2, 3]);
});

test("a deleted or replaced text is in no key, no dump and no rewritten file", async () => {
  await using redis = await RedisProcess.start("file", "--rdbcompression", "no");
  await using broker = await openBroker(redis.url);
  await broker.open("lobby");
  const secrets = ["SECRET alone", "SECRET first", "SECRET middle", "SECRET last", "SECRET long"];
  await broker.publish([draft(secrets[0] ?? "", { ref: "r" })]);
  await broker.publish([1, 2, 3].map((n) => draft(secrets[n] ?? "", { receipt: true })));
  await broker.publish([draft("kept"), draft(secrets[4] + "x".repeat(9000)), draft("kept too")]);
  await broker.publish([edit(3, "SECRET edit"), react(1, "SECRETLY")]);
  assert((await contentsOf(redis)).includes("SECRET"));
  await broker.publish([remove(1), remove(2), remove(3), edit(4, "harmless"), remove(6)]);
  assertEquals(await textsOf(broker), ["", "", "", "harmless", "kept", "", "kept too"]);
  const contents = await contentsOf(redis);
  assert(contents.includes("harmless") && contents.includes("kept too"));
  assertEquals(contents.match(/SECRET[ \w]{0,9}/g), null);
});

/** All that a Redis holds: each key, a new dump, and the append-only file when it was rewritten. */
async function contentsOf(redis: RedisProcess): Promise<string> {
  let all = "";
  for (const key of (await redis.ask("KEYS", "*")).split("\n")) {
    const type = await redis.ask("TYPE", key);
    if (type === "hash") all += await redis.ask("HGETALL", key);
    if (type === "string") all += await redis.ask("GET", key);
    if (type === "zset") all += await redis.ask("ZRANGE", key, "0", "-1");
    assert(["hash", "string", "zset"].includes(type), type);
  }
  const isIdle = async () => {
    const info = await redis.ask("INFO", "persistence");
    return /rdb_bgsave_in_progress:0/.test(info) && /aof_rewrite_in_progress:0/.test(info) &&
      /aof_rewrite_scheduled:0/.test(info);
  };
  for (const command of ["BGSAVE", "BGREWRITEAOF"]) {
    await redis.ask(command);
    await until(isIdle, command);
  }
  let files = 0;
  for await (const { name, isFile } of Deno.readDir(redis.folder)) {
    if (isFile) all += await Deno.readTextFile(`${redis.folder}/${name}`);
    files++;
  }
  for await (const { name } of Deno.readDir(`${redis.folder}/appendonlydir`)) {
    all += await Deno.readTextFile(`${redis.folder}/appendonlydir/${name}`);
    files++;
  }
  assert(files >= 3, `${files} files`);
  return all;
}

test("a log that was kept in a stream goes on, and is revised", async (redis) => {
  const epoch = await (async () => {
    await using broker = await openBroker(redis.url);
    await broker.publish([draft("1")]);
    await broker.publish([draft("2"), draft("3")]);
    return (await broker.state("lobby")).epoch;
  })();
  const key = "parley:{lobby}:entries";
  const entries = await redis.ask("ZRANGE", key, "0", "-1");
  await redis.ask("DEL", key);
  for (const entry of entries.split(/\n(?=\d)/)) {
    const [, last = "", n = "", a = "", e = ""] = /^(\d+) (\d+) (\d+)\n(.*)$/s.exec(entry) ?? [];
    await redis.ask("XADD", key, `${last}-0`, "n", n, "a", a, "e", e);
  }
  assertEquals(await redis.ask("XLEN", key), "2");
  await redis.ask("PEXPIRE", key, "1000000");
  await using broker = await openBroker(redis.url);
  assertEquals(await textsOf(broker), ["1", "2", "3"]);
  assert(Number(await redis.ask("PTTL", key)) > 0);
  await broker.publish([edit(2, "two"), draft("4")]);
  assertEquals(await textsOf(broker), ["1", "two", "3", "4"]);
  assertEquals((await broker.state("lobby")).epoch, epoch);
});

test("a Redis that has lost a revision gets another epoch, also if the number was given again", async (redis) => {
  const proxies = [faultProxy(redis.url), faultProxy(redis.url)] as const;
  await using _first = proxies[0];
  await using _second = proxies[1];
  const [knowing, ignorant] = proxies;
  await using a = await openBroker(knowing.url.replace("http", "redis"));
  await using b = await openBroker(ignorant.url.replace("http", "redis"));
  const states: LogState[] = [];
  const heard: number[] = [];
  a.listen({
    committed() {},
    signalled() {},
    revised: (_, messages) => heard.push(...messages.map(({ rev }) => rev)),
    logReplaced: (_, state) => states.push(state),
  });
  const { epoch } = await a.open("lobby");
  await b.open("lobby");
  await a.publish([draft("one"), react(1, "kept")]);
  await b.catchUpTo("lobby", 1, 1);
  assertEquals(await redis.ask("SAVE"), "OK");
  ignorant.refusing = true;
  ignorant.cut();
  await a.publish([react(1, "lost")]);
  assertEquals(heard, [1, 2]);
  knowing.refusing = true;
  knowing.cut();
  await redis.kill();
  await redis.restart(); // it reads the dump
  ignorant.refusing = false;
  const isRevised = () => b.publish([react(1, "other")]).then(() => true, () => false);
  await until(isRevised, "Redis to be used again");
  assertEquals((await b.state("lobby")).epoch, epoch);
  assertEquals((await b.state("lobby")).rev, 2);
  knowing.refusing = false;
  await until(() => states.length > 0, "the first node to notice");
  assert(states[0]?.epoch !== epoch);
  assertEquals((await a.state("lobby")).rev, 2);
});

test("a client that has heard of a revision that Redis has lost starts afresh", async (redis) => {
  await using server = await serveHasty(redis.url);
  await say(server, "one");
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "join" });
  const { epoch } = await client.next("joined");
  client.send({ type: "react", seq: 1, payload: "kept" });
  await client.next("revised");
  await redis.ask("SAVE");
  client.send({ type: "react", seq: 1, payload: "lost" });
  await client.next("revised", ({ rev }) => rev === 2);
  await redis.kill();
  await redis.restart();
  const again = await client.next("joined");
  assertEquals([again.recovered, again.epoch === epoch, again.rev], [false, false, 1]);
  assertEquals((await client.next("chat")).reactions, { kept: 1 });
});

test(`${RUNS} conversations over three nodes end alike for everybody, seed ${SEED}`, async (redis) => {
  for (let run = 0; run < RUNS; run++) {
    const open = () => serve({ ...NARROW, redis: redis.url }, MANAGERS);
    await converse(SEED + run, { open, nodes: 3, steps: 40, restarts: true });
  }
});
