/**
 * `FrontDoor` decides what answers a request: an upgrade to a WebSocket, a route, the page, or a refusal.
 *
 * @module
 */
import { type Source, Sources } from "./access/source.ts";
import { stripBasePath } from "./http/base_path.ts";
import { clientAddress, type PeerInfo } from "./http/client_address.ts";
import type { MetricsDoor } from "./http/metrics_door.ts";
import type { Origins } from "./http/origins.ts";
import { problem } from "./http/responses.ts";
import { answerOtherMethod, READ_METHODS, Router, type RouterParts } from "./http/router.ts";
import type { StaticFiles } from "./http/static_files.ts";
import { asksForUpgrade } from "./http/upgrade.ts";
import type { Options } from "./options.ts";
import type { Upgrader } from "./upgrader.ts";

/** What a front door leads to. */
export interface FrontDoorParts extends Omit<RouterParts, "sourceOf"> {
  readonly options: Options;
  readonly now: () => number;
  readonly origins: Origins;
  readonly upgrader: Upgrader;
  readonly metricsDoor: MetricsDoor;
  /** The page. */
  readonly files: StaticFiles | undefined;
}

export class FrontDoor {
  readonly #parts: FrontDoorParts;
  readonly #sources: Sources;
  readonly #router: Router;

  constructor(parts: FrontDoorParts) {
    this.#parts = parts;
    this.#sources = new Sources(parts.options, parts.log, parts.now);
    this.#router = new Router({ ...parts, sourceOf: this.#sourceOf.bind(this) });
  }

  /** @param hostname that the server listens on; undefined if another program listens. */
  answer(
    request: Request,
    info: PeerInfo,
    hostname: string | undefined,
  ): Response | Promise<Response> {
    const { options, origins, upgrader, metricsDoor, files } = this.#parts;
    const url = URL.parse(request.url);
    if (url === null) return problem(400, "The Host or the path is malformed.");
    const refused = origins.refuseHost(request, hostname);
    if (refused !== undefined) return refused;
    const { method } = request;
    const { basePath } = options;
    const path = stripBasePath(url.pathname, basePath);
    if (path === undefined) return problem(404, `Everything here is under ${basePath}/.`);
    const isSocketPath = path === "/ws" && method !== "OPTIONS" ||
      path === "/" && asksForUpgrade(request);
    if (isSocketPath) return upgrader.upgrade(request, this.#sourceOf(request, info));
    const answer = this.#router.answer(request, info, path, url.searchParams);
    if (answer !== undefined) return answer;
    if (!READ_METHODS.includes(method)) return answerOtherMethod(request, READ_METHODS);
    return metricsDoor.answer(request, path, url) ??
      files?.answer(request, path, url) ?? problem(404, "There is nothing here.");
  }

  #sourceOf(request: Request, info: PeerInfo): Source {
    const { address, unbelieved } = clientAddress(request, info, this.#parts.options.trustProxies);
    return this.#sources.of(address, unbelieved);
  }
}
