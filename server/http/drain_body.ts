/**
 * `drainBody` holds a response back on HTTP/2 until the request's body was read or given up.
 *
 * Without it the client gets a stream error in place of a 401 or a 429: on HTTP/2 Deno resets the
 * stream when the response comes before the end of the body. So what nobody has read is read and
 * dropped first, within bounds. On HTTP/1.1 the client gets the response at once. See
 * tests/http2_test.ts.
 *
 * @module
 */

/** The bounds of what is read and dropped. */
const MAX_BYTES = 1_048_576;
const MAX_MS = 2000;

export function drainBody(
  request: Request,
  response: Response | Promise<Response>,
): Response | Promise<Response> {
  const { method } = request;
  return method === "GET" || method === "HEAD" || !isHttp2(request)
    ? response
    : drain(request, response);
}

/** Tells whether a request came over HTTP/2, which has no `Host` (RFC 9113 §8.3.1). Deno adds none. */
export function isHttp2({ headers }: Request): boolean {
  return !headers.has("host");
}

async function drain(
  request: Request,
  pending: Response | Promise<Response>,
): Promise<Response> {
  const response = await pending;
  const { body } = request;
  if (body === null || body.locked) return response;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), MAX_MS);
  try {
    for (let bytes = 0; bytes <= MAX_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return response;
      bytes += value.byteLength;
    }
  } catch {
    // The client is gone: nobody waits for the response.
  } finally {
    clearTimeout(timer);
  }
  void reader.cancel().catch(() => {});
  return response;
}
