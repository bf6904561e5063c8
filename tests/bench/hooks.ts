/** What it costs the busy room that an application is asked about each join and each message. */
import { compareAll, type Comparison, ratioBars, SIDES, tables } from "./comparison.ts";
import type { Plan } from "./plan.ts";
import type { Section } from "./section.ts";
import { parley, type Side } from "./servers.ts";
import { workload } from "./workloads.ts";

const LABEL = "with `authorize` and `onMessage`";

export async function hooks(plan: Plan): Promise<Section> {
  const comparison: Comparison = {
    title: "(hooks)",
    work: workload("a"),
    ours: hooked(),
    other: SIDES.none,
    bars: [{ measure: "CPU of all threads", atMost: 1.1 }],
  };
  const { all, failed } = await compareAll([comparison], plan);
  return { text: tables("(hooks)", all), bars: [...ratioBars(all), ...failed] };
}

function hooked(): Side {
  const kind = parley(LABEL, (file) => file);
  const command = (file: string) =>
    kind.command(file).map((word) => word === "main.ts" ? "tests/bench/hooked.ts" : word);
  return { label: LABEL, kind: { ...kind, command } };
}
