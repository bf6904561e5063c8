/**
 * The listening socket. The runtime gives it up when one `accept` fails, for example because the
 * process has no file descriptor left; connections that are open stay. So it is opened again on the
 * same port, again and again while that fails, until it is shut down.
 *
 * @module
 */
import { type Log, reason } from "./log.ts";

/** Where to listen, and what answers. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 for a port that the system chooses; that port is then kept. */
  readonly port: number;
  /** Whether other listeners share the port. */
  readonly reusePort: boolean;
  /** The certificate and its key, for TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly handler: Deno.ServeHandler<Deno.NetAddr>;
  readonly onError: (thrown: unknown) => Response;
}

/** How long to wait before it listens again. */
const AGAIN_MS = 200;
/** A listener that has lived for so long is back. */
const BACK_MS = 1000;
/** Listeners that were lost and may still have connections, which a shutdown ends. */
const MAX_LOST = 100;

export class Listener {
  readonly #options: ListenOptions;
  readonly #log: Log;
  /** The port that it has got. */
  readonly port: number;
  readonly #lost: Deno.HttpServer<Deno.NetAddr>[] = [];
  #server: Deno.HttpServer<Deno.NetAddr>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When it was lost; `undefined` while it listens. */
  #lostAt: number | undefined;
  #stopping = false;

  /**
   * Begins to listen.
   *
   * @throws {Deno.errors.AddrInUse} and what else the system or the certificate has against it.
   */
  constructor(options: ListenOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#server = this.#listen(options.port);
    this.port = this.#server.addr.port;
  }

  /** The address that it listens on. */
  get hostname(): string {
    return this.#server.addr.hostname;
  }

  /** Stops listening and closes what is still open. */
  async shutdown(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    await Promise.all([this.#server, ...this.#lost].map((server) => server.shutdown()));
  }

  #listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    const { hostname, reusePort, tls, handler, onError } = this.#options;
    const server = Deno.serve(
      { hostname, port, reusePort, ...tls, onListen: () => {}, onError },
      handler,
    );
    server.finished.catch((thrown) => {
      if (this.#lost.length < MAX_LOST) this.#lost.push(server);
      this.#lose(thrown);
    });
    return server;
  }

  #lose(thrown: unknown): void {
    if (this.#stopping) return;
    if (this.#lostAt === undefined) {
      this.#lostAt = performance.now();
      this.#log.warn("listener lost", { port: this.port, reason: reason(thrown) });
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#listenAgain(), AGAIN_MS);
  }

  #listenAgain(): void {
    try {
      this.#server = this.#listen(this.port);
    } catch (thrown) {
      return this.#lose(thrown);
    }
    this.#timer = setTimeout(() => {
      const seconds = Math.round((performance.now() - (this.#lostAt ?? 0)) / 1000);
      this.#lostAt = undefined;
      this.#log.info("listener back", { port: this.port, seconds });
    }, BACK_MS);
  }
}
