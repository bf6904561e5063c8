/**
 * Writes metrics in the text format of Prometheus
 * (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4).
 *
 * @module
 */
import type { Buckets, Snapshot } from "./snapshot.ts";
import { METRIC_NAMES, METRIC_ROWS, type MetricName } from "./table.ts";

/** The content type of the text. */
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const UNIT_SUFFIXES: Readonly<Record<string, string>> = { s: "_seconds", By: "_bytes" };

/**
 * Returns the name of a metric in Prometheus, as OpenTelemetry's specification says ("Prometheus and
 * OpenMetrics Compatibility"): `parley.sent` in bytes is `parley_sent_bytes_total`.
 */
export function prometheusName(name: MetricName): string {
  const { kind, unit } = METRIC_ROWS[name];
  const suffix = (UNIT_SUFFIXES[unit] ?? "") + (kind === "counter" ? "_total" : "");
  return name.replaceAll(".", "_") + suffix;
}

/** Writes all metrics of a snapshot. */
export function prometheusText(snapshot: Snapshot): string {
  let text = "";
  for (const name of METRIC_NAMES) {
    const series = snapshot[name];
    if (series === undefined) continue;
    const { kind, help, labels = [] } = METRIC_ROWS[name];
    const shown = prometheusName(name);
    text += `# HELP ${shown} ${help}\n# TYPE ${shown} ${kind}\n`;
    for (const [values, value] of Object.entries(series)) {
      if (typeof value === "number") {
        text += `${shown}${labelText(labels, values)} ${value}\n`;
      } else {
        text += bucketLines(shown, value);
      }
    }
  }
  return text;
}

/** Writes labels. Their values are from our own tables: there is nothing to escape. */
function labelText(labels: readonly string[], values: string): string {
  if (labels.length === 0) return "";
  const given = values.split(",");
  return `{${labels.map((label, index) => `${label}="${given[index]}"`).join(",")}}`;
}

/** Writes a histogram, whose buckets include all lower ones. No histogram has labels. */
function bucketLines(name: string, { bounds, counts, sum }: Buckets): string {
  let total = 0;
  let text = "";
  for (const [index, count] of counts.entries()) {
    total += count;
    text += `${name}_bucket{le="${bounds[index] ?? "+Inf"}"} ${total}\n`;
  }
  return `${text}${name}_sum ${sum}\n${name}_count ${total}\n`;
}
