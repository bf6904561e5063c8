/**
 * `requestIdOf` gives a request the name by which the log and the answer speak of it: the one that a proxy in
 * front gave it (`X-Request-Id`), or a new one.
 *
 * @module
 */
import type { Log } from "../log.ts";

/** What is taken over of a proxy. Anything else could forge lines, or fill them. */
const ID = /^[\w.:-]{1,64}$/;

const ids = new WeakMap<Request, string>();

/** Returns the id of a request, the same each time. */
export function requestIdOf(request: Request): string {
  let id = ids.get(request);
  if (id === undefined) {
    const given = request.headers.get("x-request-id") ?? "";
    id = ID.test(given) ? given : crypto.randomUUID();
    ids.set(request, id);
  }
  return id;
}

/** Logs one request at the level `debug`, without its query, which may hold a token. */
export async function logRequest(
  log: Log,
  asked: Request,
  answer: Response | Promise<Response>,
): Promise<void> {
  const { method } = asked;
  const path = URL.parse(asked.url)?.pathname;
  const request = requestIdOf(asked);
  const status = await Promise.resolve(answer).then((response) => response.status, () => 500);
  log.debug?.("request", { request, method, path, status });
}
