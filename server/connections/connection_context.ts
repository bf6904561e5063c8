/**
 * A `ConnectionContext` is what connections know of the server that they belong to.
 *
 * @module
 */
import type { Hub } from "../rooms/hub.ts";
import type { Connection } from "./connection.ts";
import type { DrainMonitor } from "./drain_monitor.ts";

/** What all connections of a server share. */
export interface ConnectionContext {
  readonly hub: Hub;
  /** Returns what the log calls the next connection. */
  nextId(): string;
  readonly drainMonitor: DrainMonitor;
  /** Whether a listener of this server ends after a restart was announced, and closes what is still open. */
  endsWithListener(): boolean;
  /** Called once, when the connection neither sends nor receives any more. */
  ended(connection: Connection): void;
  /** Called once, when the peer has let go of its socket. That comes later, or never if it is stuck. */
  released(connection: Connection): void;
}
