/**
 * `OpenConnections` admits connections, keeps them while they are open, and says goodbye to them.
 *
 * @module
 */
import type { Clock } from "../access/allowances.ts";
import { ConnectionLimits } from "../access/connection_limits.ts";
import type { Source } from "../access/source.ts";
import { Batch } from "../broker/page.ts";
import { settleWithin } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { Options } from "../options.ts";
import type { Kind, Metrics } from "../metrics.ts";
import { encode } from "../protocol/encode.ts";
import { Refusal } from "../protocol/refusal.ts";
import { CLOSE } from "../protocol/tables.ts";
import type { Hub } from "../rooms/hub.ts";
import type { Connection, ConnectionContext } from "./connection.ts";
import { DrainMonitor } from "./drain_monitor.ts";
import { Heartbeat } from "./heartbeat.ts";

/** How long after a refusal because of a stop a client should try again. */
const STOPPING_RETRY_MS = 5000;
/** The shortest delay that `bye` asks for. */
export const MIN_RETURN_MS = 500;

export class OpenConnections {
  readonly #returnSeconds: number;
  readonly #metrics: Metrics;
  readonly #limits: ConnectionLimits;
  readonly #heartbeat: Heartbeat;
  readonly #drainMonitor: DrainMonitor;
  readonly #context: ConnectionContext;
  readonly #log: Log;
  readonly #open = new Set<Connection>();
  /**
   * The source of each connection whose peer has not let go of its socket. A peer that ignores our close
   * goes on holding a socket, so the connection counts towards the limits until then.
   */
  readonly #held = new Map<Connection, Source>();
  /** Begins the ids of connections: other threads and nodes may write to the same log. */
  readonly #idPrefix = crypto.randomUUID().slice(0, 4);
  #idCount = 0;
  #isClosed = false;
  /** Called when the last socket is released. */
  #onEmpty = () => {};

  constructor(hub: Hub, options: Options, now: Clock) {
    this.#log = hub.context.log;
    this.#returnSeconds = options.returnSeconds;
    this.#metrics = hub.context.metrics;
    this.#limits = new ConnectionLimits(options.maxConnections, options.maxConnectionsPerAddress);
    this.#heartbeat = new Heartbeat(options.heartbeatSeconds);
    this.#drainMonitor = new DrainMonitor(options, now);
    this.#context = {
      hub,
      nextId: () => `${this.#idPrefix}-${++this.#idCount}`,
      drainMonitor: this.#drainMonitor,
      ended: (connection) => this.#ended(connection),
      released: (connection) => this.#released(connection),
    };
  }

  /** The number of connections that are open. */
  get count(): number {
    return this.#open.size;
  }

  /** Bytes that wait for slow peers, as far as they are watched: the others have almost none. */
  get queuedBytes(): number {
    return this.#drainMonitor.queuedBytes;
  }

  /**
   * Takes what a new connection costs its source. Call it before the connection is made.
   *
   * @throws {Refusal} `unavailable`, `rate_limited`
   */
  admit(source: Source, cost: number, kind: Kind): void {
    this.check(source, kind);
    this.#countRefusal(kind, () => source.spend(cost));
  }

  /**
   * Checks that there is room for one more connection.
   *
   * @throws {Refusal} `unavailable`, `rate_limited`
   */
  check(source: Source, kind: Kind): void {
    this.#countRefusal(kind, () => {
      if (this.#isClosed) {
        const retryAfterMs = STOPPING_RETRY_MS;
        throw new Refusal("unavailable", "The server is going down.", { retryAfterMs });
      }
      this.#limits.check(source);
    });
  }

  #countRefusal(kind: Kind, admit: () => void): void {
    try {
      admit();
    } catch (thrown) {
      this.#metrics.refusedConnections[kind]++;
      throw thrown;
    }
  }

  /** Makes a connection, and keeps it until it ends. */
  open<C extends Connection>(source: Source, connect: (context: ConnectionContext) => C): C {
    const connection = connect(this.#context);
    this.#open.add(connection);
    this.#metrics.opened[connection.kind]++;
    this.#heartbeat.add(connection);
    this.#held.set(connection, source);
    this.#limits.enter(source);
    const { id } = connection;
    this.#log.debug?.("connection opened", { connection: id, address: source.address });
    return connection;
  }

  /** Admits no more connections. */
  close(): void {
    this.#isClosed = true;
  }

  /** Sends all clients away, for good. */
  async sayGoodbye(maxMs: number): Promise<void> {
    await this.sendAway(maxMs);
    this.#heartbeat.stop();
    this.#drainMonitor.stop();
  }

  /**
   * Sends `bye` to every client, closes its connection, and waits for the peers to let go.
   *
   * @param maxMs the longest wait: a peer that is stuck never lets go. Nobody comes back within MIN_RETURN_MS.
   */
  async sendAway(maxMs: number): Promise<void> {
    for (const connection of [...this.#open]) {
      // Each client is told its own delay, so that they do not all come back in the same moment.
      const delayMs = MIN_RETURN_MS + Math.random() * this.#returnSeconds * 1000;
      const retryAfterMs = Math.round(delayMs);
      const bye = encode({ type: "bye", payload: "The server is restarting.", retryAfterMs });
      connection.reply(Batch.of(bye));
      connection.close(CLOSE.restart);
    }
    if (this.#held.size > 0) {
      await settleWithin(maxMs, new Promise<void>((resolve) => this.#onEmpty = resolve));
    }
  }

  #ended(connection: Connection): void {
    if (this.#open.delete(connection)) this.#metrics.ended[connection.kind][connection.outcome]++;
    this.#heartbeat.delete(connection);
  }

  #released(connection: Connection): void {
    const source = this.#held.get(connection);
    if (source === undefined) return;
    this.#held.delete(connection);
    this.#limits.leave(source);
    this.#log.debug?.("connection closed", { connection: connection.id });
    if (this.#held.size === 0) this.#onEmpty();
  }
}
