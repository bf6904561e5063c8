/**
 * What it costs the busy room that it counts and that its numbers are read: once in each turn, which is more
 * often than Prometheus reads them.
 */
import { compareAll, type Comparison, ratioBars, SIDES, tables } from "./comparison.ts";
import type { Plan } from "./plan.ts";
import { requests } from "./requests.ts";
import type { Section } from "./section.ts";
import { SCRATCH } from "./servers.ts";
import { workload } from "./workloads.ts";

const KEY_FILE = `${SCRATCH}/metrics.key`;

export async function metrics(plan: Plan): Promise<Section> {
  await Deno.writeTextFile(KEY_FILE, "k".repeat(32), { mode: 0o600 });
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const comparison: Comparison = {
    title: "(metrics)",
    work: workload("a"),
    ours: {
      label: `on: an API key, a port, read every ${plan.seconds} s`,
      kind: "parley",
      options: { flags: ["--api-key-file", KEY_FILE, "--metrics-port", String(port)] },
      beside: async (_server, seconds) => {
        const url = `http://127.0.0.1:${port}/metrics`;
        const scrapes = await requests(url, 1 / seconds, seconds);
        if (scrapes.length === 0) throw new Error("nothing read the metrics");
      },
    },
    other: SIDES.none,
    bars: [
      { measure: "by clock", atLeast: 0.97 },
      { measure: "CPU of all threads", atMost: 1.03 },
    ],
  };
  const { all, failed } = await compareAll([comparison], plan);
  return { text: tables("(metrics)", all), bars: [...ratioBars(all), ...failed] };
}
