/**
 * `Listener` is the listening socket. It is opened again when it is lost, and with another certificate when
 * that is renewed. Deno gives up listening when one `accept` fails, for example because the process has no
 * file descriptor left; open connections stay. So we listen again on the same port, and try that until it
 * works or the listener is shut down.
 *
 * @module
 */
import type { Certificate } from "./certificate.ts";
import { type Log, reason } from "./log.ts";

/** Where to listen, and who answers. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 lets the system choose a port, which is then kept. */
  readonly port: number;
  /** Whether other threads listen on the same port. */
  readonly reusePort: boolean;
  /** For TLS. */
  readonly tls: Certificate | undefined;
  readonly handler: Deno.ServeHandler<Deno.NetAddr>;
  readonly onError: (thrown: unknown) => Response;
}

/** How long to wait before listening again. */
const RETRY_MS = 200;
/** How long a listener must last before it counts as back. */
const STABLE_MS = 1000;
/** How long to wait before trying again to open the port that the older listener is closing. */
const REBIND_MS = 1;
const MAX_REBINDS = 100;
/** How many lost listeners are kept: a shutdown ends the connections that they still have. */
const MAX_LOST = 100;

export class Listener {
  readonly #options: ListenOptions;
  readonly #log: Log;
  /** The port that it listens on. */
  readonly port: number;
  readonly #lost: Deno.HttpServer<Deno.NetAddr>[] = [];
  /** Those with an older certificate, until their last connection has ended. */
  readonly #retired = new Set<Deno.HttpServer<Deno.NetAddr>>();
  #tls: Certificate | undefined;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the listener was lost; `undefined` while it works. */
  #lostAt: number | undefined;
  #isStopping = false;

  /**
   * Begins to listen.
   *
   * @throws {Deno.errors.AddrInUse} and other errors of the system, or of the certificate.
   */
  constructor(options: ListenOptions, log: Log) {
    this.#options = options;
    this.#tls = options.tls;
    this.#log = log;
    this.#server = this.#listen(options.port);
    this.port = this.#server.addr.port;
  }

  /** The address that it listens on. */
  get hostname(): string {
    return this.#server.addr.hostname;
  }

  /** The URL without a path, such as `http://127.0.0.1:8080`. */
  get origin(): string {
    const { hostname, port } = this;
    const scheme = this.#options.tls === undefined ? "http" : "https";
    return `${scheme}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /**
   * Listens with another certificate. Deno cannot exchange it, so the port is closed and opened again, which
   * takes a few milliseconds. Without `reusePort` it cannot be open twice: if it could, a second program
   * would share it unnoticed.
   *
   * All WebSockets are closed with 1001, also those that have come since their clients were sent away.
   * Other requests go on to their end.
   *
   * @param tls a certificate and a key that belong together.
   */
  async renew(tls: Certificate): Promise<void> {
    if (this.#isStopping) return;
    this.#tls = tls;
    clearTimeout(this.#timer);
    this.#lostAt = undefined;
    const old = this.#server;
    this.#retired.add(old);
    void old.shutdown().finally(() => this.#retired.delete(old));
    for (let attempt = 1;; attempt++) {
      try {
        this.#server = this.#listen(this.port);
        return;
      } catch (thrown) {
        if (attempt === MAX_REBINDS) return this.#listenLater(thrown);
      }
      await new Promise((resolve) => setTimeout(resolve, REBIND_MS));
      if (this.#isStopping) return;
    }
  }

  /** Stops listening and closes what is still open. */
  async shutdown(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const servers = [this.#server, ...this.#lost, ...this.#retired];
    await Promise.all(servers.map((server) => server.shutdown()));
  }

  #listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    const { hostname, reusePort, handler, onError } = this.#options;
    const server = Deno.serve(
      { hostname, port, reusePort, ...this.#tls, onListen: () => {}, onError },
      handler,
    );
    server.finished.catch((thrown) => {
      if (server !== this.#server) return; // another certificate has taken its place
      if (this.#lost.length < MAX_LOST) this.#lost.push(server);
      this.#listenLater(thrown);
    });
    return server;
  }

  #listenLater(thrown: unknown): void {
    if (this.#isStopping) return;
    if (this.#lostAt === undefined) {
      this.#lostAt = performance.now();
      this.#log.warn("listener lost", { port: this.port, reason: reason(thrown) });
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#listenAgain(), RETRY_MS);
  }

  #listenAgain(): void {
    try {
      this.#server = this.#listen(this.port);
    } catch (thrown) {
      return this.#listenLater(thrown);
    }
    this.#timer = setTimeout(() => {
      const seconds = Math.round((performance.now() - (this.#lostAt ?? 0)) / 1000);
      this.#lostAt = undefined;
      this.#log.info("listener back", { port: this.port, seconds });
    }, STABLE_MS);
  }
}
