/**
 * From a request to the one function that answers it, and all that is the same for every answer:
 * which methods there are, whose pages may ask, and refusals in the wire's own terms. It knows
 * nothing of rooms but that a path may name one.
 *
 * @module
 */
import type { Source } from "../access/source.ts";
import { type Log, reason } from "../log.ts";
import { parseName } from "../protocol/names.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Origins } from "./origin.ts";
import { HttpError, problem, problemOf } from "./problem.ts";

/** A request, taken apart. */
export interface Call {
  readonly request: Request;
  readonly info: Deno.ServeHandlerInfo;
  readonly query: URLSearchParams;
  /** Where it comes from, and so whose limits it uses. */
  readonly source: Source;
  /** The room that the path names; empty if it names none. */
  readonly room: string;
}

/** @throws {Refusal} which becomes the answer. */
export type Handler = (call: Call) => Response | Promise<Response>;

type SourceOf = (request: Request, info: Deno.ServeHandlerInfo) => Source;

/** What may be done with the things of one path. `GET` answers `HEAD` as well. */
export interface Route {
  readonly pattern: URLPattern;
  readonly methods: Readonly<Partial<Record<"GET" | "POST", Handler>>>;
}

/**
 * The longest path that is looked at: a room's name is 64 characters, each of at most 12 when it is
 * percent-encoded. `URLPattern` keeps the last 4,096 that it was asked about, whatever their length.
 */
const LONGEST_PATH = 1024;
/** How long a browser may remember what a preflight said, in seconds. */
const PREFLIGHT_SECONDS = 600;

export class Router {
  readonly #routes: readonly Route[];
  readonly #sourceOf: SourceOf;
  readonly #origins: Origins;
  readonly #log: Log;

  constructor(routes: readonly Route[], sourceOf: SourceOf, origins: Origins, log: Log) {
    this.#log = log;
    this.#routes = routes;
    this.#sourceOf = sourceOf;
    this.#origins = origins;
  }

  /** @returns `undefined` if no route has that path; a refusal if it is too long for any. */
  answer(
    request: Request,
    info: Deno.ServeHandlerInfo,
    url: URL,
  ): Promise<Response> | undefined {
    const { pathname } = url;
    if (pathname.length > LONGEST_PATH) {
      return Promise.resolve(problem(414, "That path is longer than any here."));
    }
    for (const { pattern, methods } of this.#routes) {
      const match = pattern.exec({ pathname });
      if (match === null) continue;
      return this.#answer(request, info, url, methods, match.pathname.groups.room);
    }
    return undefined;
  }

  async #answer(
    request: Request,
    info: Deno.ServeHandlerInfo,
    { searchParams: query }: URL,
    methods: Route["methods"],
    room: string | undefined,
  ): Promise<Response> {
    const refused = this.#origins.refusal(request);
    if (refused !== undefined) return refused;
    const allow = Object.keys(methods).flatMap((name) => name === "GET" ? ["GET", "HEAD"] : [name]);
    const { method } = request;
    if (method === "OPTIONS") return this.#origins.share(request, optionsOf(request, allow));
    const handler = method === "HEAD" ? methods.GET : ownMethod(methods, method);
    if (handler === undefined) {
      const list = [...allow, "OPTIONS"].join(", ");
      return this.#origins.share(request, problem(405, `Only ${list} here.`, { allow: list }));
    }
    let response: Response;
    try {
      const source = this.#sourceOf(request, info);
      response = await handler({ request, info, query, source, room: roomOf(room) });
    } catch (thrown) {
      response = this.#refusalOf(thrown);
    }
    return this.#origins.share(request, method === "HEAD" ? await headOf(response) : response);
  }

  #refusalOf(thrown: unknown): Response {
    if (thrown instanceof Refusal) return problemOf(thrown);
    if (thrown instanceof HttpError) return problem(thrown.status, thrown.message);
    this.#log.error("request failed", { reason: reason(thrown) });
    return problemOf(
      new Refusal("unavailable", "The server failed to do that.", { retryAfterMs: 1000 }),
    );
  }
}

function ownMethod(methods: Route["methods"], method: string): Handler | undefined {
  return method === "GET" || method === "POST" ? methods[method] : undefined;
}

/** The same without the body (RFC 9110 §9.3.2), and with the length that it would have had. */
async function headOf(response: Response): Promise<Response> {
  const head = new Response(null, response);
  if (response.body !== null) {
    const { byteLength } = await response.arrayBuffer();
    head.headers.set("content-length", String(byteLength));
  }
  return head;
}

/** The answer to other methods where there is only something to read. */
export function otherThanGet(request: Request): Response | undefined {
  if (request.method === "GET" || request.method === "HEAD") return undefined;
  if (request.method === "OPTIONS") return optionsOf(request, ["GET", "HEAD"]);
  return problem(405, "Only GET, HEAD and OPTIONS here.", { allow: "GET, HEAD, OPTIONS" });
}

/** What may be done with a path (RFC 9110 §9.3.7), and what a page may that asked first. */
function optionsOf(request: Request, allow: readonly string[]): Response {
  const list = [...allow, "OPTIONS"].join(", ");
  const headers = new Headers({ allow: list });
  if (request.headers.has("access-control-request-method")) {
    headers.set("access-control-allow-methods", list);
    headers.set("access-control-allow-headers", "authorization, content-type, last-event-id");
    headers.set("access-control-max-age", String(PREFLIGHT_SECONDS));
  }
  return new Response(null, { status: 204, headers });
}

/** The room's name as people write it; a path carries it percent-encoded (RFC 3986 §2.1). */
function roomOf(encoded: string | undefined): string {
  if (encoded === undefined) return "";
  let name: string | undefined;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    // Half an escape, or bytes that are no UTF-8.
  }
  return parseName("room", name);
}
