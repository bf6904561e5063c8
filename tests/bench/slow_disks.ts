/**
 * The busy room on slower disks, in one thread and with `--workers 1`, and what a request a hundred times
 * a second meets there.
 */
import {
  compareAll,
  type Comparison,
  type RatioBar,
  ratioBars,
  type Side,
  SIDES,
  tables,
} from "./comparison.ts";
import { generate } from "./generator.ts";
import type { FloodResult, RequestsResult } from "./load/job.ts";
import { note, type Plan } from "./plan.ts";
import type { Section } from "./section.ts";
import { compileSlowSync, slowSync } from "./slow_sync.ts";
import { median, spread } from "./statistics.ts";
import { run } from "./throughput.ts";
import { workload } from "./workloads.ts";

const IN_FLIGHT = [8, 64];
/** The least time of a sync. The first is what a good disk takes by itself. */
const SYNC_MS = [0.3, 2, 5];
const REQUESTS_A_SECOND = 100;
/** The crowd has come by then. */
const ARRIVAL_SECONDS = 0.5;

/** What `--workers 1` must reach at the slowest sync: by the clock, for so many in flight. */
const SLOWEST_BARS: Readonly<Record<number, RatioBar>> = {
  8: { measure: "by clock", atLeast: 1 },
  64: { measure: "by clock", atLeast: 1.4 },
};
/** And what a request may take beside it, in milliseconds. */
const REQUEST_BARS = { p50: 3, p99: 15 } as const;

interface SlowComparison extends Comparison {
  readonly syncMs: number;
}

/** What was seen beside each flood. */
interface Beside {
  readonly requests: RequestsResult;
  /** A message that is alone in its room, from its sending to its echo. */
  readonly aloneMs: number;
}

export async function slowDisks(plan: Plan): Promise<Section> {
  if (!await compileSlowSync()) {
    const text = "(workers) on slow disks was skipped: this machine has no C compiler (`cc`).";
    note(text);
    return { text, bars: [] };
  }
  const beside = new Map<FloodResult, Beside>();
  const measure = async (comparison: SlowComparison, side: Side) => {
    const settings = slowSync(comparison.syncMs);
    const { flags } = side;
    const aloneMs = await messageAlone(comparison, side, plan);
    let requests: RequestsResult | undefined;
    const result = await run(side.kind, comparison.work, plan, {
      settings,
      flags,
      beside: async ({ port }) => {
        requests = await generate<"requests">({
          ...{ kind: "requests", port, path: "/healthz", perSecond: REQUESTS_A_SECOND },
          warmUpSeconds: plan.warmUpSeconds + ARRIVAL_SECONDS,
          seconds: plan.seconds - ARRIVAL_SECONDS,
        });
      },
    });
    if (requests === undefined) throw new Error("no request was sent");
    const { p50, p99, max } = requests;
    const figures = [p50, p99, max].map((ms) => ms.toFixed(1)).join(", ");
    note(`  ${side.label}: /healthz ${figures} ms; a message alone ${aloneMs.toFixed(2)} ms`);
    beside.set(result, { requests, aloneMs });
    return result;
  };
  const { all, failed } = await compareAll(comparisons(), plan, measure);
  const of = (results: readonly FloodResult[], what: (beside: Beside) => number) =>
    results.map((result) => beside.get(result)).map((one) => one === undefined ? NaN : what(one));
  const requestBars = all.filter(({ comparison }) => comparison.syncMs === SYNC_MS.at(-1))
    .flatMap(({ comparison, ours }) =>
      (["p50", "p99"] as const).map((which) => {
        const values = of(ours, ({ requests }) => requests[which]);
        return [
          `${comparison.title} ${comparison.ours.label}, /healthz ${which} ms`,
          `≤ ${REQUEST_BARS[which]}`,
          spread(values, 1),
          median(values) <= REQUEST_BARS[which] ? "yes" : "no",
        ];
      })
    );
  const text = tables("(workers) the busy room on slower disks", all, {
    head: ["/healthz p50 ms", "p99", "a message alone, ms"],
    cells: (results) => [
      spread(of(results, ({ requests }) => requests.p50), 1),
      spread(of(results, ({ requests }) => requests.p99), 1),
      spread(of(results, ({ aloneMs }) => aloneMs), 1),
    ],
  });
  return { text, bars: [...ratioBars(all), ...requestBars, ...failed] };
}

function comparisons(): SlowComparison[] {
  return SYNC_MS.flatMap((syncMs) =>
    IN_FLIGHT.map((inFlight) => {
      const bar = syncMs === SYNC_MS.at(-1) ? SLOWEST_BARS[inFlight] : undefined;
      return {
        title: `(a) ${inFlight} in flight, sync ${syncMs} ms:`,
        work: { ...workload("a"), inFlight },
        ours: SIDES.one,
        other: SIDES.none,
        bars: bar === undefined ? [] : [bar],
        syncMs,
      };
    })
  );
}

/**
 * Measures a message that nothing else delays. It is stored before it comes back, so it takes a sync at
 * the least.
 *
 * @throws {Error} if it is quicker: then the library has slowed nothing down.
 */
async function messageAlone({ syncMs }: SlowComparison, side: Side, plan: Plan): Promise<number> {
  const work = { ...workload("a"), members: 1, senders: 1, inFlight: 1 };
  const { seconds, messages } = await run(
    side.kind,
    work,
    { ...plan, warmUpSeconds: 0.2, seconds: 0.5 },
    { settings: slowSync(syncMs), flags: side.flags },
  );
  const aloneMs = 1000 * seconds / messages;
  if (aloneMs < syncMs) {
    throw new Error(`A sync of ${syncMs} ms was wanted, but a message took ${aloneMs} ms.`);
  }
  return aloneMs;
}
