/**
 * `Listener` is the listening socket, which is opened again when it is lost. Deno gives up listening when one
 * `accept` fails, for example because the process has no file descriptor left; open connections stay.
 * So we listen again on the same port, and try that until it works or the listener is shut down.
 *
 * @module
 */
import { type Log, reason } from "./log.ts";

/** Where to listen, and who answers. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 lets the system choose a port, which is then kept. */
  readonly port: number;
  /** Whether other threads listen on the same port. */
  readonly reusePort: boolean;
  /** The certificate chain and its private key in PEM, for TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly handler: Deno.ServeHandler<Deno.NetAddr>;
  readonly onError: (thrown: unknown) => Response;
}

/** How long to wait before listening again. */
const RETRY_MS = 200;
/** How long a listener must last before it counts as back. */
const STABLE_MS = 1000;
/** How many lost listeners are kept: a shutdown ends the connections that they still have. */
const MAX_LOST = 100;

export class Listener {
  readonly #options: ListenOptions;
  readonly #log: Log;
  /** The port that it listens on. */
  readonly port: number;
  readonly #lost: Deno.HttpServer<Deno.NetAddr>[] = [];
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

  /** Stops listening and closes what is still open. */
  async shutdown(): Promise<void> {
    this.#isStopping = true;
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
