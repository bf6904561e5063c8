/**
 * `--workers` without Redis: threads that serve, and one that stores. What clients of different threads see
 * of each other is in `nodes_test.ts`, `marks_test.ts` and `moderation_test.ts`; this is what becomes of them
 * when a thread dies, and the program around the threads.
 *
 * @module
 */
import { createServer, type Facts, type Log, silentLog } from "../server/mod.ts";
import { completeOptions, type Options } from "../server/options.ts";
import { HangWatch } from "../server/process/hang_watch.ts";
import type { Serving } from "../server/process/serving.ts";
import { Workers } from "../server/process/workers.ts";
import { monitorOf } from "../server/server.ts";
import { ROOMY } from "../server/testing.ts";
import { assert, assertEquals, assertMatch } from "./support/assert.ts";
import { freePort } from "./support/child.ts";
import { Crowd } from "./support/crowd.ts";
import { type Client, connect, member, patiently, until } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { Program, startTask } from "./support/program.ts";
import { SEED, seeded } from "./support/random.ts";
import { replaceScript } from "./support/replaced_script.ts";
import { KEY, Scrape } from "./support/scrape.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { serveWith } from "./support/threads.ts";
import { claimsOf, SECRET as JWT_SECRET, tokenFor } from "./support/tokens.ts";
import { Receiver, SECRET } from "./support/webhook_receiver.ts";

const TROUBLED = new URL("./support/troubled_worker.ts", import.meta.url);
/** The program with the permissions of its task, some threads of which die when they are told to. */
const TROUBLED_PROGRAM = startTask().args.map((arg) =>
  arg === "main.ts" ? "tests/support/troubled_program.ts" : arg
);
/** So many connections that the kernel gives some to each of two threads. */
const MANY = 12;
/** Has the next request come over a connection of its own, which the kernel gives to any thread. */
const APART = { connection: "close" };

function trouble(kind: "worker" | "store", what: string): void {
  const channel = new BroadcastChannel(`parley: troubled ${kind}`);
  channel.postMessage(what);
  channel.close();
}

function kill(kind: "worker" | "store"): void {
  trouble(kind, "die");
}

/** Has the second thread stand still. @returns a function that lets it go on. */
async function standStill(directory: Directory): Promise<() => void> {
  const path = `${directory.path}/go on`;
  const channel = new BroadcastChannel("parley: troubled worker");
  const stands = new Promise((resolve) => channel.onmessage = resolve);
  channel.postMessage({ untilThere: path });
  await patiently(stands, "the thread to stand still");
  channel.close();
  return () => Deno.writeTextFileSync(path, "");
}

/** A log that keeps the errors. */
class Errors implements Log {
  readonly info = silentLog.info;
  readonly warn = silentLog.warn;
  readonly lines: string[] = [];
  readonly error = (event: string, { reason }: Facts = {}) => {
    this.lines.push(`${event}: ${reason}`);
  };
}

/** Serves from two threads, of which the second can be killed. */
function serveTwo(options: Partial<Options> = {}, log: Log = silentLog) {
  return serveWith(2, options, log, TROUBLED);
}

/** A member at the first thread, and one at the second: the kernel says who is where. */
async function onBoth({ server }: Serving, names: readonly [string, string]): Promise<Client[]> {
  const found: (Client | undefined)[] = [undefined, undefined];
  while (found.includes(undefined)) {
    const before = server.connectionCount;
    const client = await connect(server, { protocol: "parley.v1" }).catch(() => undefined);
    if (client === undefined) continue; // a thread that dies resets what waits for it
    const index = server.connectionCount > before ? 0 : 1;
    if (found[index] === undefined) {
      found[index] = client;
      client.send({ type: "hello", name: names[index] }, { type: "join" });
      await client.next("joined");
    } else {
      await client.close();
      // The next one would be taken for the second thread's while this one counts.
      await until(() => server.connectionCount <= before, "the connection to be gone");
    }
  }
  return found.filter((client) => client !== undefined);
}

Deno.test("the program serves from two threads and stores in a third, with the permissions of its task", async () => {
  await using at = new Directory();
  await using copy = new Directory();
  const port = freePort();
  const args = ["--db", at.file, "--workers", "2", "--metrics-port", `${port}`];
  await using program = await Program.start(args, { PARLEY_API_KEYS: KEY });
  const clients: Client[] = [];
  for (let n = 0; n < MANY; n++) clients.push(await member(program, { name: `${n}` }));
  for (const [n, client] of clients.entries()) client.send({ type: "chat", payload: `${n}` });
  const heard = await Promise.all(clients.map((client) => client.take("chat", MANY)));
  for (const events of heard) assertEquals(events, heard[0]);
  assertEquals(heard[0]?.map(({ seq }) => seq), heard[0]?.map((_, index) => index + 1));

  const own = `http://127.0.0.1:${port}/metrics`;
  const series = [
    'parley_commands_total{verdict="accepted",type="chat"}',
    "parley_messages_total",
    'parley_connections_open{kind="websocket"}',
  ];
  let totals = await Scrape.of(own);
  await until(async () => {
    totals = await Scrape.of(own); // some seconds old, maybe of the middle of a commit
    return series.every((one) => totals.get(one) === MANY);
  }, "the totals");
  // Of the one store, each thread tells the same. An empty database has 0.1 MB.
  const storeBytes = totals.get("parley_store_size_bytes");
  assert(storeBytes > 20_000 && storeBytes < 400_000, `${storeBytes} bytes`);

  for (let n = 0; n < 4; n++) {
    assertEquals((await ask(program, "/readyz", { headers: APART })).status, 200);
    const headers = { authorization: `Bearer ${KEY}`, ...APART };
    const backup = await fetch(`${program.url}/backup`, { headers });
    assertEquals(backup.status, 200, program.err);
    copy.write(await backup.bytes());
    await using broker = await copy.open();
    assertEquals((await broker.state("lobby")).head, MANY);
  }

  program.signal("SIGTERM");
  for (const client of clients) {
    await client.next("bye");
    assertEquals((await client.closed).code, 1012);
  }
  const { code, err } = await program.ended();
  assertEquals([code, / (?:warn|error) (?!descriptor|disk is slow)/.test(err)], [0, false], err);
  await using broker = await at.open();
  assertEquals((await broker.state("lobby")).head, MANY);
});

Deno.test("--workers 1 stores in another thread than the one that serves, also in memory", async () => {
  await using program = await Program.start(["--db", ":memory:", "--workers", "1"]);
  await using client = await connect(program);
  client.send({ type: "chat", payload: "hello" });
  assertEquals((await client.next("chat")).seq, 1);
  assertEquals((await ask(program, "/backup", { headers: APART })).status, 401);
  program.signal("SIGTERM");
  await client.next("bye");
  assertEquals((await program.ended()).code, 0);
});

Deno.test("mistakes are one line each, also with --workers", async () => {
  await using at = new Directory();
  at.write("this is no database");
  await using used = new Directory();
  await using _broker = await used.open();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const rules = `${at.path}/rules.json`;
  await Deno.writeTextFile(rules, '[{"match": "a", "everyone": "nobody"}]');
  const memory = ["--db", ":memory:"];
  const mistakes = [
    [["--db", at.file], /is not a Parley database/],
    [["--db", used.file], /is in use by another process/],
    [["--db", `${at.path}/nowhere/parley.db`], /Cannot use the database/],
    [[...memory, "--port", `${port}`], /is in use/],
    [[...memory, "--metrics-port", `${port}`], /is in use/],
    [[...memory, "--rules", rules], /"everyone" must be/],
    [[...memory, "--api-key-file", `${at.path}/nothing`], /nothing/],
    [[...memory, "--webhook", "https://h.example"], /--webhook needs one of/],
  ] as const;
  // The system of a test may have few descriptors, which would be one more line.
  const SMALL = ["--port", "0", "--workers", "2", "--max-connections", "9"];
  await Promise.all(mistakes.map(async ([args, sentence]) => {
    await using program = await Program.run([...SMALL, ...args]);
    const { code, out, err } = await program.ended();
    assertMatch(err, /^parley: [^\n]+\n$/);
    assertMatch(err, sentence);
    assertEquals([code, out], [1, ""], err);
  }));
  assertEquals(new TextDecoder().decode(at.bytes()), "this is no database");
});

Deno.test("SIGTERM while the other threads start ends the program in order", async () => {
  const port = freePort();
  const args = ["--db", ":memory:", "--workers", "4", "--port", `${port}`];
  await using program = await Program.run(args);
  const isHealthy = () =>
    fetch(`http://127.0.0.1:${port}/healthz`, { headers: APART })
      .then((response) => response.text()).then(() => true, () => false);
  await until(isHealthy, "the first thread to answer");
  program.signal("SIGTERM");
  const { code, signal, err } = await program.ended();
  assertEquals([code, signal, err.includes(" error ")], [0, null, false], err);
});

Deno.test("of several threads one posts to the webhook, and each message once", async () => {
  await using receiver = new Receiver();
  const args = ["--db", ":memory:", "--workers", "2", "--webhook", receiver.url];
  await using program = await Program.start(args, { PARLEY_WEBHOOK_SECRET: SECRET });
  const said = Array.from({ length: MANY }, (_, n) => `${n}`);
  for (const payload of said) {
    await ask(program, MESSAGES, { method: "POST", body: { payload }, headers: APART });
  }
  await receiver.takes(MANY);
  assertEquals(receiver.payloads, said);
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
  assertEquals(receiver.taken.length, MANY);
});

Deno.test("the users of a serving thread that dies leave, and come back to its successor", async () => {
  const log = new Errors();
  await using serving = await serveTwo({ graceSeconds: 0 }, log);
  const [alice, bob] = await onBoth(serving, ["Alice", "Bob"]);
  assert(alice !== undefined && bob !== undefined);
  bob.send({ type: "chat", payload: "one" });
  await alice.next("chat");
  kill("worker");
  await alice.next("system", ({ payload }) => payload === "Bob left.");
  assertEquals(log.lines.length, 1);
  assertMatch(log.lines[0] ?? "", /^worker failed: .*died, as it was told to/);
  alice.send({ type: "chat", payload: "two" });
  assertEquals((await alice.next("chat", ({ payload }) => payload === "two")).seq, 2);
  // Its successor listens when a connection is not the first thread's.
  const [, carol] = await onBoth(serving, ["Dave", "Carol"]);
  carol?.send({ type: "chat", payload: "three" });
  assertEquals((await alice.next("chat", ({ payload }) => payload === "three")).seq, 3);
  await Promise.all([alice.close(), bob.close()]);
});

Deno.test("a serving thread that takes another's place obeys what files held at the start", async () => {
  await using at = new Directory();
  const [rules, apiKeyFile] = [`${at.path}/rules.json`, `${at.path}/keys`];
  const jwtSecretFile = `${at.path}/secret`;
  await Deno.writeTextFile(rules, '[{"match": "lobby", "everyone": "read"}]');
  await Deno.writeTextFile(apiKeyFile, KEY);
  await Deno.writeTextFile(jwtSecretFile, JWT_SECRET);
  const log = new Errors();
  await using serving = await serveTwo({ rules, apiKeyFile, jwtSecretFile }, log);
  await Deno.writeTextFile(rules, "changed for the next start, and not whole yet");
  await Deno.writeTextFile(jwtSecretFile, JWT_SECRET.toUpperCase());
  await Deno.remove(apiKeyFile);
  kill("worker");
  await until(() => log.lines.length > 0, "the thread to die");
  const clients = await patiently(onBoth(serving, ["Alice", "Bob"]), "its successor");
  for (const client of clients) {
    client.send({ type: "chat", payload: "hello", ref: "a" });
    assertEquals((await client.next("error", ({ ref }) => ref === "a")).code, "forbidden");
    client.send({ type: "hello", token: await tokenFor(claimsOf()) });
    await client.next("welcome", ({ user }) => user.id === "ada");
    await client.close();
  }
  assertEquals(log.lines.length, 1);
});

Deno.test("a serving thread that takes another's place during a drain says that it drains", async () => {
  const log = new Errors();
  await using serving = await serveTwo({}, log);
  serving.drain();
  kill("worker");
  await until(() => log.lines.length > 0, "the thread to die");
  for (const client of await patiently(onBoth(serving, ["Alice", "Bob"]), "its successor")) {
    await client.close();
  }
  const answers = await Promise.all(Array.from({ length: MANY }, async () => {
    const response = await fetch(`${serving.url}/readyz`, { headers: APART });
    return (await response.json()).reason;
  }));
  assertEquals(new Set(answers), new Set(["draining"]));
});

Deno.test(`serving threads that die again and again lose and double nothing, seed ${SEED}`, async () => {
  const log = new Errors();
  const options = { recentMessages: 0, retainMessages: 0, graceSeconds: 0.1 };
  await using serving = await serveTwo(options, log);
  const nodes = [serving];
  await using crowd = new Crowd(8, { nodes, random: seeded(SEED), thinkMs: 2 });
  for (let deaths = 1; deaths <= 3; deaths++) {
    await crowd.echoes(200);
    const dies = () => {
      kill("worker"); // the successor hears it when it is there
      return log.lines.length === deaths;
    };
    await crowd.meanwhile(until(dies, "the thread to die"));
    await crowd.checker.check(serving);
  }
  await crowd.echoes(200);
  await crowd.settle(serving);
  const { texts } = await crowd.conclude(serving);
  assertEquals(texts.length, crowd.checker.echoes);
});

Deno.test("a serving thread that stands still for a while holds nobody up, and its users miss nothing", async () => {
  const log = new Errors();
  await using directory = new Directory();
  await using serving = await serveTwo({ recentMessages: 0 }, log);
  const [alice, bob] = await onBoth(serving, ["Alice", "Bob"]);
  assert(alice !== undefined && bob !== undefined);
  const goOn = await standStill(directory);
  const payload = "x".repeat(16_000);
  const count = 1400; // more than a thread may have before it
  for (let n = 1; n <= count; n++) {
    alice.send({ type: "chat", payload });
    if (n % 20 === 0) await alice.take("chat", 20);
  }
  alice.send({ type: "edit", seq: 1, payload: "edited", ref: "first" });
  alice.send({ type: "edit", seq: count, payload: "edited", ref: "last" });
  await alice.next("revised", ({ ref }) => ref === "last");
  alice.send({ type: "custom", name: "topic", payload: "tea", retain: true });
  await alice.next("custom");
  goOn();
  alice.send({ type: "chat", payload: "on" });
  const heard = await bob.take("chat", count + 1);
  assertEquals(heard.map(({ seq }) => seq), heard.map((_, index) => index + 1));
  const revised = new Set<unknown>();
  while (revised.size < 2) revised.add((await bob.next("revised")).message.seq);
  await until(() => bob.frames.some((frame) => frame.includes('"topic"')), "the retained event");
  assertEquals(log.lines, []);
});

Deno.test("HangWatch counts only the time in which the watching thread itself ran", () => {
  let now = 0;
  const watch = new HangWatch<{ name: string }>(2000, () => now);
  const [hung, busy, starting] = [{ name: "hung" }, { name: "busy" }, { name: "starting" }];
  watch.heard(hung);
  watch.heard(busy);
  const pass = (milliseconds: number) => {
    now += milliseconds;
    const hanging = watch.check();
    watch.heard(busy);
    return hanging;
  };
  for (let sleeps = 0; sleeps < 9; sleeps++) assertEquals(pass(3_600_000), []);
  for (let seconds = 0; seconds < 10; seconds += 2) assertEquals(pass(2010), []);
  assertEquals(pass(3_600_000), []);
  assertEquals(pass(1990), [hung]);
  watch.forget(hung);
  assertEquals(pass(2000), []);
  watch.heard(starting);
  for (let seconds = 0; seconds < 10; seconds += 2) assertEquals(pass(2000), []);
  watch.heard(starting);
  assertEquals(pass(2000), []);
});

for (
  const [door, event, why, status] of [
    ["store", "storing thread died reason=", "storing thread died", 1],
    ["hang", "worker hangs silentSeconds=10", "serving thread hangs", 1],
    ["loop", "first thread hangs silentSeconds=10", "first thread hangs", 128 + 9], // SIGKILL
  ] as const
) {
  Deno.test(`${why}: the program ends in order, and nothing acknowledged is lost, seed ${SEED}`, async () => {
    await using at = new Directory();
    const url = `http://127.0.0.1:${freePort()}`;
    const args = ["--db", at.file, "--workers", "2", "--port", new URL(url).port];
    // Some say again what they said ten seconds ago, and the others have said thousands since.
    const dedupe = ["--dedupe-messages", "1000000"];
    const kept = ["--recent-messages", "0", "--retain-messages", "0"];
    const more = [...kept, ...dedupe, "--grace-seconds", "0.1"];
    await using doomed = await Program.start([...args, ...more], {}, [], TROUBLED_PROGRAM);
    // Whoever left would wait for four seconds if the kernel then dealt it to the thread that hangs. Soon
    // nobody would talk, and the program ends after some ten seconds.
    const leaving = door === "hang" ? 0 : 0.03;
    const journey = { nodes: [{ url }], random: seeded(SEED), thinkMs: 2, leaving };
    await using crowd = new Crowd(8, journey);
    await crowd.echoes(300);
    let hasEnded = false;
    const ending = doomed.ended().finally(() => hasEnded = true);
    // The door is the first thread's, and a thread that hangs does not answer.
    const knock = () =>
      fetch(`${url}/trouble/${door}`, { headers: APART, signal: AbortSignal.timeout(1000) });
    await until(async () => {
      const response = await knock().catch(() => undefined);
      await response?.body?.cancel();
      return hasEnded || response?.status === 200;
    }, "the door");
    if (door === "hang") await crowd.echoes(300); // the others go on
    const { code, err } = await ending;
    const lines = err.split("\n").filter((line) => / (?:error|stopping) /.test(line));
    assertEquals(code, status, err);
    assertEquals(lines.filter((line) => line.includes(`error ${event}`)).length, 1, err);
    assertMatch(err, new RegExp(`info stopping why="${why}"`));
    await using program = await Program.start([...args, ...more]);
    await crowd.checker.check(program);
    await crowd.echoes(100);
    await crowd.settle(program);
    assertEquals((await crowd.conclude(program)).texts.length, crowd.checker.echoes);
  });
}

Deno.test("a storing thread that hangs is told of by /readyz, /metrics and the log, and a stop says why it fails", async () => {
  const args = ["--db", ":memory:", "--workers", "1"];
  const program = await Program.start(args, { PARLEY_API_KEYS: KEY }, [], TROUBLED_PROGRAM);
  await using _ended = program;
  const { url } = program;
  assertEquals((await ask(program, "/readyz")).status, 200);
  await (await fetch(`${url}/trouble/stuck`)).text();
  const found = async () => {
    const { json } = await ask(program, "/readyz");
    return "reason" in json && json.reason === "store_stuck";
  };
  await until(found, "/readyz to say so");
  const scrape = await Scrape.of(`${url}/metrics`, KEY);
  assertEquals(scrape.get('parley_not_ready{reason="store_stuck"}'), 1);
  program.signal("SIGTERM");
  const { code, err } = await program.ended();
  assertEquals(code, 1, err);
  assertMatch(err, / warn not ready reason=store_stuck\n/);
  assertMatch(err, / error stop failed reason="It takes longer than 20000 ms."\n/);
});

/** Has the storing thread stand still until there is the file `….go`, with a message of the client's in flight. */
async function haltStore(program: Program, alice: Client): Promise<void> {
  await (await fetch(`${program.url}/trouble/still`)).text();
  const asksInVain = () =>
    fetch(program.url + MESSAGES, { headers: APART, signal: AbortSignal.timeout(200) })
      .then((response) => response.text()).then(() => false, () => true);
  await until(asksInVain, "the store to stand still");
  alice.send({ type: "chat", payload: "two" }, { type: "leave", room: "tea", ref: "heard" });
  await alice.next("error", ({ ref }) => ref === "heard");
}

Deno.test("a room is erased once a slow disk has stored what was said before", async () => {
  await using at = new Directory();
  const args = ["--db", at.file, "--workers", "1"];
  await using program = await Program.start(args, { PARLEY_API_KEYS: KEY }, [], TROUBLED_PROGRAM);
  await using alice = await member(program);
  await haltStore(program, alice);
  const headers = { authorization: `Bearer ${KEY}` };
  const erased = ask(program, "/rooms/tea", { method: "DELETE", headers });
  const isTold = async () => JSON.stringify(await ask(program, "/readyz")).includes("store_stuck");
  await until(isTold, "three seconds to pass");
  await Deno.writeTextFile(`${at.file}.go`, "");
  assertEquals((await erased).status, 204);
});

Deno.test("a stop waits for a slow disk: what was accepted is stored, and marks are written", async () => {
  await using at = new Directory();
  const args = ["--db", at.file, "--workers", "1"];
  await using program = await Program.start(args, { PARLEY_API_KEYS: KEY }, [], TROUBLED_PROGRAM);
  await using alice = await connect(program, { protocol: "parley.v1" });
  alice.send({ type: "hello" }, { type: "join" }, { type: "chat", payload: "one" });
  const { user } = await alice.next("welcome");
  await alice.next("chat");
  await haltStore(program, alice);
  program.signal("SIGTERM");
  await alice.next("bye"); // the stop does not wait any longer before it sends the clients away
  await alice.closed;
  const isRefused = () =>
    fetch(`${program.url}/healthz`, { headers: APART })
      .then((response) => response.text()).then(() => false, () => true);
  await until(isRefused, "the port to be closed, whatever the disk does");
  await Deno.writeTextFile(`${at.file}.go`, "");
  const { code, err } = await program.ended();
  assertEquals([code, / (?:error|warn) (?!descriptor|disk is|not ready|slow)/.test(err)], [
    0,
    false,
  ], err);
  await using broker = await at.open();
  assertEquals((await broker.state("lobby")).head, 2);
  assertEquals((await broker.marks.get(user.id, "lobby"))?.seq, 2);
});

Deno.test("a stop goes on sending numbers to a thread that takes long, or it would take the first for hanging", async () => {
  const script = `let numbers, isStopping = false;
    self.onmessage = ({ data }) => {
      if (data === "stop") return void (isStopping = true);
      numbers = data.numbers;
      numbers.onmessage = () => isStopping && self.postMessage({}); // the answer to "stop"
      self.postMessage({});
    };`;
  await using server = await createServer({}, { log: silentLog });
  const workers = new Workers(completeOptions({ workers: 2 }), silentLog, {
    monitor: monitorOf(server),
    script: new URL(`data:text/javascript,${encodeURIComponent(script)}`),
  });
  await workers.start();
  await patiently(workers.stop(), "the thread to be sent numbers, and the stop to end");
});

Deno.test("createServer() with workers: 1 says so when its storing thread dies, and refuses to store", async () => {
  replaceScript("storing_worker.ts", new URL(`${TROUBLED}?store`));
  const log = new Errors();
  await using server = await createServer({ ...ROOMY, workers: 1 }, { log });
  server.listen();
  await using client = await member(server);
  client.send({ type: "chat", payload: "before", ref: "a" });
  assertEquals((await client.next("chat")).seq, 1);
  assertEquals((await ask(server, "/readyz")).status, 200);
  kill("store");
  await until(() => log.lines.length > 0, "the death to be logged");
  assertMatch(log.lines[0] ?? "", /^storing thread died: .*died, as it was told to/);
  client.send({ type: "chat", payload: "after", ref: "b" });
  assertEquals((await client.next("error", ({ ref }) => ref === "b")).code, "unavailable");
  const { status, json } = await ask(server, "/readyz");
  assertEquals([status, "reason" in json && json.reason], [503, "storing_thread_died"]);
  await using late = await connect(server, { protocol: "parley.v1" });
  late.send({ type: "hello" }, { type: "join", room: "tea", ref: "c" });
  assertEquals((await late.next("error", ({ ref }) => ref === "c")).code, "unavailable");
});
