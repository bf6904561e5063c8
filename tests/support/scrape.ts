/**
 * Reads the metrics of a server as Prometheus does, with a public parser of its text.
 *
 * @module
 */
import parse from "npm:parse-prometheus-text-format@1.1.1";
import { assert, assertEquals } from "./assert.ts";

export const KEY = "k".repeat(32);

/** What the parser makes of the text. It has no types of its own. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "COUNTER" | "GAUGE" | "HISTOGRAM";
  readonly metrics: readonly {
    readonly value?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly buckets?: Readonly<Record<string, string>>;
    readonly count?: string;
    readonly sum?: string;
  }[];
}

/** All metrics at one moment. */
export class Scrape {
  readonly families: readonly Family[];

  constructor(text: string) {
    this.families = parse(text) as readonly Family[];
  }

  /** Reads the numbers at a URL: `/metrics` with the key, or at `--metrics-port` without. */
  static async of(url: string, key?: string): Promise<Scrape> {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const response = await fetch(url, { headers });
    const text = await response.text();
    assertEquals(response.status, 200, text);
    assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    return new Scrape(text);
  }

  /**
   * Returns the number of a series, written as Prometheus does: `parley_refusals_total{reason="conflict"}`.
   * Of a histogram `…_count`, `…_sum` and `…_bucket{le="1"}` are series.
   */
  get(series: string): number {
    const [, name = "", labels = ""] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? [];
    const wanted = Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]),
    );
    const [, base = "", part = ""] = /^(.*)_(count|sum|bucket)$/.exec(name) ?? [];
    const histogram = this.#family(base)?.metrics[0];
    if (histogram?.buckets !== undefined) {
      if (part === "bucket") return Number(histogram.buckets[wanted.le ?? ""]);
      return Number(part === "count" ? histogram.count : histogram.sum);
    }
    const found = this.#family(name)?.metrics
      .find((metric) => same(metric.labels ?? {}, wanted));
    assert(found !== undefined, `${series} is not there`);
    return Number(found.value);
  }

  #family(name: string): Family | undefined {
    return this.families.find((family) => family.name === name);
  }
}

function same(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const sorted = (labels: object) => JSON.stringify(Object.entries(labels).sort());
  return sorted(a) === sorted(b);
}
