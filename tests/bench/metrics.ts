/** What it costs the busy room that its numbers are read every five seconds, as Prometheus reads them. */
import { generate } from "./generator.ts";
import { inPairs } from "./pairs.ts";
import { note, type Plan } from "./plan.ts";
import type { Section } from "./section.ts";
import { SCRATCH } from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { byCpuEach, byMessages, run } from "./throughput.ts";
import { workload } from "./workloads.ts";

const KEY_FILE = `${SCRATCH}/metrics.key`;
const EVERY_SECONDS = 5;
/** Of its speed, and of its CPU for a message: 3 %. */
const BARS = { clock: 0.97, cpu: 1.03 } as const;

export async function metrics(plan: Plan): Promise<Section> {
  await Deno.writeTextFile(KEY_FILE, "k".repeat(32), { mode: 0o600 });
  // A whole number of scrapes falls into each run, wherever the first one is.
  const seconds = EVERY_SECONDS * Math.ceil(plan.seconds / EVERY_SECONDS);
  const work = { ...plan, seconds };
  const [read, unread] = await inPairs(
    plan.rounds,
    [() => scraped(work), () => run("parley", workload("a"), work)],
    (pair, ours, others) => {
      const [clock, cpu] = [byMessages, byCpuEach].map((by) => by(ours) / by(others));
      note(`(metrics) pair ${pair}: clock × ${clock?.toFixed(3)}, CPU × ${cpu?.toFixed(3)}`);
    },
  );
  const clock = ratios(read.map(byMessages), unread.map(byMessages));
  const cpu = ratios(read.map(byCpuEach), unread.map(byCpuEach));
  const row = (label: string, runs: typeof read) => [
    label,
    spread(runs.map(byMessages), 0),
    spread(runs.map(byCpuEach)),
    spread(runs.map((run) => run.otherCpuSeconds / run.seconds)),
  ];
  return {
    text: table(["(metrics)", "messages/s", "server CPU µs each", "others' CPU"], [
      row("off", unread),
      row(`on: an API key, a port, read every ${EVERY_SECONDS} s`, read),
    ]) + `\n\nIn pairs: messages × ${spread(clock, 3)}, CPU each × ${spread(cpu, 3)}.`,
    bars: [
      [
        "(metrics) messages a second with metrics read, of those without",
        `≥ ${BARS.clock}`,
        spread(clock, 3),
        median(clock) >= BARS.clock ? "yes" : "no",
      ],
      [
        "(metrics) CPU a message with metrics read, of that without",
        `≤ ${BARS.cpu}`,
        spread(cpu, 3),
        median(cpu) <= BARS.cpu ? "yes" : "no",
      ],
    ],
  };
}

/** The busy room, with everything on that reads metrics. */
async function scraped(plan: Plan) {
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  let scrapes = 0;
  const result = await run("parley", workload("a"), plan, {
    flags: ["--api-key-file", KEY_FILE, "--metrics-port", String(port)],
    beside: async () => {
      const { count } = await generate<"requests">({
        ...{ kind: "requests", port, path: "/metrics", perSecond: 1 / EVERY_SECONDS },
        warmUpSeconds: 0,
        seconds: plan.warmUpSeconds + plan.seconds,
      });
      scrapes = count;
    },
  });
  if (scrapes === 0) throw new Error("nothing read the metrics");
  return result;
}
