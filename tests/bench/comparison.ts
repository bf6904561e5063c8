/** Two ways to run a server, in turns at one work: the clock, the CPU, and that of the busiest thread. */
import type { FloodResult } from "./load/job.ts";
import { note, type Plan } from "./plan.ts";
import type { Side } from "./servers.ts";
import { median, spread } from "./statistics.ts";
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

/** Makes all comparisons that `plan.only` names. One that fails is a row of the bars, and the others go on. */
export async function compareAll<C extends Comparison>(
  comparisons: readonly C[],
  plan: Plan,
): Promise<{ all: Compared<C>[]; failed: string[][] }> {
  const all: Compared<C>[] = [];
  const failed: string[][] = [];
  for (const comparison of comparisons.filter((one) => titleOf(one).includes(plan.only))) {
    try {
      all.push(await compare(comparison, plan));
    } catch (thrown) {
      note(`${titleOf(comparison)} failed: ${thrown}`);
      failed.push([titleOf(comparison), "to run", `${thrown}`, "no"]);
    }
  }
  return { all, failed };
}

async function compare<C extends Comparison>(comparison: C, plan: Plan): Promise<Compared<C>> {
  const { work, ours: our, other } = comparison;
  const [ours = [], others = []] = await inTurns([our, other], work, plan, (pair, [a, b]) => {
    if (a === undefined || b === undefined) return;
    const figures = Object.entries(MEASURES).map(([name, of]) =>
      `${name} × ${of(a, b).toFixed(3)}`
    );
    note(`${titleOf(comparison)}, pair ${pair}: ${figures.join(", ")}`);
    note(`  ${our.label}: ${threads(a)}\n  ${other.label}: ${threads(b)}`);
  });
  return { comparison, ours, others };
}

/** Microseconds of CPU a delivery. */
function busiestEach({ threads, deliveries }: FloodResult): number {
  return MILLION * (threads[0]?.cpuSeconds ?? NaN) / deliveries;
}

function allEach({ serverCpuSeconds, deliveries }: FloodResult): number {
  return MILLION * serverCpuSeconds / deliveries;
}

/** What each side did, two rows a comparison, and then their ratios, pair by pair. */
export function tables(name: string, all: readonly Compared[]): string {
  if (all.length === 0) return "";
  return [
    sidesTable(name, all),
    "Two rows are one comparison. `!`: the generator had no time left, so the clock measures it too.",
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
  const row = (label: string, results: readonly FloodResult[]) => {
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
  return table(head, rows);
}

/** Medians of the pairs' ratios, with the least and the greatest. */
function ratiosTable(name: string, all: readonly Compared[]): string {
  return table(
    [name, "pairs", ...Object.keys(MEASURES)],
    all.map((compared) => [
      titleOf(compared.comparison),
      String(compared.ours.length),
      ...Object.values(MEASURES).map((of) => `× ${spread(pairwise(compared, of), 3)}`),
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
        spread(values),
        isMet ? "yes" : "no",
      ];
    })
  );
}

function titleOf({ title, ours, other }: Comparison): string {
  return `${title} ${ours.label}, of ${other.label}`;
}

function pairwise({ ours, others }: Compared, of: (a: FloodResult, b: FloodResult) => number) {
  return ours.map((result, pair) => {
    const other = others[pair];
    return other === undefined ? NaN : of(result, other);
  });
}

/** The threads that used more than a fiftieth of a core, for whoever asks where the time went. */
function threads({ threads, seconds, loadCpuSeconds }: FloodResult): string {
  const share = (cpuSeconds: number) => `${Math.round(100 * cpuSeconds / seconds)} %`;
  const busy = threads.filter(({ cpuSeconds }) => cpuSeconds > 0.02 * seconds);
  const each = busy.map(({ name, cpuSeconds }) => `${name} ${share(cpuSeconds)}`);
  return `${each.join(", ")}; generator ${share(loadCpuSeconds)}`;
}
