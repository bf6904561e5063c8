/**
 * Hands the metrics to OpenTelemetry, which the runtime exports if `OTEL_DENO=true`.
 *
 * @module
 */
import { reason } from "../log.ts";
import { Histogram } from "../metrics.ts";
import { OptionError } from "../options.ts";
import type { Monitor } from "./monitor.ts";
import type { Series } from "./snapshot.ts";
import { METRIC_NAMES, METRIC_ROWS, type MetricName } from "./table.ts";

/** OpenTelemetry's own interface, which is the only way to the runtime's exporter. */
type Api = typeof import("npm:@opentelemetry/api@1.9.0");

/**
 * Loads the interface. The program does so before it opens anything, because that may fail.
 *
 * @throws {OptionError} if it can neither be found nor downloaded.
 */
export async function loadOpenTelemetry(): Promise<Api> {
  // Deno would fetch a literal specifier at start, also for those who need none.
  const name: string = "npm:@opentelemetry/api@1.9.0";
  try {
    return await import(name);
  } catch (thrown) {
    const why = reason(thrown).replace(/\s+/g, " ");
    throw new OptionError(`OTEL_DENO=true needs ${name}, which cannot be loaded. ${why}`);
  }
}

/**
 * Makes an instrument of each metric. Counters and gauges are read when the runtime exports. A histogram
 * cannot be read like that in OpenTelemetry, so it is also told each value.
 *
 * @param thread tells the threads of a program apart: the runtime does not add up their counters.
 */
export async function startOpenTelemetry(monitor: Monitor, thread: number): Promise<void> {
  monitor.start();
  const api = await loadOpenTelemetry();
  const meter = api.metrics.getMeter("parley");
  const observed = new Map<MetricName, ReturnType<typeof meter.createObservableGauge>>();
  for (const name of METRIC_NAMES) {
    const { kind, unit, help: description, read } = METRIC_ROWS[name];
    const options = { unit, description };
    if (kind === "counter") observed.set(name, meter.createObservableCounter(name, options));
    if (kind === "gauge") observed.set(name, meter.createObservableGauge(name, options));
    const numbers = read?.(monitor.metrics);
    if (!(numbers instanceof Histogram)) continue;
    const advice = { explicitBucketBoundaries: [...numbers.bounds] };
    const histogram = meter.createHistogram(name, { ...options, advice });
    numbers.onObserve = (value) => histogram.record(value);
  }
  meter.addBatchObservableCallback((result) => {
    const now = monitor.snapshot();
    for (const [name, instrument] of observed) {
      if (thread > 0 && METRIC_ROWS[name].merge === "same") continue;
      for (const [labels, value] of valuesOf(now[name])) {
        result.observe(instrument, value, { ...attributesOf(name, labels), thread });
      }
    }
  }, [...observed.values()]);
}

function valuesOf(series: Series = {}): [string, number][] {
  return Object.entries(series).flatMap(([labels, value]) =>
    typeof value === "number" ? [[labels, value]] : []
  );
}

function attributesOf(name: MetricName, values: string): Record<string, string> {
  const { labels = [] } = METRIC_ROWS[name];
  const given = values.split(",");
  return Object.fromEntries(labels.map((label, index) => [label, given[index] ?? ""]));
}
