/**
 * `Router` leads a request to the function that answers it, and does what is the same for all: it checks
 * the method and the origin, and turns refusals into responses. It knows nothing of rooms, except that
 * a path may name one.
 *
 * @module
 */
import type { ApiKeys } from "../access/api_keys.ts";
import type { Source } from "../access/source.ts";
import { type Log, reason } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { parseName } from "../protocol/names.ts";
import { Refusal } from "../protocol/refusal.ts";
import { parseReaction, parseSeq, parseUserId } from "../protocol/requests.ts";
import type { PeerInfo } from "./client_address.ts";
import type { Origins } from "./origins.ts";
import { requestIdOf } from "./request_log.ts";
import { HttpError, problem, problemOf } from "./responses.ts";

/** A request and what was read from it. */
export interface Call {
  readonly request: Request;
  readonly info: PeerInfo;
  readonly query: URLSearchParams;
  /** The address that the request comes from, and its limits. The application has none. */
  readonly source: Source;
  /** Whether the request has an API key: then the application itself asks, and may do everything. */
  readonly isApplication: boolean;
  /** Whether the page that sent the request may act with its user's cookies. */
  readonly showsCookies: () => boolean;
  /** The room that the path names, or `""` if it names none. */
  readonly room: string;
  /** The id of the user that the path names, or `""` if it names none. */
  readonly userId: string;
  /** The message that the path names, or 0 if it names none. */
  readonly seq: number;
  /** The reaction that the path names, or `""` if it names none. */
  readonly reaction: string;
}

/** Answers a request. A `Refusal` or an `HttpError` that it throws becomes the response. */
export type Handler = (call: Call) => Response | Promise<Response>;

/** A path, and the function for each of its methods. */
export interface Route {
  readonly pattern: URLPattern;
  readonly handlers: ReadonlyMap<string, Handler>;
}

/** The functions of a path, by method. */
export type Methods = { readonly [M in "GET" | "POST" | "PUT" | "PATCH" | "DELETE"]?: Handler };

/** Returns a route. `HEAD` is answered by the handler of `GET`. */
export function route(pathname: string, methods: Methods): Route {
  const handlers = new Map<string, Handler>();
  for (const [method, handler] of Object.entries(methods)) {
    handlers.set(method, handler);
    if (method === "GET") handlers.set("HEAD", handler);
  }
  return { pattern: new URLPattern({ pathname }), handlers };
}

/** The methods of what can only be read. */
export const READ_METHODS: readonly string[] = ["GET", "HEAD"];
/**
 * Characters of the longest path that is matched: a room's name has 64 and the id of a user 128, each at
 * most 12 when it is percent-encoded. `URLPattern` caches the last 4,096 paths, however long they are.
 */
const MAX_PATH = 2560;
/** How long a browser may remember the answer to a preflight, in seconds. */
const PREFLIGHT_SECONDS = 600;

/** What a {@linkcode Router} is made of. */
export interface RouterParts {
  readonly routes: readonly Route[];
  readonly origins: Origins;
  readonly apiKeys: ApiKeys;
  readonly log: Log;
  readonly metrics: Metrics;
  sourceOf(request: Request, info: PeerInfo): Source;
}

export class Router {
  readonly #parts: RouterParts;

  constructor(parts: RouterParts) {
    this.#parts = parts;
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
    const { routes, origins, apiKeys } = this.#parts;
    for (const { pattern, handlers } of routes) {
      const match = pattern.exec({ pathname });
      if (match === null) continue;
      const { room, id, seq, reaction } = match.pathname.groups;
      return this.#answer(request, handlers, () => {
        const source = this.#parts.sourceOf(request, info);
        const isApplication = apiKeys.accepts(request);
        return {
          request,
          info,
          query,
          source: isApplication ? source.withoutLimits() : source,
          isApplication,
          showsCookies: () => origins.trusts(request),
          room: room === undefined ? "" : parseName("room", decode(room)),
          userId: id === undefined ? "" : parseUserId("id", decode(id)),
          seq: seq === undefined ? 0 : parseSeq("seq", seq),
          reaction: reaction === undefined ? "" : parseReaction("reaction", decode(reaction)),
        };
      });
    }
    return undefined;
  }

  async #answer(
    request: Request,
    handlers: Route["handlers"],
    parse: () => Call,
  ): Promise<Response> {
    const { origins } = this.#parts;
    const refused = origins.refuseOrigin(request);
    if (refused !== undefined) return refused;
    const { method } = request;
    const handler = handlers.get(method);
    if (handler === undefined) {
      return origins.share(request, answerOtherMethod(request, [...handlers.keys()]));
    }
    let response: Response;
    try {
      response = await handler(parse());
    } catch (thrown) {
      response = this.#refusalOf(thrown, request);
    }
    if (method === "HEAD") response = await withoutBody(response);
    return origins.share(request, response);
  }

  #refusalOf(thrown: unknown, asked: Request): Response {
    if (thrown instanceof Refusal) {
      this.#parts.metrics.countRefusal(thrown);
      return problemOf(thrown);
    }
    if (thrown instanceof HttpError) return problem(thrown.status, thrown.message);
    const request = requestIdOf(asked);
    this.#parts.log.error("request failed", { request, reason: reason(thrown) });
    const retryAfterMs = 1000;
    const sentence = `The request failed. The log says more under ${request}.`;
    return problemOf(new Refusal("unavailable", sentence, { retryAfterMs }));
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

/** Decodes a part of a path (RFC 3986 §2.1); `undefined` if it is half an escape, or not UTF-8. */
function decode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
