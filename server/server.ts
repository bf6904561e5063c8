/**
 * `Server` puts the parts of a node together and passes requests to its front door. It listens, and stops
 * without losing a message that was accepted.
 *
 * @module
 */
import { readCertificate } from "./certificate.ts";
import { ApiKeys } from "./access/api_keys.ts";
import { Rules } from "./access/rules.ts";
import type { Broker } from "./broker/broker.ts";
import { OpenConnections } from "./connections/open_connections.ts";
import { settleWithin } from "./deadline.ts";
import { FrontDoor } from "./front_door.ts";
import type { PeerInfo } from "./http/client_address.ts";
import { drainBody } from "./http/drain_body.ts";
import { MetricsDoor } from "./http/metrics_door.ts";
import { Origins } from "./http/origins.ts";
import { answerFailure, logRequest } from "./http/request_log.ts";
import { routesOf } from "./http/routes.ts";
import { Listener } from "./listener.ts";
import { type Log, reason, withoutThrowing } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { Moderation } from "./moderation.ts";
import { Monitor } from "./monitoring/monitor.ts";
import type { Options } from "./options.ts";
import { renewCertificate } from "./renew_certificate.ts";
import { Hub } from "./rooms/hub.ts";
import type { ServerParts } from "./server_parts.ts";
import { Upgrader } from "./upgrader.ts";
import { startWebhook, type Webhook } from "./webhooks/webhook.ts";

/** Returns the monitor of a server. For the program alone, which has a server in each of its threads. */
export let monitorOf: (server: Server) => Monitor;

/** How long a stop waits for the last commits before it sends the clients away. */
const COMMIT_MS = 2000;
/** How long a stop waits for peers to answer the close, and then for the listener. */
const GOODBYE_MS = 1500;
/** How long `check` waits for a tick, which takes a few milliseconds. */
const TICK_MS = 2000;

/**
 * A `Server` is one node: it has rooms, connections to them, and one broker. `createServer` makes it.
 * Call `listen()`, or pass requests to `fetch`; dispose of it or call `stop()` at the end.
 */
export class Server extends Moderation implements AsyncDisposable {
  readonly #options: Options;
  readonly #broker: Broker;
  readonly #storing: AsyncDisposable | undefined;
  readonly #log: Log;
  readonly #hub: Hub;
  readonly #connections: OpenConnections;
  readonly #frontDoor: FrontDoor;
  readonly #monitor: Monitor;
  readonly #metricsDoor: MetricsDoor;
  readonly #webhook: Webhook | undefined;
  #listener: Listener | undefined;
  #renewing = Promise.resolve();
  #stopping: Promise<void> | undefined;

  /** Makes a server of its parts. Programs call `createServer`. */
  constructor(parts: ServerParts) {
    const { options, broker, files, rules = new Rules(), application, verifier } = parts;
    const { apiKeys = new ApiKeys(), metrics = new Metrics() } = parts;
    const log = withoutThrowing(parts.log);
    const now = () => performance.now();
    const hub = new Hub({ options, rules, broker, log, metrics, now, application, verifier });
    super(hub);
    this.#hub = hub;
    this.#options = options;
    this.#broker = broker;
    this.#storing = parts.storing;
    this.#log = log;
    this.#connections = new OpenConnections(hub, options, now);
    const webhookLag = () => this.#webhook?.lagSeconds;
    this.#monitor = new Monitor(hub, this.#connections, { webhookLag });
    this.#metricsDoor = new MetricsDoor(this.#monitor, !apiKeys.isEmpty, log);
    if (!apiKeys.isEmpty) this.#monitor.start();
    const routes = routesOf(hub, this.#connections, options.basePath, this.#monitor);
    const origins = new Origins(options, log);
    const upgrader = new Upgrader(hub, this.#connections, origins);
    this.#frontDoor = new FrontDoor({
      ...{ options, files, log, metrics, now, routes, origins, upgrader, apiKeys },
      metricsDoor: this.#metricsDoor,
    });
    this.#webhook = startWebhook(options.webhook, broker.journal, parts.webhookKeys, log, metrics);
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
   * @throws {Error} if the server listens already, or was stopped.
   * @throws {Deno.errors.AddrInUse} if the port is in use.
   * @throws {Deno.errors.PermissionDenied} if the process may not listen on the port.
   * @throws {Deno.errors.NotFound} if the file of the certificate or its key does not exist.
   * @throws {Deno.errors.InvalidData} if the certificate and the key cannot be used.
   */
  listen({ reusePort = false }: { readonly reusePort?: boolean } = {}): void {
    if (this.#listener !== undefined) throw new Error("The server listens already.");
    if (this.#stopping !== undefined) throw new Error("The server was stopped.");
    const { host, port, metricsPort, cert } = this.#options;
    this.#listener = new Listener({
      hostname: host,
      port,
      reusePort,
      tls: cert === "" ? undefined : readCertificate(this.#options),
      handler: this.fetch,
      onError: (thrown) => answerFailure(this.#log, this.#monitor.metrics, thrown),
    }, this.#log);
    if (metricsPort > 0) this.#metricsDoor.listen(metricsPort);
  }

  /**
   * Serves with the certificate and key that the files hold now. Deno closes WebSockets with the listener
   * that took them, so all clients are sent away with `bye` and come back as after a restart. If the files
   * cannot be used, that is logged and nothing changes. Renewals wait for each other.
   */
  async renewCertificate(): Promise<void> {
    const listener = this.#listener;
    if (listener === undefined) return;
    await (this.#renewing = this.#renewing.then(() =>
      renewCertificate(listener, this.#connections, this.#options, this.#log)
    ));
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
      const found = this.#frontDoor.answer(request, info, this.#listener?.hostname);
      const answer = drainBody(request, found);
      if (this.#log.debug !== undefined) void logRequest(this.#log, request, answer);
      return answer instanceof Promise ? answer.then(this.#count) : this.#count(answer);
    } catch (thrown) {
      return this.#count(answerFailure(this.#log, this.#monitor.metrics, thrown, request));
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
   * Says at `/readyz` from now on that the server is about to stop. Nothing else changes: balancers that
   * ask there send new clients elsewhere, and {@linkcode Server.stop} follows when they have had the time.
   */
  drain(): void {
    this.#monitor.readiness.end("draining");
  }

  /** Returns the metrics as text for Prometheus, as `GET /metrics` does. */
  metrics(): Promise<string> {
    return this.#monitor.prometheus();
  }

  /**
   * Commits what was accepted, sends `bye` to all clients, closes their connections with 1012, and ends
   * the broker. It takes at most about 5 seconds, and longer where the disk does. Every call returns the
   * same promise.
   */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** Stops the server, as `stop()` does, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #count = (response: Response): Response => {
    this.#monitor.metrics.countResponse(response.status);
    return response;
  };

  static {
    monitorOf = (server) => server.#monitor;
  }

  async #stop(): Promise<void> {
    const logFailure = (thrown: unknown) =>
      this.#log.error("stop failed", { reason: reason(thrown) });
    this.#monitor.readiness.end("stopping");
    this.#connections.close();
    const committed = this.#hub.tick.drain().then(() => {
      this.#hub.tellGathered();
      return this.#hub.marks.stop();
    }).catch(logFailure);
    await settleWithin(COMMIT_MS, committed);
    void this.#broker.members?.end?.(); // or it would report that those who are sent away have left
    await Promise.all([this.#connections.sayGoodbye(GOODBYE_MS), this.#webhook?.stop()]);
    // Those who come now are refused at once, and a balancer tries another node. Requests in flight are answered.
    const shutdowns = [this.#listener?.shutdown(), this.#metricsDoor.shutdown()];
    const closed = Promise.all(shutdowns).catch(logFailure);
    // However slow the disk is: a broker that is closed refuses commits and read marks.
    if (this.#broker.commitsElsewhere) await committed;
    this.#hub.close();
    this.#monitor.close();
    await settleWithin(GOODBYE_MS, closed);
    await this.#broker[Symbol.asyncDispose]();
    await this.#storing?.[Symbol.asyncDispose]();
  }
}
