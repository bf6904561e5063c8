/**
 * `Server` answers requests: it upgrades WebSockets, leads HTTP requests to their routes, and serves the
 * page. It listens, and stops without losing a message that was accepted.
 *
 * @module
 */
import { COSTS } from "./access/allowances.ts";
import { ApiKeys } from "./access/api_keys.ts";
import { Rules } from "./access/rules.ts";
import { type Source, Sources } from "./access/source.ts";
import type { Broker } from "./broker/broker.ts";
import { OpenConnections } from "./connections/open_connections.ts";
import { WebSocketConnection } from "./connections/web_socket.ts";
import { settleWithin } from "./deadline.ts";
import { stripBasePath } from "./http/base_path.ts";
import { clientAddress, type PeerInfo } from "./http/client_address.ts";
import { drainBody } from "./http/drain_body.ts";
import { Origins } from "./http/origins.ts";
import { problem, problemOf } from "./http/responses.ts";
import { answerOtherMethod, Router } from "./http/router.ts";
import { routesOf } from "./http/routes.ts";
import type { StaticFiles } from "./http/static_files.ts";
import { asksForUpgrade, checkHandshake } from "./http/upgrade.ts";
import { Listener } from "./listener.ts";
import { type Log, reason, withoutThrowing } from "./log.ts";
import { Moderation } from "./moderation.ts";
import type { Options } from "./options.ts";
import { Refusal } from "./protocol/refusal.ts";
import { Hub } from "./rooms/hub.ts";
import type { ServerParts } from "./server_parts.ts";
import { startWebhook, type Webhook } from "./webhooks/webhook.ts";

/** How long a stop waits for the last commits. */
const COMMIT_MS = 2000;
/** How long a stop waits for peers to answer the close, and then for the listener. */
const GOODBYE_MS = 1500;
/** How long `check` waits for a tick, which takes a few milliseconds. */
const TICK_MS = 2000;
/** The methods of what can only be read. */
const READ_METHODS = ["GET", "HEAD"];

/**
 * A `Server` is one node: it has rooms, connections to them, and one broker. `createServer` makes it.
 * Call `listen()`, or pass requests to `fetch`; dispose of it or call `stop()` at the end.
 */
export class Server extends Moderation implements AsyncDisposable {
  readonly #options: Options;
  readonly #broker: Broker;
  readonly #files: StaticFiles | undefined;
  readonly #log: Log;
  readonly #hub: Hub;
  readonly #sources: Sources;
  readonly #connections: OpenConnections;
  readonly #origins: Origins;
  readonly #router: Router;
  readonly #webhook: Webhook | undefined;
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;

  /** Makes a server of its parts. Programs call `createServer`. */
  constructor(parts: ServerParts) {
    const { options, broker, files, rules = new Rules(), application, verifier } = parts;
    const { apiKeys = new ApiKeys() } = parts;
    const log = withoutThrowing(parts.log);
    const now = () => performance.now();
    const hub = new Hub({ options, rules, broker, log, now, application, verifier });
    super(hub);
    this.#hub = hub;
    this.#options = options;
    this.#broker = broker;
    this.#files = files;
    this.#log = log;
    this.#sources = new Sources(options, log, now);
    this.#connections = new OpenConnections(hub, options, now);
    this.#origins = new Origins(options, log);
    const routes = routesOf(hub, this.#connections, options.basePath);
    const sourceOf = this.#sourceOf.bind(this);
    this.#router = new Router({ routes, origins: this.#origins, apiKeys, log, sourceOf });
    this.#webhook = startWebhook(options.webhook, broker.journal, parts.webhookKeys, log);
  }

  /** The URL that it is at, with its base path, such as `http://127.0.0.1:8080`; `""` before `listen()`. */
  get url(): string {
    if (this.#listener === undefined) return "";
    return this.#listener.origin + this.#options.basePath;
  }

  /** The TCP port that it listens on. It is 0 before `listen()`. */
  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /** Where the messages are stored, as text for people: a path, `memory`, or a Redis and its address. */
  get location(): string {
    return this.#broker.location;
  }

  /** The number of WebSockets and event streams that are open on this node. */
  get connectionCount(): number {
    return this.#connections.count;
  }

  /** The number of rooms that have members on this node. */
  get roomCount(): number {
    return this.#hub.rooms.size;
  }

  /**
   * Begins to listen on the host and port of the options, with TLS if they name a certificate. If the
   * listener fails later, it is opened again on the same port.
   *
   * @param how with `reusePort`, other threads and processes may listen on the same port. Deno ends the
   * program then, unless its `deno.json` has `"unstable": ["net"]`.
   * @throws {Deno.errors.AddrInUse} if the port is in use.
   * @throws {Deno.errors.PermissionDenied} if the process may not listen on the port.
   * @throws {Deno.errors.NotFound} if the file of the certificate or its key does not exist.
   * @throws {Deno.errors.InvalidData} if the certificate and the key cannot be used.
   */
  listen({ reusePort = false }: { readonly reusePort?: boolean } = {}): void {
    const { host, port, cert, key } = this.#options;
    const tls = cert === ""
      ? undefined
      : { cert: Deno.readTextFileSync(cert), key: Deno.readTextFileSync(key) };
    this.#listener = new Listener({
      hostname: host,
      port,
      reusePort,
      tls,
      handler: this.fetch,
      onError: (thrown) => this.#errorResponse(thrown),
    }, this.#log);
  }

  /**
   * Answers one request, as `Deno.serve` calls it. A program that listens itself may pass on the requests
   * that are for the server. It must pass on the request that it got: Deno upgrades no other to a
   * WebSocket (RFC 6455 §4.2). So a path before the server's own is not cut off, but named by the option
   * `basePath`.
   *
   * Errors are responses of the type `application/problem+json` (RFC 9457). It never throws.
   *
   * @param request a request whose path begins with the base path, such as `/rooms/lobby/messages`.
   * @param info the peer's address, and when the response was sent. All requests without an address
   * share the limits of one, unless `trustProxies` says where it is to be found.
   */
  fetch = (request: Request, info: PeerInfo = {}): Response | Promise<Response> => {
    try {
      return drainBody(request, this.#answer(request, info));
    } catch (thrown) {
      return this.#errorResponse(thrown);
    }
  };

  /**
   * Checks that the server still works: that its tick comes within 2 seconds, and that what it commits is
   * kept.
   *
   * @throws {Error} if it does not. Then stop it and start another.
   */
  async check(): Promise<void> {
    let hasTicked = false;
    await settleWithin(TICK_MS, this.#hub.tick.next().then(() => hasTicked = true));
    if (!hasTicked) throw new Error(`No tick came within ${TICK_MS} ms.`);
    await this.#broker.check();
  }

  /**
   * Commits what was accepted, sends `bye` to all clients, closes their connections with 1012, and ends
   * the broker. It takes at most about 5 seconds. Every call returns the same promise.
   */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** Stops the server, as `stop()` does, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #answer(request: Request, info: PeerInfo): Response | Promise<Response> {
    const url = URL.parse(request.url);
    if (url === null) return problem(400, "The Host or the path is malformed.");
    const refused = this.#origins.refuseHost(request, this.#listener?.hostname);
    if (refused !== undefined) return refused;
    const { method } = request;
    const { basePath } = this.#options;
    const path = stripBasePath(url.pathname, basePath);
    if (path === undefined) return problem(404, `Everything here is under ${basePath}/.`);
    const isSocketPath = path === "/ws" && method !== "OPTIONS" ||
      path === "/" && asksForUpgrade(request);
    if (isSocketPath) return this.#upgrade(request, info);
    const answer = this.#router.answer(request, info, path, url.searchParams);
    if (answer !== undefined) return answer;
    if (!READ_METHODS.includes(method)) return answerOtherMethod(request, READ_METHODS);
    if (path === "/healthz") return this.#health();
    return this.#files?.answer(request, path, url) ?? problem(404, "There is nothing here.");
  }

  #health(): Response {
    if (this.#stopping !== undefined) return problem(503, "The server is going down.");
    return new Response("ok\n", { headers: { "cache-control": "no-store" } });
  }

  #upgrade(request: Request, info: PeerInfo): Response {
    const source = this.#sourceOf(request, info);
    const admit = () => this.#connections.admit(source, COSTS.connection);
    const handshake = checkHandshake(request, this.#origins, admit);
    if (handshake instanceof Response) return handshake;
    const { protocol } = handshake;
    const view = this.#hub.authenticator.viewOf(request, () => this.#origins.trusts(request));
    const { socket, response } = Deno.upgradeWebSocket(request, {
      idleTimeout: Math.ceil(this.#options.heartbeatSeconds * 2),
    });
    // The runtime's option `protocol` throws unless the offer is separated by exactly a comma and a space.
    if (protocol !== undefined) response.headers.set("sec-websocket-protocol", protocol);
    // A throw after the upgrade would close the whole listener: nothing from here on may throw.
    this.#connections.open(
      source,
      (context) => new WebSocketConnection(socket, handshake, context, source, view),
    );
    return response;
  }

  #sourceOf(request: Request, info: PeerInfo): Source {
    const { address, unbelieved } = clientAddress(request, info, this.#options.trustProxies);
    return this.#sources.of(address, unbelieved);
  }

  #errorResponse(thrown: unknown): Response {
    if (thrown instanceof Refusal) return problemOf(thrown);
    this.#log.error("request failed", { reason: reason(thrown) });
    return problem(500, "The server failed to answer.");
  }

  async #stop(): Promise<void> {
    const logFailure = (thrown: unknown) =>
      this.#log.error("stop failed", { reason: reason(thrown) });
    this.#connections.close();
    const committed = this.#hub.tick.drain().then(() => {
      this.#hub.tellGathered();
      return this.#hub.marks.stop();
    });
    await settleWithin(COMMIT_MS, committed).catch(logFailure);
    await Promise.all([this.#connections.sayGoodbye(GOODBYE_MS), this.#webhook?.stop()]);
    this.#hub.close();
    await settleWithin(GOODBYE_MS, this.#listener?.shutdown()).catch(logFailure);
    await this.#broker[Symbol.asyncDispose]();
  }
}
