/**
 * One fetch handler with its routes, and the life of a server: it listens, drains and stops.
 *
 * @module
 */
import { COSTS } from "./access/allowances.ts";
import type { Source } from "./access/source.ts";
import type { Broker } from "./broker/broker.ts";
import { Batch } from "./broker/page.ts";
import type { Connection, ConnectionContext } from "./connections/connection.ts";
import { Heartbeat } from "./connections/heartbeat.ts";
import { DrainMonitor } from "./connections/drain_monitor.ts";
import { WebSocketConnection } from "./connections/web_socket.ts";
import { drained } from "./http/body.ts";
import { type Connect, Gate } from "./http/gate.ts";
import { Origins } from "./http/origin.ts";
import { problem, problemOf } from "./http/problem.ts";
import { restRoutes } from "./http/routes.ts";
import { otherThanGet, Router } from "./http/router.ts";
import type { StaticFiles } from "./http/static_files.ts";
import { asksForUpgrade, examine } from "./http/upgrade.ts";
import { Identity } from "./access/identity.ts";
import { Listener } from "./listener.ts";
import { harmless, type Log, reason } from "./log.ts";
import type { Options } from "./options.ts";
import { encode } from "./protocol/encode.ts";
import { Refusal } from "./protocol/refusal.ts";
import { type Authorize, Hub } from "./rooms/hub.ts";
import { within } from "./within.ts";

/** What a server is made of. */
export interface Parts {
  readonly options: Options;
  readonly broker: Broker;
  readonly files: StaticFiles;
  readonly log: Log;
  readonly authorize: Authorize;
}

/** How long a stop waits for commits, and then for peers to answer the close. */
const COMMIT_MS = 2000;
const GOODBYE_MS = 1500;
/** How long a check waits for a tick: a sound one comes in a few milliseconds. */
const TICK_MS = 2000;

export class Server implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #hub: Hub;
  readonly #heartbeat: Heartbeat;
  readonly #watch: DrainMonitor;
  readonly #origins: Origins;
  readonly #router: Router;
  readonly #gate: Gate;
  readonly #connections = new Set<Connection>();
  /** Where each socket comes from that is still there, also of connections that have ended for us. */
  readonly #sockets = new Map<Connection, Source>();
  /** Called when the last socket is gone. */
  #vacated = () => {};
  readonly #context: ConnectionContext;
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;

  constructor(given: Parts) {
    const parts = { ...given, log: harmless(given.log) };
    const { options, broker } = parts;
    const now = () => performance.now();
    this.#parts = parts;
    this.#hub = new Hub({ ...parts, identity: new Identity(broker.secret), now });
    this.#heartbeat = new Heartbeat(options.heartbeatSeconds);
    this.#watch = new DrainMonitor(options, now);
    this.#gate = new Gate(options, parts.log, now, this.#enter.bind(this));
    this.#context = {
      hub: this.#hub,
      drainMonitor: this.#watch,
      ended: (connection) => this.#ended(connection),
      released: (connection) => this.#released(connection),
    };
    this.#origins = new Origins(options, parts.log);
    this.#router = new Router(
      restRoutes(this.#hub, this.#gate),
      (request, info) => this.#gate.sourceOf(request, info),
      this.#origins,
      parts.log,
    );
  }

  /** Where it listens, such as `http://127.0.0.1:8080`; empty before `listen`. */
  get url(): string {
    if (this.#listener === undefined) return "";
    const { hostname, port } = this.#listener;
    const scheme = this.#parts.options.cert === "" ? "http" : "https";
    return `${scheme}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /** The port that it listens on; 0 before `listen`. */
  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /** Where the messages are, for people. */
  get place(): string {
    return this.#parts.broker.location;
  }

  /** Connections that are open. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Rooms that somebody is in. */
  get roomCount(): number {
    return this.#hub.rooms.size;
  }

  /**
   * Begins to listen where the options say.
   *
   * @throws {Deno.errors.AddrInUse} and what else the system or the certificate has against it.
   */
  listen(): void {
    const { host, port, cert, key, workers } = this.#parts.options;
    const tls = cert === ""
      ? undefined
      : { cert: Deno.readTextFileSync(cert), key: Deno.readTextFileSync(key) };
    this.#listener = new Listener({
      hostname: host,
      port,
      reusePort: workers > 1,
      tls,
      onError: (thrown) => this.#failed(thrown),
      handler: (request, info) => this.fetch(request, info),
    }, this.#parts.log);
  }

  /** Answers one request: what `Deno.serve` calls, and what an embedding program may call. */
  fetch = (request: Request, info: Deno.ServeHandlerInfo): Response | Promise<Response> => {
    try {
      return drained(request, this.#route(request, info));
    } catch (thrown) {
      return this.#failed(thrown);
    }
  };

  /**
   * Looks whether the server still does its work: whether its tick comes, and what it commits is kept.
   *
   * @throws {Error} if not. Then it is best to stop it and to start another.
   */
  async check(): Promise<void> {
    let ticked = false;
    await within(TICK_MS, this.#hub.ticked().then(() => ticked = true));
    if (!ticked) throw new Error("The tick has stopped.");
    await this.#parts.broker.check();
  }

  /** Says goodbye to all clients, commits what was accepted, and stops. May be called repeatedly. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #route(request: Request, info: Deno.ServeHandlerInfo): Response | Promise<Response> {
    const url = URL.parse(request.url);
    if (url === null) return problem(400, "The Host or the path is malformed.");
    const refused = this.#origins.misdirected(request, this.#listener?.hostname);
    if (refused !== undefined) return refused;
    const { pathname } = url;
    const isSocketPath = pathname === "/ws" && request.method !== "OPTIONS" ||
      pathname === "/" && asksForUpgrade(request);
    if (isSocketPath) return this.#upgrade(request, info);
    const answer = this.#router.answer(request, info, url);
    if (answer !== undefined) return answer;
    const otherwise = otherThanGet(request);
    if (otherwise !== undefined) return otherwise;
    if (pathname === "/healthz") return this.#health();
    return this.#parts.files.answer(request, pathname) ?? problem(404, "There is nothing here.");
  }

  #health(): Response {
    if (this.#stopping !== undefined) return problem(503, "The server is going down.");
    return new Response("ok\n", { headers: { "cache-control": "no-store" } });
  }

  #upgrade(request: Request, info: Deno.ServeHandlerInfo): Response {
    const { options } = this.#parts;
    const source = this.#gate.sourceOf(request, info);
    const admit = () => this.#gate.admit(source, COSTS.connection);
    const verdict = examine(request, this.#origins, admit);
    if (verdict instanceof Response) return verdict;
    const { protocol } = verdict;
    const { socket, response } = Deno.upgradeWebSocket(request, {
      idleTimeout: Math.ceil(options.heartbeatSeconds * 2),
    });
    // Its own option for this throws unless the offers are parted by a comma and exactly one space.
    if (protocol !== undefined) response.headers.set("sec-websocket-protocol", protocol);
    // Nothing from here on may throw: it would take the listener along.
    this.#gate.enter(
      source,
      (context) => new WebSocketConnection(socket, verdict, context, source),
    );
    return response;
  }

  /** Lets a connection in, and counts it until its peer has let go. */
  #enter<C extends Connection>(source: Source, connect: Connect<C>): C {
    const connection = connect(this.#context);
    this.#connections.add(connection);
    this.#heartbeat.add(connection);
    this.#sockets.set(connection, source);
    return connection;
  }

  #ended(connection: Connection): void {
    this.#connections.delete(connection);
    this.#heartbeat.delete(connection);
  }

  /** Not when it ended for us: a peer that ignores our close goes on holding a socket and a place. */
  #released(connection: Connection): void {
    const source = this.#sockets.get(connection);
    if (source === undefined) return;
    this.#sockets.delete(connection);
    this.#gate.leave(source);
    if (this.#sockets.size === 0) this.#vacated();
  }

  #failed(thrown: unknown): Response {
    // A connection that was not admitted, or an answer that we broke off ourselves, half-way.
    if (thrown instanceof Refusal) return problemOf(thrown);
    this.#parts.log.error("request failed", { reason: reason(thrown) });
    return problem(500, "The server failed to answer.");
  }

  async #stop(): Promise<void> {
    this.#gate.close();
    const failed = (thrown: unknown) =>
      this.#parts.log.error("stop failed", { reason: reason(thrown) });
    await within(COMMIT_MS, this.#hub.drain()).catch(failed);
    const { returnSeconds } = this.#parts.options;
    for (const connection of [...this.#connections]) {
      // Each its own moment, so that they do not all come back in the same one.
      const retryAfterMs = Math.round(500 + Math.random() * returnSeconds * 1000);
      const bye = encode({ type: "bye", payload: "The server is restarting.", retryAfterMs });
      connection.reply(Batch.of(bye));
      connection.close(1012);
    }
    if (this.#sockets.size > 0) {
      await within(GOODBYE_MS, new Promise<void>((resolve) => this.#vacated = resolve));
    }
    this.#heartbeat.stop();
    this.#watch.stop();
    this.#hub.close();
    await within(GOODBYE_MS, this.#listener?.shutdown()).catch(failed);
    await this.#parts.broker[Symbol.asyncDispose]();
  }
}
