/** Two ways to run a server, in turns at one work: the clock, the CPU, and that of the busiest thread. */
import type { FloodResult } from "./load/job.ts";
import { note, type Plan } from "./plan.ts";
import type { Side } from "./servers.ts";
import { certain, median, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { byClock } from "./throughput.ts";
import { inTurns } from "./turns.ts";
import type { Workload } from "./workloads.ts";

const MILLION = 1e6;
/** Above this part of a core the generator is what the clock measures. */
const GENERATOR_FULL = 0.9;

/** Parley in one thread, in several, and the peers that it is compared with. */
export const SIDES = {
  none: { label: "one thread", kind: "parley" },
  one: { label: "--workers 1", kind: "parley", options: { flags: ["--workers", "1"] } },
  two: { label: "--workers 2", kind: "parley", options: { flags: ["--workers", "2"] } },
  ws: { label: "ws on Node", kind: "ws" },
  loop: { label: "Deno loop", kind: "deno" },
} as const satisfies Record<string, Side>;

/** What is compared: each is a ratio, of ours to the other's in the same pair. */
export const MEASURES = {
  "by clock": (ours: FloodResult, other: FloodResult) => byClock(ours) / byClock(other),
  "CPU of the busiest thread": (ours: FloodResult, other: FloodResult) =>
    busiestEach(ours) / busiestEach(other),
  "CPU of all threads": (ours: FloodResult, other: FloodResult) => allEach(ours) / allEach(other),
};

export interface RatioBar {
  readonly measure: keyof typeof MEASURES;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Comparison {
  readonly title: string;
  readonly work: Workload;
  readonly ours: Side;
  readonly other: Side;
  readonly bars: readonly RatioBar[];
}

/** All pairs of one comparison. */
export interface Compared<C extends Comparison = Comparison> {
  readonly comparison: C;
  readonly ours: readonly FloodResult[];
  readonly others: readonly FloodResult[];
}

/**
 * Makes all comparisons that `plan.only` names. Those of the same work share their servers, which take turns.
 * What fails is a row of the bars, and the others go on.
 */
export async function compareAll<C extends Comparison>(
  comparisons: readonly C[],
  plan: Plan,
): Promise<{ all: Compared<C>[]; failed: string[][] }> {
  const all: Compared<C>[] = [];
  const failed: string[][] = [];
  const chosen = comparisons.filter((one) => titleOf(one).includes(plan.only));
  for (const [work, group] of Map.groupBy(chosen, ({ work }) => work)) {
    try {
      all.push(...await compare(work, group, plan));
    } catch (thrown) {
      note(`${work.title} failed: ${thrown}`);
      failed.push(...group.map((one) => [titleOf(one), "to run", `${thrown}`, "no"]));
    }
  }
  return { all, failed };
}

async function compare<C extends Comparison>(
  work: Workload,
  comparisons: readonly C[],
  plan: Plan,
): Promise<Compared<C>[]> {
  const sides = [...new Set(comparisons.flatMap(({ ours, other }) => [ours, other]))];
  const results = await inTurns(sides, work, plan, (turn, ofTurn) => {
    note(`${work.title}, turn ${turn}:`);
    ofTurn.forEach((result, side) => note(`  ${sides[side]?.label}: ${described(result)}`));
  });
  const of = (side: Side) => results[sides.indexOf(side)] ?? [];
  return comparisons.map((comparison) => {
    const { ours, other } = comparison;
    return { comparison, ours: of(ours), others: of(other) };
  });
}

/** Microseconds of CPU a delivery. */
function busiestEach({ threads, deliveries }: FloodResult): number {
  return MILLION * (threads[0]?.cpuSeconds ?? NaN) / deliveries;
}

function allEach({ serverCpuSeconds, deliveries }: FloodResult): number {
  return MILLION * serverCpuSeconds / deliveries;
}

/** What each side did, and then their ratios, pair by pair. */
export function tables(name: string, all: readonly Compared[]): string {
  if (all.length === 0) return "";
  return [
    sidesTable(name, all),
    "`!`: the generator had no time left, so the clock measures it too. `±`: 95 times of 100 the median is " +
    "not further from that of as many pairs as one likes.",
    ratiosTable(`${name}, in pairs`, all),
  ].join("\n\n");
}

function sidesTable(name: string, all: readonly Compared[]): string {
  const head = [
    name,
    "M deliveries/s",
    "busiest thread's CPU µs each",
    "all threads'",
    "busiest thread",
    "all threads",
    "generator",
    "others",
  ];
  const row = (label: string, all: readonly FloodResult[]) => {
    const results = all.filter(({ deliveries }) => deliveries > 0);
    const share = (part: (result: FloodResult) => number) =>
      median(results.map((result) => part(result) / result.seconds));
    const percent = (value: number) => `${Math.round(100 * value)} %`;
    const generator = share((result) => result.loadCpuSeconds);
    return [
      label,
      spread(results.map((result) => byClock(result) / MILLION), 3),
      spread(results.map(busiestEach)),
      spread(results.map(allEach)),
      percent(share(({ threads }) => threads[0]?.cpuSeconds ?? NaN)),
      percent(share(({ serverCpuSeconds }) => serverCpuSeconds)),
      `${percent(generator)}${generator > GENERATOR_FULL ? " !" : ""}`,
      percent(share(({ otherCpuSeconds }) => otherCpuSeconds)),
    ];
  };
  const rows = all.flatMap(({ comparison: { title, ours: our, other }, ours, others }) => [
    row(`${title} ${our.label}`, ours),
    row(`${title} ${other.label}`, others),
  ]);
  // A side of several comparisons has one row.
  return table(head, [...new Map(rows.map((cells) => [cells[0], cells])).values()]);
}

/** Medians of the pairs' ratios, with the least and the greatest. */
function ratiosTable(name: string, all: readonly Compared[]): string {
  return table(
    [name, "pairs", ...Object.keys(MEASURES)],
    all.map((compared) => [
      titleOf(compared.comparison),
      String(pairwise(compared, MEASURES["by clock"]).length),
      ...Object.values(MEASURES).map((of) => `× ${certain(pairwise(compared, of), 3)}`),
    ]),
  );
}

export function ratioBars(all: readonly Compared[]): string[][] {
  return all.flatMap((compared) =>
    compared.comparison.bars.map(({ measure, atLeast, atMost }) => {
      const values = pairwise(compared, MEASURES[measure]);
      const is = median(values);
      const isMet = is >= (atLeast ?? -Infinity) && is <= (atMost ?? Infinity);
      return [
        `${titleOf(compared.comparison)}, ${measure}`,
        atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`,
        certain(values),
        isMet ? "yes" : "no",
      ];
    })
  );
}

function titleOf({ title, ours, other }: Comparison): string {
  return `${title} ${ours.label}, of ${other.label}`;
}

/** One value for each pair. One in which a side stood still, as on a disk that does, has no ratio. */
function pairwise({ ours, others }: Compared, of: (a: FloodResult, b: FloodResult) => number) {
  return ours.flatMap((result, pair) => {
    const other = others[pair];
    const isPair = other !== undefined && result.deliveries > 0 && other.deliveries > 0;
    return isPair ? [of(result, other)] : [];
  });
}

/** The speed, and the threads that used more than a fiftieth of a core. */
function described(result: FloodResult): string {
  const { threads, seconds, loadCpuSeconds } = result;
  const share = (cpuSeconds: number) => `${Math.round(100 * cpuSeconds / seconds)} %`;
  const busy = threads.filter(({ cpuSeconds }) => cpuSeconds > 0.02 * seconds);
  return [
    `${(byClock(result) / MILLION).toFixed(3)} M/s, ${allEach(result).toFixed(3)} µs each`,
    ...busy.map(({ name, cpuSeconds }) => `${name} ${share(cpuSeconds)}`),
    `generator ${share(loadCpuSeconds)}`,
  ].join(", ");
}
