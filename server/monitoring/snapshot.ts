/**
 * A snapshot is a copy of all numbers at one moment. Snapshots of several threads become one.
 *
 * @module
 */
import { Histogram, type Metrics } from "../metrics.ts";
import {
  type Measurements,
  METRIC_NAMES,
  METRIC_ROWS,
  type MetricName,
  type MetricRow,
  type Numbers,
} from "./table.ts";

/** The buckets of a histogram, each with its own values only, and the sum of all values. */
export interface Buckets {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Values of one metric by their labels' values, joined by commas. It can be sent to another thread. */
export type Series = Readonly<Record<string, number | Buckets>>;
export type Snapshot = { readonly [N in MetricName]?: Series };

/** Copies all numbers as they are now. */
export function snapshotOf(metrics: Metrics, measurements: Measurements): Snapshot {
  const snapshot: Partial<Record<MetricName, Series>> = {};
  const measured: Readonly<Partial<Record<string, Numbers>>> = measurements;
  for (const name of METRIC_NAMES) {
    const numbers = METRIC_ROWS[name].read?.(metrics) ?? measured[name];
    if (numbers !== undefined) snapshot[name] = Object.fromEntries(flatten(numbers, ""));
  }
  return snapshot;
}

function flatten(numbers: Numbers, labels: string): [string, number | Buckets][] {
  if (typeof numbers === "number") return [[labels, numbers]];
  if (numbers instanceof Histogram) {
    const { bounds, counts, sum } = numbers;
    return [[labels, { bounds, counts: [...counts], sum }]];
  }
  return Object.entries(numbers).flatMap(([label, inner]) =>
    flatten(inner, labels === "" ? label : `${labels},${label}`)
  );
}

/** Makes one snapshot of those of several threads. */
export function merge(snapshots: readonly Snapshot[]): Snapshot {
  const merged: Partial<Record<MetricName, Series>> = {};
  for (const name of METRIC_NAMES) {
    const all: Record<string, number | Buckets> = {};
    for (const snapshot of snapshots) {
      for (const [labels, value] of Object.entries(snapshot[name] ?? {})) {
        all[labels] = mergeTwo(all[labels], value, METRIC_ROWS[name].merge);
      }
    }
    if (Object.keys(all).length > 0) merged[name] = all;
  }
  return merged;
}

function mergeTwo(
  a: number | Buckets | undefined,
  b: number | Buckets,
  how: MetricRow["merge"],
): number | Buckets {
  if (a === undefined) return b;
  if (typeof a === "number" || typeof b === "number") {
    const [x, y] = [Number(a), Number(b)];
    if (how === undefined) return x + y;
    return how === "min" ? Math.min(x, y) : Math.max(x, y);
  }
  const counts = a.counts.map((count, index) => count + (b.counts[index] ?? 0));
  return { bounds: a.bounds, counts, sum: a.sum + b.sum };
}

/** Returns what was counted, without what was measured: that of a thread that is gone is of no use. */
export function countedOf(snapshot: Snapshot): Snapshot {
  const counted = METRIC_NAMES.filter((name) => METRIC_ROWS[name].kind !== "gauge");
  return Object.fromEntries(counted.map((name) => [name, snapshot[name] ?? {}]));
}
