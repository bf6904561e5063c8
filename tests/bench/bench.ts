/**
 * The benchmark. `deno task bench` runs all of it and writes RESULTS.md and chart.svg beside this
 * file; `deno task bench a c --rounds 3` runs a part and only prints; `--quick` is for trying it.
 * `--only "sync 5 ms"` picks from what `workers` and `slow` compare, and `--only Bun` from the servers of (a) to (e).
 * In each of `--rounds` servers are started anew and warm up for `--warm-up` seconds; then they have
 * `--turns` turns of `--seconds` each. A server that is measured alone has all its turns at once.
 */
import { parseArgs } from "node:util";
import { backups } from "./backups.ts";
import { type Bars, chart } from "./chart.ts";
import { clientSize } from "./client_size.ts";
import { comeBack, idle } from "./connections.ts";
import { bundleGenerator, install } from "./generator.ts";
import { hooks } from "./hooks.ts";
import { latency } from "./latency.ts";
import { linear } from "./linear.ts";
import { longRoom } from "./long_room.ts";
import { machine } from "./machine.ts";
import { metrics } from "./metrics.ts";
import { note, type Plan } from "./plan.ts";
import { reactions } from "./reactions.ts";
import { redis } from "./redis.ts";
import { markdown } from "./report.ts";
import type { Section } from "./section.ts";
import { slowDisks } from "./slow_disks.ts";
import { COMPARED, SERVERS } from "./servers.ts";
import { median } from "./statistics.ts";
import { strangers } from "./strangers.ts";
import {
  barRows,
  byClock,
  measure,
  of,
  type Rounds,
  throughputTable,
  workTable,
} from "./throughput.ts";
import { workers } from "./workers.ts";
import { WORKLOADS } from "./workloads.ts";

type Part = (plan: Plan) => Promise<Section>;

const charted: Bars[] = [];

const PARTS: Readonly<Record<string, Part>> = {
  ...Object.fromEntries(Object.keys(WORKLOADS).map((key) => [key, throughput(key)])),
  f: idle,
  g: comeBack,
  h: longRoom,
  i: latency,
  j: redis,
  k: reactions,
  linear,
  strangers,
  backups,
  metrics,
  hooks,
  workers,
  slow: slowDisks,
};

function throughput(key: string): Part {
  return async (plan) => {
    const rounds = await measure(key, plan);
    charted.push({ title: `(${key}) ${WORKLOADS[key]?.title}`, bars: barsOf(rounds) });
    return { text: throughputTable(key, rounds), bars: barRows(key, rounds) };
  };
}

function barsOf(rounds: Rounds) {
  return COMPARED.map((id) => ({
    id,
    label: SERVERS[id].label,
    value: median(of(rounds, id).map(byClock)),
  }));
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rounds: { type: "string" },
      turns: { type: "string" },
      seconds: { type: "string", default: "0.3" },
      "warm-up": { type: "string" },
      only: { type: "string", default: "" },
      quick: { type: "boolean", default: false },
    },
  });
  const { only, quick } = values;
  const unknown = positionals.find((name) => PARTS[name] === undefined);
  const rounds = Number(values.rounds ?? (quick ? 1 : 3));
  const turns = Number(values.turns ?? (quick ? 2 : 24));
  const seconds = Number(values.seconds);
  const warmUpSeconds = Number(values["warm-up"] ?? (quick ? 1 : 4));
  const areRight = [rounds, turns].every((number) => Number.isInteger(number) && number >= 1) &&
    seconds > 0 && warmUpSeconds >= 0;
  if (unknown !== undefined || !areRight) {
    const options = "[--rounds n] [--turns n] [--seconds n] [--warm-up n] [--only TEXT] [--quick]";
    note(`usage: deno task bench [${Object.keys(PARTS).join("] [")}] ${options}`);
    return 2;
  }
  const plan: Plan = { rounds, turns, warmUpSeconds, seconds, quick, only };
  const names = positionals.length > 0 ? positionals : Object.keys(PARTS);
  await install();
  await bundleGenerator();

  const sections: string[] = [];
  const bars: (readonly string[])[] = [];
  let failed = 0;
  for (const name of names) {
    try {
      const section = await PARTS[name]?.(plan);
      sections.push(section?.text ?? "");
      bars.push(...section?.bars ?? []);
    } catch (thrown) { // One part's failure is a finding; the others are still worth their time.
      failed++;
      sections.push(`${name} failed: ${thrown}`);
      note(`${name} failed: ${thrown}`);
    }
  }
  const report = markdown({
    machine: await machine(),
    plan,
    work: workTable(),
    sections,
    bars,
    clientBytes: await clientSize(),
  });
  Deno.stdout.writeSync(new TextEncoder().encode(report));
  if (positionals.length === 0 && !quick && only === "" && failed === 0) {
    await Deno.writeTextFile(`${import.meta.dirname}/RESULTS.md`, report);
    const svg = chart("Deliveries a second, every message to every member of its room", charted);
    await Deno.writeTextFile(`${import.meta.dirname}/chart.svg`, svg);
  }
  return failed === 0 ? 0 : 1;
}

Deno.exit(await main(Deno.args));
