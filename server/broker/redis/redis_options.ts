/**
 * The options of the broker for several nodes.
 *
 * @module
 */
import type { Log } from "../../log.ts";
import type { Metrics } from "../../metrics.ts";
import type { LogPolicy } from "./room_scripts.ts";

/** The options of a `RedisBroker`. */
export interface RedisOptions extends LogPolicy {
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url: string;
  /**
   * Begins every key and channel, so that several Parleys can share a Redis. It may have letters, digits
   * and `_.:-`, but no braces: those enclose the room's name.
   *
   * @default {"parley"}
   */
  readonly prefix?: string;
  /**
   * Logs when Redis is away, and when it is back.
   *
   * @default {silentLog}
   */
  readonly log?: Log;
  /** @default {new Metrics()} */
  readonly metrics?: Metrics;
  /**
   * Milliseconds that users stay in a room when their node no longer renews its lease. A node renews
   * it three times in this time.
   *
   * @default {18000}
   */
  readonly leaseMs?: number;
}
