/**
 * `GET /metrics` and `GET /status/events` show the metrics: as text for Prometheus, and as an event stream
 * for the page at `/status`. Both need an API key, except at `--metrics-port`.
 *
 * @module
 */
import { CHARTS } from "../../monitoring/charts.ts";
import type { Sample } from "../../monitoring/history.ts";
import type { Monitor } from "../../monitoring/monitor.ts";
import { PROMETHEUS_TYPE } from "../../monitoring/prometheus.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { assertIsApplication } from "../requester.ts";
import { EVENT_STREAM } from "../responses.ts";
import type { Call } from "../router.ts";

/** How many may watch at once. */
const MAX_WATCHERS = 50;
/** When to try again to watch. */
const RETRY_MS = 5000;
/** A stream that has not taken so many bytes is ended: the page comes back for what it missed. */
const MAX_QUEUED_BYTES = 1_048_576;

export function getMetrics(call: Call, monitor: Monitor): Promise<Response> {
  assertIsApplication(call);
  return metrics(monitor);
}

export function getStatusEvents(call: Call, monitor: Monitor): Response {
  assertIsApplication(call);
  return statusEvents(call.request, monitor);
}

/** Answers with the metrics as Prometheus reads them. */
export async function metrics(monitor: Monitor): Promise<Response> {
  const headers = { "content-type": PROMETHEUS_TYPE, "cache-control": "no-store" };
  return new Response(await monitor.prometheus(), { headers });
}

/**
 * Opens a stream of samples. It begins with the charts and what is kept, and ends when the server stops.
 *
 * @throws {Refusal} `unavailable`
 */
export function statusEvents({ method }: Request, { history }: Monitor): Response {
  if (method === "HEAD") return new Response(null, { headers: EVENT_STREAM });
  if (history.watchers >= MAX_WATCHERS) {
    throw new Refusal("unavailable", `${MAX_WATCHERS} already watch. Try again later.`, {
      retryAfterMs: RETRY_MS,
    });
  }
  let stopWatching = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const closed = () => {
        stopWatching();
        ifOpen(() => controller.close());
      };
      const taken = (sample: Sample) => {
        if ((controller.desiredSize ?? 0) < -MAX_QUEUED_BYTES) return closed();
        ifOpen(() => controller.enqueue(dataOf(sample)));
      };
      controller.enqueue(dataOf({ charts: CHART_HEADS, samples: history.samples }));
      stopWatching = history.watch({ taken, closed });
    },
    cancel: () => stopWatching(),
  }, new ByteLengthQueuingStrategy({ highWaterMark: 0 }));
  return new Response(body, { headers: EVENT_STREAM });
}

/** What the page has to know of the charts. */
const CHART_HEADS = CHARTS.map(({ title, unit, lines }) => ({
  title,
  unit,
  lines: Object.keys(lines),
}));

const ENCODER = new TextEncoder();

function dataOf(value: unknown): Uint8Array {
  return ENCODER.encode(`data: ${JSON.stringify(value)}\n\n`);
}

/** Does something with a stream. When the peer has just gone, that throws, before `cancel` is called. */
function ifOpen(act: () => void): void {
  try {
    act();
  } catch {
    // The stream is cancelled, or will be at once.
  }
}
