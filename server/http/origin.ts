/**
 * Which web pages may talk to us, and by which names we are spoken to. Browsers say where a page comes
 * from and cannot be made to lie; without the check of origins any page that a user visits could speak
 * here in the user's name (RFC 6455 §10.2). Without the check of hosts a page could point a name of its
 * own at this machine, and would then be of our own origin ("DNS rebinding").
 *
 * @module
 */
import type { Log } from "../log.ts";
import type { Options } from "../options.ts";
import { problem } from "./problem.ts";

/** Names that never lead to another machine (RFC 6761 §6.3), as `URL` writes them. */
const LOOPBACK =
  /^(?:(?:[^.]+\.)*localhost\.?|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\])$/;
/** As much of what a stranger sent is shown to the operator: no real origin or host is longer. */
const MAX_SHOWN = 300;
const LOOPBACK_ADDRESS = /^(?:127\.|::1$|::ffff:127\.)/i;

export class Origins {
  readonly #allowed: readonly string[];
  /** Host names that are answered on a loopback address besides its own. */
  readonly #hosts: ReadonlySet<string | undefined>;
  readonly #trustsProxies: boolean;
  readonly #log: Log;

  constructor({ allowOrigin, host, trustProxies }: Options, log: Log) {
    this.#allowed = allowOrigin;
    // "*" names no host: it lets every page in that speaks to us by our own name, and no more.
    const own = `http://${host.includes(":") ? `[${host}]` : host}`;
    this.#hosts = new Set([...allowOrigin, own].map((url) => URL.parse(url)?.hostname));
    this.#trustsProxies = trustProxies > 0;
    this.#log = log;
  }

  /**
   * The refusal of a request that is not meant for this server: its `Host` is malformed, or we listen
   * on a loopback address for this machine alone and the request names another.
   *
   * @param listensOn the address that the request came to, if it is known.
   */
  misdirected(request: Request, listensOn: string | undefined): Response | undefined {
    const host = hostOf(request);
    const name = urlOf("http:", host)?.hostname;
    if (name === undefined) return problem(400, "The Host of the request is malformed.");
    const isPrivate = listensOn !== undefined && LOOPBACK_ADDRESS.test(listensOn) &&
      !this.#trustsProxies;
    if (!isPrivate || LOOPBACK.test(name) || this.#hosts.has(name)) return undefined;
    this.#log.warn("host refused", { host });
    return problem(
      421,
      `This server listens on ${listensOn} and is not known as ${JSON.stringify(host)}. Behind a ` +
        "proxy, set --trust-proxies; else name the page with --allow-origin, such as " +
        `--allow-origin http://${name}.`,
    );
  }

  /** The refusal of a request that a page of another origin makes. Programs send no `Origin`. */
  refusal(request: Request): Response | undefined {
    const origin = request.headers.get("origin");
    if (origin === null || this.#allowed.includes("*") || this.#isNamed(request, origin)) return;
    const host = hostOf(request);
    const shown = origin.slice(0, MAX_SHOWN);
    this.#log.warn("origin refused", { origin: shown, host });
    return problem(
      403,
      `Pages of the origin ${JSON.stringify(shown)} are not allowed here: it is not that of the ` +
        `requested host ${JSON.stringify(host)}, and --allow-origin does not name it.`,
    );
  }

  /**
   * Lets the page that asked read the answer (Fetch standard, "CORS protocol"). Only a page that was
   * named may send its user's cookies; `*` names nobody, and any page can make itself `null`.
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

  /** Whether this origin is our own, or one that was allowed by its name. */
  #isNamed(request: Request, origin: string): boolean {
    if (origin === "null") return this.#allowed.includes("null");
    const page = URL.parse(origin);
    if (page === null || !/^https?:$/.test(page.protocol)) return this.#allowed.includes(origin);
    if (this.#allowed.includes(page.origin)) return true;
    // Behind a proxy that ends TLS the page is https and the request is http. So the host of the request
    // is read as the page's scheme has it: no port and that scheme's default port are the same.
    return page.host === urlOf(page.protocol, hostOf(request))?.host;
  }
}

/** The host and port that a request names. HTTP/2 has no `Host`; there it is in the URL (RFC 9113 §8.3.1). */
function hostOf({ headers, url }: Request): string {
  return headers.get("host") || (URL.parse(url)?.host ?? "");
}

/** The URL of a host's root; `null` if that is more or less than `host[:port]` (RFC 9110 §7.2). */
function urlOf(scheme: string, host: string): URL | null {
  if (host.length > MAX_SHOWN || /[\s/?#@\\]/.test(host)) return null;
  return URL.parse(`${scheme}//${host}`);
}
