/** What more threads bring and cost at the machine's own sync. */
import {
  compareAll,
  type Comparison,
  type RatioBar,
  ratioBars,
  SIDES,
  tables,
} from "./comparison.ts";
import type { Plan } from "./plan.ts";
import type { Section } from "./section.ts";
import type { Side } from "./servers.ts";
import { workload } from "./workloads.ts";

const NO_WORSE: RatioBar = { measure: "by clock", atLeast: 1 };
/** Of two threads that share the work of one. */
const SHARED: readonly RatioBar[] = [
  { measure: "CPU of the busiest thread", atMost: 0.6 },
  { measure: "CPU of all threads", atMost: 1.3 },
];

const { none, one, two, ws, loop } = SIDES;

const COMPARISONS: readonly Comparison[] = [
  of("a", one, none, [{ measure: "by clock", atLeast: 0.75 }]),
  of("b", one, none, []),
  of("b", two, none, []),
  of("c", none, loop, [{ measure: "by clock", atLeast: 0.85 }]),
  of("c", one, none, [NO_WORSE]),
  of("c", one, ws, [NO_WORSE]),
  ...["c", "d", "e"].flatMap((key) => [of(key, two, none, SHARED), of(key, two, one, [NO_WORSE])]),
];

export async function workers(plan: Plan): Promise<Section> {
  const { all, failed } = await compareAll(COMPARISONS, plan);
  return { text: tables("(workers)", all), bars: [...ratioBars(all), ...failed] };
}

function of(key: string, ours: Side, other: Side, bars: readonly RatioBar[]): Comparison {
  return { title: `(${key})`, work: workload(key), ours, other, bars };
}
