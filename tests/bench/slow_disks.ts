/**
 * The busy room on slower disks, in one thread and with `--workers 1`, and what a request a hundred times
 * a second meets there.
 */
import {
  compareAll,
  type Comparison,
  type RatioBar,
  ratioBars,
  SIDES,
  tables,
} from "./comparison.ts";
import { note, type Plan } from "./plan.ts";
import { requests } from "./requests.ts";
import type { Section } from "./section.ts";
import type { Side, StartOptions } from "./servers.ts";
import { compileSlowSync, slowSync } from "./slow_sync.ts";
import { percentile } from "./statistics.ts";
import { table } from "./table.ts";
import { run } from "./throughput.ts";
import { workload } from "./workloads.ts";

const IN_FLIGHT = [8, 64];
/** The least time of a sync. The first is what a good disk takes by itself. */
const SYNC_MS = [0.3, 2, 5];
const REQUESTS_A_SECOND = 100;

/** What `--workers 1` must reach at the slowest sync: by the clock, for so many in flight. */
const SLOWEST_BARS: Readonly<Record<number, RatioBar>> = {
  8: { measure: "by clock", atLeast: 1 },
  64: { measure: "by clock", atLeast: 1.4 },
};
/** And what a request may take beside it, in milliseconds. */
const REQUEST_BARS = { p50: 3, p99: 15 } as const;
const SHARES = { p50: 0.5, p99: 0.99 } as const;

interface SlowSide extends Side {
  readonly options: StartOptions;
  /** How long each request took that was sent beside it. */
  readonly requestMs: number[];
}

interface SlowComparison extends Comparison {
  readonly ours: SlowSide;
  readonly other: SlowSide;
  readonly syncMs: number;
}

const COMPARISONS: readonly SlowComparison[] = SYNC_MS.flatMap((syncMs) =>
  IN_FLIGHT.map((inFlight) => {
    const bar = syncMs === SYNC_MS.at(-1) ? SLOWEST_BARS[inFlight] : undefined;
    return {
      title: `(a) ${inFlight} in flight, sync ${syncMs} ms:`,
      work: { ...workload("a"), inFlight },
      ours: slowed(SIDES.one, syncMs),
      other: slowed(SIDES.none, syncMs),
      bars: bar === undefined ? [] : [bar],
      syncMs,
    };
  })
);

/** A side on a slower disk that is asked for `/healthz` while it works. */
function slowed(side: Side, syncMs: number): SlowSide {
  const requestMs: number[] = [];
  return {
    ...side,
    options: { ...side.options, settings: slowSync(syncMs) },
    requestMs,
    beside: async ({ port }, seconds) => {
      const url = `http://127.0.0.1:${port}/healthz`;
      const answers = await requests(url, REQUESTS_A_SECOND, seconds);
      requestMs.push(...answers.map(({ milliseconds }) => milliseconds));
    },
  };
}

export async function slowDisks(plan: Plan): Promise<Section> {
  if (!await compileSlowSync()) {
    const text = "(slow) was skipped: this machine has no C compiler (`cc`).";
    note(text);
    return { text, bars: [] };
  }
  const rows: string[][] = [];
  const bars: string[][] = [];
  const { all, failed } = await compareAll(COMPARISONS, plan);
  for (const { comparison: { title, ours, other, syncMs } } of all) {
    for (const side of [ours, other]) {
      const aloneMs = await messageAlone(side, syncMs, plan);
      const times = [0.5, 0.99, 1].map((share) => percentile(side.requestMs, share).toFixed(1));
      rows.push([
        `${title} ${side.label}`,
        `${side.requestMs.length}`,
        ...times,
        aloneMs.toFixed(1),
      ]);
    }
    if (syncMs !== SYNC_MS.at(-1)) continue;
    for (const name of ["p50", "p99"] as const) {
      const [is, atMost] = [percentile(ours.requestMs, SHARES[name]), REQUEST_BARS[name]];
      const what = `${title} ${ours.label}, /healthz ${name} ms`;
      bars.push([what, `≤ ${atMost}`, is.toFixed(1), is <= atMost ? "yes" : "no"]);
    }
  }
  const head = ["/healthz, ms", "requests", "p50", "p99", "slowest", "a message alone"];
  return {
    text: [tables("(slow)", all), table(head, rows)].join("\n\n"),
    bars: [...ratioBars(all), ...bars, ...failed],
  };
}

/**
 * Measures a message that nothing else delays. It is stored before it comes back, so it takes a sync at
 * the least.
 *
 * @throws {Error} if it is quicker: then the library has slowed nothing down.
 */
async function messageAlone(side: SlowSide, syncMs: number, plan: Plan): Promise<number> {
  const work = { ...workload("a"), members: 1, senders: 1, inFlight: 1 };
  const short = { ...plan, warmUpSeconds: 0.2, turns: 1, seconds: 0.5 };
  const { seconds, messages } = await run("parley", work, short, side.options);
  const aloneMs = 1000 * seconds / messages;
  if (aloneMs < syncMs) {
    throw new Error(`A sync of ${syncMs} ms was wanted, but a message took ${aloneMs} ms.`);
  }
  return aloneMs;
}
