/**
 * `/readyz`, `/metrics`, `/status` and the log when something is wrong with what the server stands on: each
 * says it, and says it again when that is well. And the drain before a stop.
 *
 * @module
 */
import type { StoreHealth, StoreTrouble } from "../server/broker/store_health.ts";
import { Metrics } from "../server/metrics.ts";
import { type Hooks, type Options, type Server, silentLog } from "../server/mod.ts";
import { CHARTS } from "../server/monitoring/charts.ts";
import { Readiness, TROUBLES } from "../server/monitoring/readiness.ts";
import { monitorOf } from "../server/server.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { freePort } from "./support/child.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { connect, member, serve, until } from "./support/harness.ts";
import { ask, bearer, say } from "./support/http.ts";
import { Program } from "./support/program.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { KEY, Scrape } from "./support/scrape.ts";
import { SmallDisk } from "./support/small_disk.ts";
import { Receiver, SECRET } from "./support/webhook_receiver.ts";

/** What `/readyz` says. */
async function readyz(server: { readonly url: string }): Promise<unknown> {
  const { status, json } = await ask(server, "/readyz");
  const { ready, reason, detail }: Record<string, unknown> = { ...json };
  assertEquals(ready, status === 200);
  assertEquals(detail, TROUBLES[reason as keyof typeof TROUBLES]);
  return status === 200 ? "ready" : reason;
}

/** A server whose log is kept. */
async function logged(options: Partial<Options>, hooks: Hooks = {}) {
  const lines: string[] = [];
  const note = (event: string, { reason = "" } = {}) =>
    void lines.push(`${event} ${reason}`.trim());
  const log = { ...silentLog, info: note, warn: note };
  const server = await serve({ apiKeys: KEY, ...options }, { log, ...hooks });
  return { server, lines, [Symbol.asyncDispose]: () => server.stop() };
}

Deno.test("a trouble that is over is not told for ever, though nobody asks this thread again", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  const told = () => monitorOf(server).snapshot()["parley.not_ready"]?.store_failed;
  broker.failing.add("publish");
  assertEquals(await readyz(server), "store_failed");
  assertEquals(told(), 1);
  broker.failing.delete("publish");
  await until(() => told() === 0, "the numbers without it");
});

/** What a page at `/status` is sent, message by message. */
async function* watch(url: string): AsyncGenerator<Record<string, unknown>> {
  const response = await fetch(`${url}/status/events`, { headers: bearer(KEY) });
  assertEquals(response.status, 200);
  let text = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      if (event.startsWith("data: ")) yield JSON.parse(event.slice(6));
    }
  }
}

/** Waits until everybody is told of that trouble, or of none. */
async function told(server: Server, lines: readonly string[], reason: StoreTrouble | "") {
  await until(async () => await readyz(server) === (reason || "ready"), `/readyz: ${reason}`);
  const scrape = await Scrape.of(`${server.url}/metrics`, KEY);
  for (const other of Object.keys(TROUBLES)) {
    const value = scrape.get(`parley_not_ready{reason="${other}"}`);
    assertEquals(value, other === reason ? 1 : 0, other);
  }
  await monitorOf(server).sample();
  assertEquals(monitorOf(server).history.samples.at(-1)?.trouble, reason && TROUBLES[reason]);
  assert(lines.includes(reason === "" ? "ready again" : `not ready ${reason}`), lines.join("\n"));
}

/** What the page for people shows now on the first line of a chart. */
function shown(server: Server, chart: string): unknown {
  const titles = CHARTS.flatMap(({ title, lines }) => Object.keys(lines).map(() => title));
  return monitorOf(server).history.samples.at(-1)?.values[titles.indexOf(chart)];
}

function redisTest(name: string, act: (redis: RedisProcess) => Promise<void>): void {
  Deno.test({
    name: `readiness: ${name}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      await act(redis);
    },
  });
}

redisTest("a Redis that is killed is told of, and that it is back", async (redis) => {
  await using node = await logged({ redis: redis.url });
  const { server, lines } = node;
  assertEquals(await readyz(server), "ready");
  const of = async (series: string) => new Scrape(await server.metrics()).get(series);
  assertEquals(await of("parley_redis_up"), 1);
  const asked = await of("parley_redis_duration_seconds_count");
  await using client = await member(server);
  await say(server, "one");
  await client.next("chat");
  assert(await of("parley_redis_duration_seconds_count") > asked);
  await redis.kill();
  await told(server, lines, "redis_away");
  assertEquals(await of("parley_redis_up"), 0);
  await redis.restart();
  await told(server, lines, "");
  // It has lost its log: whoever is there starts afresh.
  const replaced = async () => await of('parley_catch_ups_total{cause="replaced"}') === 1;
  await until(replaced, "the log to be replaced");
  assert(lines.includes("room begun anew"));
});

redisTest("a Redis that takes no more is told of", async (redis) => {
  await using node = await logged({ redis: redis.url });
  await redis.ask("CONFIG", "SET", "maxmemory", "1");
  await told(node.server, node.lines, "redis_full");
  await redis.ask("CONFIG", "SET", "maxmemory", "0");
  await told(node.server, node.lines, "");
});

redisTest("a Redis that refuses what a commit does is told of", async (redis) => {
  await using node = await logged({ redis: redis.url });
  await redis.ask("ACL", "SETUSER", "default", "-eval", "-evalsha");
  await told(node.server, node.lines, "store_failed");
  await redis.ask("ACL", "SETUSER", "default", "+eval", "+evalsha");
  await told(node.server, node.lines, "");
});

Deno.test("readiness: a database that was taken away is told of, though nobody writes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "parley-" });
  {
    await using node = await logged({ db: `${folder}/parley.db` });
    assertEquals(await readyz(node.server), "ready");
    await Deno.remove(`${folder}/parley.db`);
    await told(node.server, node.lines, "database_gone");
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("readiness: a disk that takes no more is told of, though nobody writes", async () => {
  await using disk = await SmallDisk.make();
  const port = String(freePort());
  const args = ["--db", `${disk.path}/parley.db`, "--metrics-port", port];
  await using program = await Program.start(args, { PARLEY_API_KEYS: KEY });
  const own = { url: `http://127.0.0.1:${port}` };
  assertEquals(await readyz(program), "ready");
  const page = watch(program.url);
  assert("charts" in ((await page.next()).value ?? {}));
  if (disk.isMounted) await disk.fill();
  else await limitFiles(program.pid, "1");
  await until(async () => await readyz(program) !== "ready", "/readyz to say so");
  const reason = await readyz(own); // the same at its own port
  const isLimited = !disk.isMounted && reason === "store_failed";
  assert(reason === "disk_full" || isLimited, String(reason));
  const scrape = await Scrape.of(`${own.url}/metrics`);
  assertEquals(scrape.get(`parley_not_ready{reason="${reason}"}`), 1);
  for await (const { trouble } of page) if (trouble === TROUBLES[reason]) break;
  await program.prints(new RegExp(`not ready reason=${reason}`));
  if (disk.isMounted) await disk.free();
  else await limitFiles(program.pid, "unlimited");
  await until(async () => await readyz(program) === "ready", "/readyz to be well again");
  await program.prints(/ready again/);
});

/** Limits how large a process may make a file: writes above it fail, as on a full disk. */
async function limitFiles(pid: number, bytes: string): Promise<void> {
  const args = ["--pid", String(pid), `--fsize=${bytes}:`];
  const { success } = await new Deno.Command("prlimit", { args }).output();
  assert(success);
}

Deno.test("readiness: a webhook's receiver that is away makes a lag, and the server stays ready", async () => {
  await using receiver = new Receiver();
  await using node = await logged({ webhook: receiver.url, webhookSecret: SECRET });
  const { server, lines } = node;
  await say(server, "taken");
  const of = async (series: string) => new Scrape(await server.metrics()).get(series);
  const taken = 'parley_webhook_requests_total{outcome="taken"}';
  await until(async () => await of(taken) === 1, "the receiver to take one");
  assertEquals(await of("parley_webhook_lag_seconds"), 0);
  await receiver.close();
  await say(server, "waits");
  const failed = 'parley_webhook_requests_total{outcome="failed"}';
  await until(async () => await of(failed) > 0, "a request to fail");
  assert(await of("parley_webhook_lag_seconds") > 0);
  assert(lines.some((line) => line.startsWith("webhook failed")));
  await monitorOf(server).sample();
  assert(Number(shown(server, "Webhook lag")) > 0);
  assertEquals(await readyz(server), "ready");
});

/** A store that does as it is told, and counts how often it was probed. */
function countedStore() {
  let [now, probes] = [0, 0];
  let trouble: StoreTrouble | undefined;
  const metrics = new Metrics();
  const store = {
    probe: () => {
      probes++;
      return Promise.resolve(trouble);
    },
    measure: () => ({}),
  };
  const readiness = new Readiness(store, metrics, silentLog, () => now);
  return {
    readiness,
    metrics,
    probes: () => probes,
    pass: (ms: number) => now += ms,
    commit: () => metrics.countCommit([], [], now, now),
    break: (how: StoreTrouble | undefined) => trouble = how,
  };
}

Deno.test("Readiness probes once a second, however many ask", async () => {
  const { readiness, probes, pass } = countedStore();
  await Promise.all(Array.from({ length: 20 }, () => readiness.trouble()));
  assertEquals(probes(), 1);
  pass(999);
  await readiness.trouble();
  assertEquals(probes(), 1);
  pass(1);
  await readiness.trouble();
  assertEquals(probes(), 2);
});

Deno.test("Readiness says that a store is stuck which does not answer, and when it answers again", async () => {
  const answers: ((found: StoreTrouble | undefined) => void)[] = [];
  const store: StoreHealth = {
    probe: () => new Promise((resolve) => answers.push(resolve)),
    measure: () => ({}),
  };
  const lines: string[] = [];
  const note = (event: string) => void lines.push(event);
  let now = 0;
  const log = { ...silentLog, info: note, warn: note };
  const readiness = new Readiness(store, new Metrics(), log, () => now, 1);
  const asked = [readiness.trouble(), readiness.trouble()];
  assertEquals(await Promise.all(asked), ["store_stuck", "store_stuck"]);
  now += 10_000;
  assertEquals(await readiness.trouble(), "store_stuck");
  assertEquals(answers.length, 1); // no more questions pile up at a store that answers none
  answers.pop()?.(undefined);
  await until(() => readiness.last === undefined, "the answer");
  now += 10_000;
  const next = readiness.trouble();
  answers.pop()?.("disk_full");
  assertEquals(await next, "disk_full");
  assertEquals(lines, ["not ready", "ready again", "not ready"]);
});

Deno.test("Readiness takes a commit for a probe, and looks at once after one that failed", async () => {
  const { readiness, metrics, probes, pass, commit, ...store } = countedStore();
  await readiness.trouble();
  pass(5000);
  commit();
  pass(500);
  assertEquals([await readiness.trouble(), probes()], [undefined, 1]);
  metrics.failedCommits++;
  store.break("disk_full");
  assertEquals([await readiness.trouble(), probes()], ["disk_full", 2]);
  commit(); // one message found a place: that says little
  assertEquals(await readiness.trouble(), "disk_full");
  pass(1000);
  store.break(undefined);
  assertEquals([await readiness.trouble(), probes()], [undefined, 3]);
});

Deno.test("readiness: a commit that failed is told of at once, and health is not", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  assertEquals(await readyz(server), "ready");
  broker.failing.add("publish");
  assertEquals((await say(server, "x")).status, 503);
  assertEquals(await readyz(server), "store_failed");
  assertEquals(await fetch(`${server.url}/healthz`).then((answer) => answer.text()), "ok\n");
});

Deno.test("readiness: a server that drains says so, and serves as before", async () => {
  await using server = await serve();
  server.drain();
  assertEquals(await readyz(server), "draining");
  await using client = await connect(server);
  await client.next("joined");
  assertEquals((await say(server, "x")).status, 201);
});

Deno.test("readiness: SIGTERM drains for --drain-seconds, and another one hurries", async () => {
  const args = ["--db", ":memory:", "--drain-seconds", "600", "--return-seconds", "0"];
  await using program = await Program.start(args);
  await using client = await connect(program);
  await client.next("joined");
  program.signal("SIGTERM");
  await until(async () => await readyz(program) === "draining", "/readyz to say draining");
  await using late = await connect(program); // nobody is sent away yet
  await late.next("joined");
  program.signal("SIGTERM");
  await client.next("bye");
  assertEquals((await client.closed).code, 1012);
  const { code, err } = await program.ended();
  assertEquals(code, 0, err);
  assert(/draining why=SIGTERM seconds=600[\s\S]*stopping why=SIGTERM/.test(err), err);
});

Deno.test("readiness: after --drain-seconds the program stops by itself", async () => {
  await using program = await Program.start(["--db", ":memory:", "--drain-seconds", "0.2"]);
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
});

Deno.test("status: a page is sent the charts and what is kept, then each sample, up to the stop", async () => {
  const server = await serve({ apiKeys: KEY });
  const monitor = monitorOf(server);
  await monitor.sample();
  const page = watch(server.url);
  const { value } = await page.next();
  const { charts, samples } = value as unknown as {
    charts: { lines: string[] }[];
    samples: { values: unknown[] }[];
  };
  assertEquals(samples.length, 1);
  assertEquals(samples[0]?.values.length, charts.flatMap(({ lines }) => lines).length);
  await monitor.sample();
  assertEquals((await page.next()).value?.trouble, "");
  assertEquals(monitor.history.watchers, 1);
  await server.stop();
  assertEquals((await page.next()).done, true);
  assertEquals(monitor.history.watchers, 0);
});

Deno.test("status: a page that is left is forgotten, and a HEAD is answered", async () => {
  await using server = await serve({ apiKeys: KEY });
  const page = watch(server.url);
  await page.next();
  const { history } = monitorOf(server);
  assertEquals(history.watchers, 1);
  await page.return(undefined);
  await until(async () => {
    await monitorOf(server).sample();
    return history.watchers === 0;
  }, "the stream to be given up");
  const head = await fetch(`${server.url}/status/events`, { method: "HEAD", headers: bearer(KEY) });
  assertEquals([head.status, await head.text()], [200, ""]);
});
