/**
 * What the log says of single requests. Each has an id, by which the answer to it speaks of it too: the one
 * that a proxy in front gave it (`X-Request-Id`), or a new one.
 *
 * @module
 */
import { type Log, reason } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { Refusal } from "../protocol/refusal.ts";
import { problem, problemOf } from "./responses.ts";

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

/** Answers a request after what was thrown: as a refusal says, or with 500 and a line in the log. */
export function answerFailure(
  log: Log,
  metrics: Metrics,
  thrown: unknown,
  asked?: Request,
): Response {
  if (thrown instanceof Refusal) {
    metrics.countRefusal(thrown);
    return problemOf(thrown);
  }
  const request = asked && requestIdOf(asked);
  log.error("request failed", { request, reason: reason(thrown) });
  return problem(500, "The server failed to answer.");
}
