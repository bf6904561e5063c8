/**
 * The gate through which connections come in: whose limits a request uses, and whether one more
 * connection may be opened.
 *
 * @module
 */
import type { Clock } from "../access/allowances.ts";
import { ConnectionLimits } from "../access/connection_limits.ts";
import { type Source, Sources } from "../access/source.ts";
import type { Connection, ConnectionContext } from "../connections/connection.ts";
import type { Log } from "../log.ts";
import type { Options } from "../options.ts";
import { Refusal } from "../protocol/refusal.ts";
import { clientAddress } from "./client_address.ts";

/** Makes a connection, once it is let in. */
export type Connect<C extends Connection> = (context: ConnectionContext) => C;

/** The server's part: it keeps what was let in. */
export type Enter = <C extends Connection>(source: Source, connect: Connect<C>) => C;

export class Gate {
  readonly #trustProxies: number;
  readonly #sources: Sources;
  readonly #limits: ConnectionLimits;
  readonly #enter: Enter;
  #isClosed = false;

  constructor(options: Options, log: Log, now: Clock, enter: Enter) {
    this.#trustProxies = options.trustProxies;
    this.#sources = new Sources(options, log, now);
    this.#limits = new ConnectionLimits(options.maxConnections, options.maxConnectionsPerAddress);
    this.#enter = enter;
  }

  /** Says where a request comes from, and so whose limits it uses. */
  sourceOf(request: Request, info: Deno.ServeHandlerInfo): Source {
    const { address, unbelieved } = clientAddress(request, info, this.#trustProxies);
    return this.#sources.of(address, unbelieved);
  }

  /**
   * Takes what a connection costs, if one more may be opened from there.
   *
   * @throws {Refusal} `unavailable`, `rate_limited`
   */
  admit(source: Source, cost: number): void {
    if (this.#isClosed) {
      throw new Refusal("unavailable", "The server is going down.", { retryAfterMs: 5000 });
    }
    this.#limits.check(source);
    source.spend(cost);
  }

  /** Lets a connection in, and counts it until it is said to have left. */
  enter<C extends Connection>(source: Source, connect: Connect<C>): C {
    const connection = this.#enter(source, connect);
    this.#limits.enter(source);
    return connection;
  }

  leave(source: Source): void {
    this.#limits.leave(source);
  }

  /** From now on nobody is let in. */
  close(): void {
    this.#isClosed = true;
  }
}
