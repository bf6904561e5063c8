/**
 * `Origins` decides which web pages may use the server, and by which host names it may be reached. A
 * browser says truly which origin a page has. Without the check of origins any page that a user visits
 * could act as that user here (RFC 6455 §10.2). Without the check of hosts a page could point a name of
 * its own at this machine, and would then have our own origin ("DNS rebinding").
 *
 * @module
 */
import type { Log } from "../log.ts";
import type { Options } from "../options.ts";
import { requestIdOf } from "./request_log.ts";
import { problem } from "./responses.ts";

/** Host names that never lead to another machine (RFC 6761 §6.3), as `URL` writes them. */
const LOOPBACK_NAME =
  /^(?:(?:[^.]+\.)*localhost\.?|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\])$/;
const LOOPBACK_ADDRESS = /^(?:127\.|::1$|::ffff:127\.)/i;
/** Characters of a client's header that are logged or answered: no real origin or host is longer. */
const MAX_CHARS = 300;

export class Origins {
  readonly #allowed: readonly string[];
  /** Host names that are answered on a loopback address, besides the loopback names. */
  readonly #hosts: ReadonlySet<string | undefined>;
  readonly #trustsProxies: boolean;
  readonly #log: Log;

  constructor({ allowOrigin, host, trustProxies }: Options, log: Log) {
    this.#allowed = allowOrigin;
    // "*" names no host: it allows every page, but only at names that are our own.
    const own = `http://${host.includes(":") ? `[${host}]` : host}`;
    this.#hosts = new Set([...allowOrigin, own].map((url) => URL.parse(url)?.hostname));
    this.#trustsProxies = trustProxies > 0;
    this.#log = log;
  }

  /**
   * Refuses a request whose `Host` is malformed, or is not a name of this machine while we listen on a
   * loopback address and trust no proxy.
   *
   * @param listensOn the address that we listen on, if it is known.
   * @returns `undefined` if the host may be answered.
   */
  refuseHost(request: Request, listensOn: string | undefined): Response | undefined {
    const host = hostOf(request);
    const name = urlOf("http:", host)?.hostname;
    if (name === undefined) return problem(400, "The Host of the request is malformed.");
    const isPrivate = listensOn !== undefined && LOOPBACK_ADDRESS.test(listensOn) &&
      !this.#trustsProxies;
    if (!isPrivate || LOOPBACK_NAME.test(name) || this.#hosts.has(name)) return undefined;
    this.#log.warn("host refused", { request: requestIdOf(request), host });
    return problem(
      421,
      `The server listens on ${listensOn} and does not answer to ${JSON.stringify(host)}. Set ` +
        "--trust-proxies if it is behind a proxy, or allow the page with " +
        `--allow-origin http://${name}.`,
    );
  }

  /**
   * Refuses a request of a page whose origin is neither ours nor allowed. Programs send no `Origin`.
   *
   * @returns `undefined` if the origin may be answered.
   */
  refuseOrigin(request: Request): Response | undefined {
    const origin = request.headers.get("origin");
    if (origin === null || this.#allowed.includes("*") || this.#isNamed(request, origin)) return;
    const host = hostOf(request);
    const shown = origin.slice(0, MAX_CHARS);
    const facts = { request: requestIdOf(request), origin: shown, host };
    this.#log.warn("origin refused", facts);
    return problem(
      403,
      `Pages of the origin ${JSON.stringify(shown)} are not allowed: it is not the origin of the ` +
        `host ${JSON.stringify(host)}, and --allow-origin does not name it.`,
    );
  }

  /**
   * Adds the headers that let the page read the response (Fetch standard, "CORS protocol"). Only a page
   * that was allowed by name may send cookies: `*` names nobody, and any page can have the origin `null`.
   */
  share(request: Request, response: Response): Response {
    const { headers } = response;
    headers.append("vary", "origin");
    const origin = request.headers.get("origin");
    if (origin === null) return response;
    headers.set("access-control-allow-origin", origin);
    headers.set("access-control-expose-headers", "location, retry-after");
    if (origin !== "null" && this.#isNamed(request, origin)) {
      headers.set("access-control-allow-credentials", "true");
    }
    return response;
  }

  /**
   * Tells whether a request may act with the cookies of its user. A page whose origin is allowed only
   * by `*` may not: any page that the user visits could then act as that user.
   */
  trusts(request: Request): boolean {
    const origin = request.headers.get("origin");
    return origin === null || this.#isNamed(request, origin);
  }

  /** Tells whether an origin is our own or was allowed by name. */
  #isNamed(request: Request, origin: string): boolean {
    if (origin === "null") return this.#allowed.includes("null");
    const page = URL.parse(origin);
    if (page === null || !/^https?:$/.test(page.protocol)) return this.#allowed.includes(origin);
    if (this.#allowed.includes(page.origin)) return true;
    // Behind a proxy that ends TLS the page is https and the request is http. So the default port of the
    // page's scheme is used for the host of the request.
    return page.host === urlOf(page.protocol, hostOf(request))?.host;
  }
}

/** Tells whether a request names this machine, by a name that leads to no other. */
export function isLoopbackHost(request: Request): boolean {
  const name = urlOf("http:", hostOf(request))?.hostname;
  return name !== undefined && LOOPBACK_NAME.test(name);
}

/** Returns the host and port that a request names. HTTP/2 has them in the URL only (RFC 9113 §8.3.1). */
function hostOf({ headers, url }: Request): string {
  return headers.get("host") || (URL.parse(url)?.host ?? "");
}

/** Returns the URL of a host, or `null` if the text is not `host[:port]` (RFC 9110 §7.2). */
function urlOf(scheme: string, host: string): URL | null {
  if (host.length > MAX_CHARS || /[\s/?#@\\]/.test(host)) return null;
  return URL.parse(`${scheme}//${host}`);
}
