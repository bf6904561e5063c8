/**
 * The charts of the page for people: what is drawn of the metrics, as numbers that mean something by
 * themselves, such as messages a second.
 *
 * @module
 */
import type { Buckets, Snapshot } from "./snapshot.ts";
import type { MetricName } from "./table.ts";

/** A value of a line; null where there is nothing to draw. */
export type Value = number | null;

/** Calculates a value of what there is now and what there was some seconds before. */
type Reading = (now: Snapshot, before: Snapshot | undefined, seconds: number) => Value;

interface Chart {
  readonly title: string;
  /** What the numbers are: a count, a number a second, seconds, or bytes. */
  readonly unit: "" | "/s" | "s" | "B" | "B/s";
  readonly lines: Readonly<Record<string, Reading>>;
}

/** The table of charts, in the order of the page. */
export const CHARTS: readonly Chart[] = [
  {
    title: "Connections",
    unit: "",
    lines: {
      WebSockets: value("parley.connections.open", "websocket"),
      "event streams": value("parley.connections.open", "stream"),
    },
  },
  {
    title: "Rooms and users",
    unit: "",
    lines: { rooms: value("parley.rooms"), users: value("parley.users") },
  },
  {
    title: "Messages committed",
    unit: "/s",
    lines: { messages: rate("parley.messages"), revisions: rate("parley.revisions") },
  },
  { title: "Events delivered", unit: "/s", lines: { events: rate("parley.deliveries") } },
  { title: "Bytes sent", unit: "B/s", lines: { bytes: rate("parley.sent") } },
  {
    title: "Commit time",
    unit: "s",
    lines: { mean: mean("parley.commit.duration"), worst: worst("parley.commit.duration") },
  },
  { title: "Messages in a commit", unit: "", lines: { mean: mean("parley.commit.size") } },
  {
    title: "Refusals",
    unit: "/s",
    lines: {
      all: rate("parley.refusals"),
      "by a limit": rate("parley.limit.refusals"),
      "failed commits": rate("parley.commits.failed"),
    },
  },
  {
    title: "Subscribers behind",
    unit: "",
    lines: { behind: value("parley.subscribers", "behind") },
  },
  { title: "Bytes queued", unit: "B", lines: { bytes: value("parley.queued") } },
  {
    title: "Event loop delay",
    unit: "s",
    lines: { mean: mean("parley.loop.delay"), worst: worst("parley.loop.delay") },
  },
  {
    title: "Redis round trip",
    unit: "s",
    lines: { mean: mean("parley.redis.duration"), worst: worst("parley.redis.duration") },
  },
  { title: "Webhook lag", unit: "s", lines: { lag: value("parley.webhook.lag") } },
  { title: "Database", unit: "B", lines: { "in use": value("parley.store.size") } },
  { title: "Memory", unit: "B", lines: { process: value("process.memory.usage") } },
];

/** Reads the values of all lines, one after the other. */
export function valuesOf(
  now: Snapshot,
  before: Snapshot | undefined,
  seconds: number,
): readonly Value[] {
  return CHARTS.flatMap(({ lines }) =>
    Object.values(lines).map((read) => read(now, before, seconds))
  );
}

function value(name: MetricName, labels = ""): Reading {
  return (now) => {
    const found = now[name]?.[labels];
    return typeof found === "number" ? found : null;
  };
}

/** Reads how much a counter grows a second, over all labels. */
function rate(name: MetricName): Reading {
  return (now, before, seconds) => {
    if (before === undefined) return null;
    // A thread that was replaced takes its numbers along.
    return Math.max(0, total(now, name) - total(before, name)) / seconds;
  };
}

function total(snapshot: Snapshot, name: MetricName): number {
  return Object.values(snapshot[name] ?? {})
    .reduce<number>((sum, value) => typeof value === "number" ? sum + value : sum, 0);
}

/** Reads the mean of what a histogram was given in the meantime. */
function mean(name: MetricName): Reading {
  return (now, before) => {
    const news = newsOf(name, now, before);
    if (news === undefined) return null;
    const count = news.counts.reduce((sum, count) => sum + count, 0);
    return count <= 0 ? null : Math.max(0, news.sum) / count;
  };
}

/** Reads the upper bound of the highest bucket that got something in the meantime. */
function worst(name: MetricName): Reading {
  return (now, before) => {
    const { bounds = [], counts = [] } = newsOf(name, now, before) ?? {};
    const highest = counts.findLastIndex((count) => count > 0);
    return highest < 0 ? null : bounds[Math.min(highest, bounds.length - 1)] ?? null;
  };
}

function newsOf(
  name: MetricName,
  now: Snapshot,
  before: Snapshot | undefined,
): Buckets | undefined {
  const [a, b] = [now[name]?.[""], before?.[name]?.[""]];
  if (typeof a !== "object" || typeof b !== "object") return undefined;
  const counts = a.counts.map((count, index) => count - (b.counts[index] ?? 0));
  return { bounds: a.bounds, counts, sum: a.sum - b.sum };
}
