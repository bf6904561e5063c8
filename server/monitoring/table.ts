/**
 * The table of metrics: what each of them is, and where it is counted.
 *
 * @module
 */
import type { Histogram, Metrics } from "../metrics.ts";

/** A number, or numbers by labels. */
export type Numbers = number | Histogram | { readonly [label: string]: Numbers };

/** What a metric is. */
export interface MetricRow {
  readonly kind: "counter" | "gauge" | "histogram";
  /** As in UCUM: seconds, bytes, or what is counted, in braces. */
  readonly unit: string;
  readonly help: string;
  /** The names of its labels. Their values are from small tables: never a room, a user or an address. */
  readonly labels?: readonly string[];
  /**
   * How the numbers of several threads become one: most are added up. With `same` each thread has measured the
   * whole program, so the largest counts; OpenTelemetry gets it from one thread, or somebody would add it up.
   */
  readonly merge?: "max" | "min" | "same";
  /** Reads the number where it is counted. Without this, the monitor measures it when somebody looks. */
  readonly read?: (metrics: Metrics) => Numbers;
}

/**
 * The table of metrics, by their names in OpenTelemetry. Their names in Prometheus follow from these: see
 * `prometheusName`. `server/OPERATIONS.md` says what to make of each.
 */
export const METRICS = {
  "parley.connections.open": {
    kind: "gauge",
    unit: "{connection}",
    help: "Connections that are open.",
    labels: ["kind"],
  },
  "parley.connections.opened": {
    kind: "counter",
    unit: "{connection}",
    help: "Connections that were let in.",
    labels: ["kind"],
    read: ({ opened }) => ({ ...opened }),
  },
  "parley.connections.ended": {
    kind: "counter",
    unit: "{connection}",
    help: "Connections that ended, and how.",
    labels: ["kind", "outcome"],
    read: ({ ended }) => ({ ...ended }),
  },
  "parley.connections.refused": {
    kind: "counter",
    unit: "{connection}",
    help: "Connections that were refused because of a limit or a stop.",
    labels: ["kind"],
    read: ({ refusedConnections }) => ({ ...refusedConnections }),
  },
  "parley.rooms": { kind: "gauge", unit: "{room}", help: "Rooms with members on a node." },
  "parley.users": { kind: "gauge", unit: "{user}", help: "Users with a connection to a node." },
  "parley.subscribers": {
    kind: "gauge",
    unit: "{subscriber}",
    help: "Connections in rooms, live or behind.",
    labels: ["state"],
  },
  "parley.catch_ups": {
    kind: "counter",
    unit: "{subscriber}",
    help: "Times that a subscriber became behind, and why.",
    labels: ["cause"],
    read: ({ catchUps }) => ({ ...catchUps }),
  },
  "parley.commands": {
    kind: "counter",
    unit: "{command}",
    help: "Commands over WebSockets.",
    labels: ["verdict", "type"],
    read: ({ accepted, refused }) => ({ accepted, refused }),
  },
  "parley.refusals": {
    kind: "counter",
    unit: "{refusal}",
    help: "Errors that clients were answered with, over WebSockets and HTTP.",
    labels: ["reason"],
    read: ({ refusals }) => ({ ...refusals }),
  },
  "parley.limit.refusals": {
    kind: "counter",
    unit: "{refusal}",
    help: "Those of them that a limit gave.",
    labels: ["limit"],
    read: ({ limitRefusals }) => ({ ...limitRefusals }),
  },
  "parley.http.responses": {
    kind: "counter",
    unit: "{response}",
    help: "Responses to HTTP requests, by the first digit of the status.",
    labels: ["status"],
    read: ({ responses }) => ({ ...responses }),
  },
  "parley.messages": {
    kind: "counter",
    unit: "{message}",
    help: "Messages that were committed.",
    read: ({ messages }) => messages,
  },
  "parley.revisions": {
    kind: "counter",
    unit: "{revision}",
    help: "Edits, deletions and reactions that were committed.",
    read: ({ revisions }) => revisions,
  },
  "parley.commits.failed": {
    kind: "counter",
    unit: "{commit}",
    help: "Commits that failed. Their senders got unavailable.",
    read: ({ failedCommits }) => failedCommits,
  },
  "parley.commit.size": {
    kind: "histogram",
    unit: "{message}",
    help: "Messages and revisions in one commit.",
    read: ({ batchSize }) => batchSize,
  },
  "parley.commit.duration": {
    kind: "histogram",
    unit: "s",
    help: "Time that a commit took.",
    read: ({ commitSeconds }) => commitSeconds,
  },
  "parley.deliveries": {
    kind: "counter",
    unit: "{event}",
    help: "Events of rooms that were given to connections.",
    read: ({ deliveries }) => deliveries,
  },
  "parley.sent": {
    kind: "counter",
    unit: "By",
    help: "Text that was written to connections.",
    labels: ["kind"],
    read: ({ sentBytes }) => ({ ...sentBytes }),
  },
  "parley.queued": {
    kind: "gauge",
    unit: "By",
    help: "Bytes that wait for slow connections.",
  },
  "parley.loop.delay": {
    kind: "histogram",
    unit: "s",
    help: "How much later than it should a timer ran: how long everything waits.",
    read: ({ loopDelay }) => loopDelay,
  },
  "parley.store.size": {
    kind: "gauge",
    unit: "By",
    help: "Bytes of the database in use. Not with Redis.",
    merge: "same",
  },
  "parley.store.busy": {
    kind: "counter",
    unit: "s",
    help: "Time that the storing thread was busy with commits. Only with --workers.",
    merge: "same",
  },
  "parley.redis.up": {
    kind: "gauge",
    unit: "",
    help: "1 while Redis is connected, else 0. Only with Redis.",
    merge: "min",
  },
  "parley.redis.duration": {
    kind: "histogram",
    unit: "s",
    help: "Time between a command to Redis and its answer.",
    read: ({ redisSeconds }) => redisSeconds,
  },
  "parley.webhook.lag": {
    kind: "gauge",
    unit: "s",
    help:
      "Age of the oldest message that the webhook's receiver has not taken. Only with a webhook.",
    merge: "max",
  },
  "parley.webhook.requests": {
    kind: "counter",
    unit: "{request}",
    help: "Requests to the webhook's receiver.",
    labels: ["outcome"],
    read: ({ webhookRequests }) => ({ ...webhookRequests }),
  },
  "parley.not_ready": {
    kind: "gauge",
    unit: "",
    help: "1 for the reason why /readyz answers 503, else 0.",
    labels: ["reason"],
    merge: "max",
  },
  "process.memory.usage": {
    kind: "gauge",
    unit: "By",
    help: "Memory of the process.",
    merge: "same",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

export type MetricName = keyof typeof METRICS;
/** The table as readers see it. */
export const METRIC_ROWS: Readonly<Record<MetricName, MetricRow>> = METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as MetricName[];

/** The metrics that are measured when somebody looks. One that does not apply is left out. */
export type MeasuredName = {
  [N in MetricName]: (typeof METRICS)[N] extends { readonly read: unknown } ? never : N;
}[MetricName];
export type Measurements = { readonly [N in MeasuredName]?: Numbers };
