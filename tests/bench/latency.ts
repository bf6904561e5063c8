/** (i) how long a message takes to every member when the server is half busy. */
import { note, type Plan, rotated } from "./plan.ts";
import type { Section } from "./section.ts";
import { SCRATCH, SERVERS } from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { run } from "./throughput.ts";
import { WORKLOADS } from "./workloads.ts";

const IDS = ["parley", "bun"] as const;

export async function latency(plan: Plan): Promise<Section> {
  const busy = WORKLOADS.a;
  if (busy === undefined) throw new Error("There is no workload a.");
  const rates: number[] = [];
  const p50 = { parley: [] as number[], bun: [] as number[] };
  const p99 = { parley: [] as number[], bun: [] as number[] };
  for (let round = 0; round < plan.rounds; round++) {
    // Half of what the slower of the two can: the same for both, and half busy at the most.
    const saturated: number[] = [];
    for (const id of rotated(IDS, round)) {
      const { messages, seconds } = await run(id, busy, { ...plan, turns: 1, seconds: 2 });
      saturated.push(messages / seconds);
    }
    const rate = Math.round(Math.min(...saturated) / 2);
    rates.push(rate);
    for (const id of rotated(IDS, round)) {
      const { latency } = await run(id, busy, { ...plan, warmUpSeconds: 4 }, { rate });
      if (latency === undefined) throw new Error("no latency was measured");
      p50[id].push(latency.p50);
      p99[id].push(latency.p99);
      note(`(i) round ${round + 1} ${id}: p99 ${latency.p99.toFixed(2)} ms at ${rate}/s`);
    }
  }
  const disk = await syncTimes();
  const text = table(
    [`(i) ${Math.round(median(rates))} messages/s into the room of (a)`, "p50 ms", "p99 ms"],
    [
      ...IDS.map((id) => [SERVERS[id].label, spread(p50[id]), spread(p99[id])]),
      ["this disk alone: 8 KB appended and synced", disk.p50.toFixed(2), disk.p99.toFixed(2)],
    ],
  );
  const reached = median(ratios(p99.parley, p99.bun));
  const verdict = reached <= 2 ? "yes" : "no";
  return { text, bars: [["(i) p99 over Bun's", "≤ 2", reached.toFixed(2), verdict]] };
}

const SYNCS = 2000;

/** What durability costs here at the least: it is in every latency of Parley's, and in none of Bun's. */
async function syncTimes(): Promise<{ p50: number; p99: number }> {
  const path = `${SCRATCH}/sync`;
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const bytes = new Uint8Array(8192);
  const times: number[] = [];
  for (let i = 0; i < SYNCS; i++) {
    const begin = performance.now();
    await file.write(bytes);
    await file.syncData();
    times.push(performance.now() - begin);
  }
  await Deno.remove(path);
  times.sort((a, b) => a - b);
  return { p50: times[SYNCS / 2] ?? NaN, p99: times[SYNCS * 0.99] ?? NaN };
}
