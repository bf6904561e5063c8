/**
 * `Router` leads a request to the function that answers it, and does what is the same for all: it checks
 * the method and the origin, and turns refusals into responses. It knows nothing of rooms, except that
 * a path may name one.
 *
 * @module
 */
import type { Source } from "../access/source.ts";
import { type Log, reason } from "../log.ts";
import { parseName } from "../protocol/names.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { PeerInfo } from "./client_address.ts";
import type { Origins } from "./origins.ts";
import { HttpError, problem, problemOf } from "./responses.ts";

/** A request and what was read from it. */
export interface Call {
  readonly request: Request;
  readonly info: PeerInfo;
  readonly query: URLSearchParams;
  /** The address that the request comes from, and its limits. */
  readonly source: Source;
  /** Whether the page that sent the request may act with its user's cookies. */
  readonly showsCookies: () => boolean;
  /** The room that the path names, or `""` if it names none. */
  readonly room: string;
}

/** Answers a request. A `Refusal` or an `HttpError` that it throws becomes the response. */
export type Handler = (call: Call) => Response | Promise<Response>;

/** A path, and the function for each of its methods. */
export interface Route {
  readonly pattern: URLPattern;
  readonly handlers: ReadonlyMap<string, Handler>;
}

/** Returns a route. `HEAD` is answered by the handler of `GET`. */
export function route(pathname: string, methods: { GET?: Handler; POST?: Handler }): Route {
  const handlers = new Map<string, Handler>();
  const { GET, POST } = methods;
  if (GET !== undefined) handlers.set("GET", GET).set("HEAD", GET);
  if (POST !== undefined) handlers.set("POST", POST);
  return { pattern: new URLPattern({ pathname }), handlers };
}

/**
 * Characters of the longest path that is matched: a room's name has 64, each at most 12 when it is
 * percent-encoded. `URLPattern` caches the last 4,096 paths, however long they are.
 */
const MAX_PATH = 1024;
/** How long a browser may remember the answer to a preflight, in seconds. */
const PREFLIGHT_SECONDS = 600;

type SourceOf = (request: Request, info: PeerInfo) => Source;

export class Router {
  readonly #routes: readonly Route[];
  readonly #sourceOf: SourceOf;
  readonly #origins: Origins;
  readonly #log: Log;

  constructor(routes: readonly Route[], sourceOf: SourceOf, origins: Origins, log: Log) {
    this.#routes = routes;
    this.#sourceOf = sourceOf;
    this.#origins = origins;
    this.#log = log;
  }

  /**
   * Answers a request.
   *
   * @param pathname the path without the base path.
   * @returns `undefined` if no route has the path.
   */
  answer(
    request: Request,
    info: PeerInfo,
    pathname: string,
    query: URLSearchParams,
  ): Response | Promise<Response> | undefined {
    if (pathname.length > MAX_PATH) return problem(414, "The path is longer than any path here.");
    for (const { pattern, handlers } of this.#routes) {
      const match = pattern.exec({ pathname });
      if (match === null) continue;
      const { room } = match.pathname.groups;
      return this.#answer(request, handlers, () => ({
        request,
        info,
        query,
        source: this.#sourceOf(request, info),
        showsCookies: () => this.#origins.trusts(request),
        room: room === undefined ? "" : decodeRoom(room),
      }));
    }
    return undefined;
  }

  async #answer(
    request: Request,
    handlers: Route["handlers"],
    parse: () => Call,
  ): Promise<Response> {
    const refused = this.#origins.refuseOrigin(request);
    if (refused !== undefined) return refused;
    const { method } = request;
    const handler = handlers.get(method);
    if (handler === undefined) {
      return this.#origins.share(request, answerOtherMethod(request, [...handlers.keys()]));
    }
    let response: Response;
    try {
      response = await handler(parse());
    } catch (thrown) {
      response = this.#refusalOf(thrown);
    }
    if (method === "HEAD") response = await withoutBody(response);
    return this.#origins.share(request, response);
  }

  #refusalOf(thrown: unknown): Response {
    if (thrown instanceof Refusal) return problemOf(thrown);
    if (thrown instanceof HttpError) return problem(thrown.status, thrown.message);
    this.#log.error("request failed", { reason: reason(thrown) });
    const retryAfterMs = 1000;
    return problemOf(new Refusal("unavailable", "The request failed.", { retryAfterMs }));
  }
}

/**
 * Answers a request whose method is not among these: `OPTIONS` with what may be done (RFC 9110 §9.3.7)
 * and with what a page may do that asks first, any other with 405.
 */
export function answerOtherMethod(
  { method, headers: asked }: Request,
  methods: readonly string[],
): Response {
  const allow = [...methods, "OPTIONS"].join(", ");
  if (method !== "OPTIONS") return problem(405, `The methods here are ${allow}.`, { allow });
  const headers = new Headers({ allow });
  if (asked.has("access-control-request-method")) {
    headers.set("access-control-allow-methods", allow);
    headers.set("access-control-allow-headers", "authorization, content-type, last-event-id");
    headers.set("access-control-max-age", String(PREFLIGHT_SECONDS));
  }
  return new Response(null, { status: 204, headers });
}

/** Returns a response without its body (RFC 9110 §9.3.2), but with the length of it. */
async function withoutBody(response: Response): Promise<Response> {
  const head = new Response(null, response);
  if (response.body !== null) {
    const { byteLength } = await response.arrayBuffer();
    head.headers.set("content-length", String(byteLength));
  }
  return head;
}

/** Returns the room that a path holds percent-encoded (RFC 3986 §2.1). */
function decodeRoom(encoded: string): string {
  let name: string | undefined;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    // Half an escape, or bytes that are not UTF-8: `parseName` refuses `undefined`.
  }
  return parseName("room", name);
}
