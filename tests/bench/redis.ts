/** (j) the busy room over Redis: on one node, on two, and beside very many quiet rooms. */
import { setTimeout as sleep } from "node:timers/promises";
import { Flood, generate, output } from "./generator.ts";
import type { FloodResult } from "./load/job.ts";
import { note, type Plan, rotated } from "./plan.ts";
import type { Section } from "./section.ts";
import { SCRATCH, start } from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { byClock, byCpu, run } from "./throughput.ts";
import { WORKLOADS } from "./workloads.ts";

const MILLION = 1e6;
/** Rooms with one member each, who says nothing. */
const QUIET_ROOMS = [0, 1000, 5000];
/** Messages a second into the busy room meanwhile: the same cost for the same work. */
const RATE = 20_000;
/** All members of the quiet rooms are there by then. */
const ARRIVAL_SECONDS = 6;

export async function redis(plan: Plan): Promise<Section> {
  const busy = WORKLOADS.a;
  if (busy === undefined) throw new Error("There is no workload a.");
  const wide = { ...busy, title: "busy room on two nodes", members: 64, senders: 64, inFlight: 4 };
  await using store = await Redis.start();
  const flags = ["--redis", store.url];
  const works = {
    "SQLite, one node, 32 members": () => run("parley", busy, plan),
    "Redis, one node, 32 members": () => run("parley", busy, plan, { flags }),
    "Redis, two nodes, 32 members on each, 4 in flight": () =>
      run("parley", wide, plan, { flags, twoNodes: true }),
    "Redis, two nodes, 16 members on each": () =>
      run("parley", busy, plan, { flags, twoNodes: true }),
  };
  const names = Object.keys(works) as (keyof typeof works)[];
  const results = new Map<string, FloodResult[]>(names.map((name) => [name, []]));
  for (let round = 0; round < plan.rounds; round++) {
    for (const name of rotated(names, round)) {
      await store.forget();
      const result = await works[name]();
      results.get(name)?.push(result);
      note(`(j) round ${round + 1} ${name}: ${(byClock(result) / MILLION).toFixed(3)} M/s`);
    }
  }
  const of = (name: keyof typeof works, how: typeof byClock) => (results.get(name) ?? []).map(how);
  const [sqlite, one, two] = names;
  if (sqlite === undefined || one === undefined || two === undefined) throw new Error("no names");
  const overSqlite = median(ratios(of(one, byClock), of(sqlite, byClock)));
  const eachOfTwo = median(ratios(of(two, byCpu), of(one, byCpu)));
  const text = table(
    ["(j) the busy room", "M deliveries/s", "M a server CPU s, on each node", "generator CPU"],
    names.map((name) => [
      name,
      spread(of(name, byClock).map((value) => value / MILLION)),
      spread(of(name, byCpu).map((value) => value / MILLION)),
      `${Math.round(100 * median(of(name, (one) => one.loadCpuSeconds / one.seconds)))} %`,
    ]),
  );
  const costs = await besideQuietRooms(plan, store);
  const most = Math.max(...costs.ratios);
  return {
    text: `${text}\n\n${costs.text}`,
    bars: [
      [
        "(j) over Redis, of SQLite, by clock",
        "≥ 0.6",
        overSqlite.toFixed(2),
        met(overSqlite >= 0.6),
      ],
      [
        "(j) each of two nodes, of one, by CPU",
        "≥ 0.8",
        eachOfTwo.toFixed(2),
        met(eachOfTwo >= 0.8),
      ],
      ["(j) a message beside 5000 rooms", "≈ 1", most.toFixed(2), met(most <= 1.2)],
    ],
  };
}

/** What a message costs node and Redis, while so many other rooms have a member. */
async function besideQuietRooms(plan: Plan, store: Redis) {
  const busy = WORKLOADS.a;
  if (busy === undefined) throw new Error("There is no workload a.");
  const rows: string[][] = [];
  const each: number[] = [];
  for (const rooms of QUIET_ROOMS) {
    await store.forget();
    const { port, pid, dialect, stop } = await start("parley", { flags: ["--redis", store.url] });
    try {
      const { warmUpSeconds } = plan;
      const seconds = plan.turns * plan.seconds;
      const settleSeconds = ARRIVAL_SECONDS + warmUpSeconds + seconds;
      const quiet = { members: rooms, rooms, senders: 0 };
      const crowd = rooms === 0
        ? undefined
        : generate<"idle">({ kind: "idle", port, pid, dialect, ...quiet, settleSeconds });
      await sleep(ARRIVAL_SECONDS * 1000);
      const before = await store.cpuSeconds();
      const begin = performance.now();
      const flood = new Flood({ kind: "flood", port, pid, ...busy, rate: RATE });
      const result = await flood.slice({ runInSeconds: warmUpSeconds, seconds });
      await flood.end();
      const used = (await store.cpuSeconds() - before) / ((performance.now() - begin) / 1000);
      const messages = result.messages / result.seconds;
      const node = result.serverCpuSeconds / result.messages * MILLION;
      each.push(node + used / messages * MILLION);
      rows.push([
        String(rooms),
        node.toFixed(1),
        (used / messages * MILLION).toFixed(1),
        result.latency?.p50.toFixed(2) ?? "",
        result.latency?.p99.toFixed(2) ?? "",
      ]);
      note(`(j) beside ${rooms} rooms: ${rows.at(-1)?.slice(1).join(", ")}`);
      await crowd;
    } finally {
      await stop();
    }
  }
  const text = table(
    [
      `(j) ${RATE} messages/s into the busy room; quiet rooms beside it`,
      "node's CPU µs a message",
      "Redis's, about",
      "p50 ms",
      "p99 ms",
    ],
    rows,
  );
  return { text, ratios: each.slice(1).map((cost) => cost / (each[0] ?? NaN)) };
}

function met(is: boolean): string {
  return is ? "yes" : "no";
}

/** A Redis of our own, with its append-only file synced every second, as Redis is by default. */
class Redis implements AsyncDisposable {
  readonly #port: number;
  readonly #process: Deno.ChildProcess;

  private constructor(port: number, process: Deno.ChildProcess) {
    this.#port = port;
    this.#process = process;
  }

  static async start(): Promise<Redis> {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const folder = await Deno.makeTempDir({ dir: SCRATCH, prefix: "redis-" });
    const process = new Deno.Command("redis-server", {
      args: ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder]
        .concat("--save", "", "--appendonly", "yes"),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const redis = new Redis(port, process);
    while (await redis.#ask("INFO", "server").catch(() => "") === "") await sleep(20);
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** Everything: the next run begins with nothing. */
  async forget(): Promise<void> {
    await this.#ask("FLUSHALL");
  }

  /** User and system time of all its threads. */
  async cpuSeconds(): Promise<number> {
    const info = await this.#ask("INFO", "cpu");
    const used = (what: string) => Number(new RegExp(`^${what}:([\\d.]+)`, "m").exec(info)?.[1]);
    return used("used_cpu_user") + used("used_cpu_sys");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }

  #ask(...command: string[]): Promise<string> {
    return output("redis-cli", ["-p", String(this.#port), ...command]);
  }
}
