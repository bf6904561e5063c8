/**
 * A receiver of OpenTelemetry's protocol over HTTP, as JSON
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). It keeps what it was sent.
 *
 * @module
 */

/** A point of a metric, as it was sent last. */
export interface Point {
  readonly attributes: Readonly<Record<string, string>>;
  /** The value; of a histogram, the number of values. */
  readonly value: number;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, string | number>>;
}

interface DataPoint {
  readonly attributes: readonly Attribute[];
  readonly asDouble?: number;
  readonly asInt?: string;
  readonly count?: string;
}

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: { readonly dataPoints: readonly DataPoint[] };
  readonly gauge?: { readonly dataPoints: readonly DataPoint[] };
  readonly histogram?: { readonly dataPoints: readonly DataPoint[] };
}

/** What is in a request, as far as it is read. */
interface Export {
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string };
      readonly metrics: readonly Metric[];
    }[];
  }[];
}

export class OtlpReceiver implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** The text of all requests with spans. */
  spans = "";
  /** The metrics of Parley, by name. */
  readonly metrics = new Map<
    string,
    { readonly unit: string; readonly points: readonly Point[] }
  >();

  constructor() {
    const where = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve(where, async (request) => {
      const text = await request.text();
      if (request.url.endsWith("/v1/traces")) this.spans += text;
      if (request.url.endsWith("/v1/metrics")) this.#take(JSON.parse(text));
      return Response.json({});
    });
  }

  /** The variables that make Deno send here, often. */
  get environment(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
      OTEL_BSP_SCHEDULE_DELAY: "100",
    };
  }

  /** Returns the value of a point with these attributes, among others; `undefined` if there is none. */
  value(name: string, attributes: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = Object.entries(attributes);
    return this.metrics.get(name)?.points
      .find((point) => wanted.every(([key, value]) => point.attributes[key] === value))?.value;
  }

  #take({ resourceMetrics = [] }: Export): void {
    for (const { scope, metrics } of resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics)) {
      if (scope.name !== "parley") continue;
      for (const { name, unit, sum, gauge, histogram } of metrics) {
        const { dataPoints = [] } = sum ?? gauge ?? histogram ?? {};
        this.metrics.set(name, { unit, points: dataPoints.map(pointOf) });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function pointOf({ attributes, asDouble, asInt, count }: DataPoint): Point {
  const pairs = attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]);
  return { attributes: Object.fromEntries(pairs), value: Number(asDouble ?? asInt ?? count) };
}
