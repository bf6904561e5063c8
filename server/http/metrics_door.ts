/**
 * `MetricsDoor` answers those who look after the server: `/healthz`, `/readyz` and the page at `/status`
 * everywhere, and the metrics without a key at `--metrics-port`.
 *
 * That port is on the loopback address alone, so whoever may run programs on this machine may ask there. It
 * answers to loopback names alone, or a web page could point a name of its own to it and read along.
 *
 * @module
 */
import { Listener } from "../listener.ts";
import type { Log } from "../log.ts";
import type { Monitor } from "../monitoring/monitor.ts";
import { TROUBLES } from "../monitoring/readiness.ts";
import { Refusal } from "../protocol/refusal.ts";
import { isLoopbackHost } from "./origins.ts";
import { json, problem, problemOf } from "./responses.ts";
import { answerOtherMethod, READ_METHODS } from "./router.ts";
import { metrics, statusEvents } from "./routes/get_metrics.ts";
import { StaticFiles } from "./static_files.ts";

/** The address of `--metrics-port`. */
export const METRICS_HOST = "127.0.0.1";
/** What the paths of the page begin with. */
const STATUS = /^\/status(?:\/|$)/;

export class MetricsDoor {
  readonly #monitor: Monitor;
  readonly #hasKeys: boolean;
  readonly #log: Log;
  /** The page's files are loaded when somebody opens it. */
  #page: Promise<StaticFiles> | undefined;
  #listener: Listener | undefined;

  /** @param hasKeys whether there are API keys: without one the page is of no use but at the own port. */
  constructor(monitor: Monitor, hasKeys: boolean, log: Log) {
    this.#monitor = monitor;
    this.#hasKeys = hasKeys;
    this.#log = log;
  }

  /** Listens on the loopback address. @throws {Deno.errors.AddrInUse} if the port is in use. */
  listen(port: number): void {
    this.#monitor.start();
    const onError = () => problem(500, "The server failed to answer.");
    const handler = (request: Request) => this.#answerLocal(request);
    const where = { hostname: METRICS_HOST, port, reusePort: false, tls: undefined };
    this.#listener = new Listener({ ...where, handler, onError }, this.#log);
  }

  async shutdown(): Promise<void> {
    await this.#listener?.shutdown();
  }

  /** Answers what everybody may ask for, if the path is of that kind. */
  answer(request: Request, path: string, url: URL): Response | Promise<Response> | undefined {
    if (path === "/healthz") {
      return new Response("ok\n", { headers: { "cache-control": "no-store" } });
    }
    if (path === "/readyz") return this.#readiness();
    return this.#hasKeys && STATUS.test(path) ? this.#statusPage(request, path, url) : undefined;
  }

  async #answerLocal(request: Request): Promise<Response> {
    const url = URL.parse(request.url);
    if (url === null || !isLoopbackHost(request)) {
      return problem(421, "Only loopback names are answered here.");
    }
    if (!READ_METHODS.includes(request.method)) return answerOtherMethod(request, READ_METHODS);
    const { pathname } = url;
    if (pathname === "/metrics") return await metrics(this.#monitor);
    if (pathname === "/status/events") return this.#watch(request);
    return await this.answer(request, pathname, url) ??
      await this.#statusPage(request, pathname, url);
  }

  #watch(request: Request): Response {
    try {
      return statusEvents(request, this.#monitor);
    } catch (thrown) {
      if (thrown instanceof Refusal) return problemOf(thrown);
      throw thrown;
    }
  }

  /** Says whether the server should get new clients, and if not why. */
  async #readiness(): Promise<Response> {
    const reason = await this.#monitor.readiness.trouble();
    if (reason === undefined) return json(200, JSON.stringify({ ready: true }));
    return json(503, JSON.stringify({ ready: false, reason, detail: TROUBLES[reason] }));
  }

  async #statusPage(request: Request, path: string, url: URL): Promise<Response> {
    this.#page ??= StaticFiles.loadStatus();
    return (await this.#page).answer(request, path, url) ?? problem(404, "There is nothing here.");
  }
}
