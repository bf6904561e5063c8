/**
 * `Monitor` is where all readers of a server's metrics look: it measures what is not counted, keeps the
 * last ten minutes, and says whether the server is ready.
 *
 * @module
 */
import type { OpenConnections } from "../connections/open_connections.ts";
import { KINDS, type Metrics } from "../metrics.ts";
import type { Hub } from "../rooms/hub.ts";
import { History, SAMPLE_MS } from "./history.ts";
import { LoopDelay } from "./loop_delay.ts";
import { prometheusText } from "./prometheus.ts";
import { Readiness, TROUBLES } from "./readiness.ts";
import { type Snapshot, snapshotOf } from "./snapshot.ts";
import type { Measurements } from "./table.ts";

/** What is measured besides rooms and connections. */
export interface Measured {
  /** Seconds that the webhook's receiver lags behind; `undefined` without a webhook. */
  webhookLag(): number | undefined;
}

export class Monitor {
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly history: History = new History();
  readonly #hub: Hub;
  readonly #connections: OpenConnections;
  readonly #measured: Measured;
  #loopDelay: LoopDelay | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** The numbers of all threads together, as they were last told. */
  #totals: Snapshot | undefined;
  /** Set when the server has stopped: there is nothing left to measure. */
  #last: Snapshot | undefined;

  constructor(hub: Hub, connections: OpenConnections, measured: Measured) {
    const { broker, metrics, log, now } = hub.context;
    this.metrics = metrics;
    this.readiness = new Readiness(broker, metrics, log, now);
    this.#hub = hub;
    this.#connections = connections;
    this.#measured = measured;
  }

  /** Begins to measure the loop and to keep samples. Until then it costs nothing but the counting. */
  start(): void {
    const { now } = this.#hub.context;
    this.#loopDelay ??= new LoopDelay(this.metrics.loopDelay, now);
    this.#timer ??= setInterval(() => void this.sample(), SAMPLE_MS);
    Deno.unrefTimer(Number(this.#timer));
  }

  /** Stops the timers, and ends the streams of those who watch. The last numbers can still be read. */
  close(): void {
    this.#last = this.snapshot();
    this.#loopDelay?.stop();
    clearInterval(this.#timer);
    this.history.close();
  }

  /** Copies the numbers of this server, and looks again whether what was wrong still is. */
  snapshot(): Snapshot {
    if (this.readiness.last !== undefined) void this.readiness.trouble();
    return this.#last ?? snapshotOf(this.metrics, this.#measure());
  }

  /** Shows these numbers from now on in place of its own: those of all threads together. */
  show(totals: Snapshot): void {
    clearInterval(this.#timer);
    this.#totals = totals;
    this.history.add(totals, Date.now());
    if (this.history.watchers > 0) void this.readiness.trouble();
  }

  /** Writes the metrics as Prometheus reads them, after a look at the store. */
  async prometheus(): Promise<string> {
    await this.readiness.trouble();
    return prometheusText(this.#totals ?? this.snapshot());
  }

  /** Keeps a sample of now. A timer calls this. While somebody watches, the store is looked at. */
  async sample(): Promise<void> {
    if (this.history.watchers > 0) await this.readiness.trouble();
    this.history.add(this.snapshot(), Date.now());
  }

  #measure(): Measurements {
    const { opened, ended } = this.metrics;
    const open = KINDS.map((
      kind,
    ) => [kind, opened[kind] - Object.values(ended[kind]).reduce((sum, count) => sum + count, 0)]);
    let [subscribers, behind] = [0, 0];
    for (const { feed } of this.#hub.rooms.values()) {
      subscribers += feed.size;
      behind += feed.behind;
    }
    const { bytes, busySeconds, isConnected } = this.#hub.context.broker.measure();
    const lag = this.#measured.webhookLag();
    const { last } = this.readiness;
    return {
      "parley.connections.open": Object.fromEntries(open),
      "parley.rooms": this.#hub.rooms.size,
      "parley.users": this.#hub.users.size,
      "parley.subscribers": { live: subscribers - behind, behind },
      "parley.queued": this.#connections.queuedBytes,
      ...(bytes !== undefined && { "parley.store.size": bytes }),
      ...(busySeconds !== undefined && { "parley.store.busy": busySeconds }),
      ...(isConnected !== undefined && { "parley.redis.up": isConnected ? 1 : 0 }),
      ...(lag !== undefined && { "parley.webhook.lag": lag }),
      "parley.not_ready": Object.fromEntries(
        Object.keys(TROUBLES).map((reason) => [reason, reason === last ? 1 : 0]),
      ),
      "process.memory.usage": Deno.memoryUsage().rss,
    };
  }
}
