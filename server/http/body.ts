/**
 * A request's body, as far as it is believed: so many bytes, in so much time, of one type. Deno has
 * no bound for either; without these a body could be endless, or come a byte an hour.
 *
 * @module
 */
import { COSTS } from "../access/allowances.ts";
import type { Options } from "../options.ts";
import { parseJson } from "../protocol/parse.ts";
import { Refusal } from "../protocol/refusal.ts";
import { HttpError } from "./problem.ts";
import type { Call } from "./router.ts";

/**
 * The JSON value of a body.
 *
 * @throws {HttpError} 415 for another type, 408 if it does not come.
 * @throws {Refusal} `too_large`, `bad_json`, and `rate_limited` if it is too long for its address now.
 */
export async function readJson(
  { request, source }: Pick<Call, "request" | "source">,
  { frameBytes, stallSeconds }: Pick<Options, "frameBytes" | "stallSeconds">,
): Promise<unknown> {
  const { headers } = request;
  const type = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  // Nothing that a form can send (text/plain among it), so a page of another site has to ask first.
  if (type !== "application/json") throw new HttpError(415, "Send application/json.");
  if ((headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new HttpError(415, "Send it without a content encoding.");
  }
  // The runtime lets in nothing but digits. Where another program made the request, that is not said.
  const announced = Math.max(0, Number(headers.get("content-length")) || 0);
  if (announced > frameBytes) throw tooLarge(frameBytes);
  source.spend(COSTS.kib * announced / 1024);
  const { text, bytes } = await read(request, frameBytes, stallSeconds * 1000);
  // A body in chunks does not say how long it is.
  source.spend(COSTS.kib * Math.max(0, bytes - announced) / 1024);
  return parseJson(text);
}

async function read(
  request: Request,
  mostBytes: number,
  deadlineMs: number,
): Promise<{ text: string; bytes: number }> {
  const { body } = request;
  if (body === null) return { text: "", bytes: 0 };
  const reader = body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void reader.cancel().catch(() => {}); // ends the read below
  }, deadlineMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (late) throw new HttpError(408, "The body did not come in time.");
      if (done) return { text: text + decoder.decode(), bytes };
      // Whatever its header said: what counts is what comes.
      bytes += value.byteLength;
      if (bytes > mostBytes) throw tooLarge(mostBytes);
      text += decoder.decode(value, { stream: true });
    }
  } catch (thrown) {
    if (!late && thrown instanceof Refusal && isHttp2(request)) reader.releaseLock(); // for `drained`
    else void reader.cancel().catch(() => {});
    if (thrown instanceof HttpError || thrown instanceof Refusal) throw thrown;
    if (thrown instanceof TypeError) throw new Refusal("bad_json", "That is not UTF-8.");
    throw new HttpError(400, "The body broke off.");
  } finally {
    clearTimeout(timer);
  }
}

/** How much of a refused body is read on HTTP/2 before the refusal is sent, and for how long. */
const DRAIN_BYTES = 1_048_576;
const DRAIN_MS = 2000;

/**
 * Holds an answer back until the request's body is read or was given up.
 *
 * On HTTP/2 Deno resets the stream when an answer comes before the end of the body, and the client
 * sees an error of the stream instead of a 401 or a 429. So what nobody has read is read and dropped
 * first, within bounds; see `tests/http2_test.ts`. On HTTP/1.1 the client gets the answer at once.
 */
export function drained(
  request: Request,
  answer: Response | Promise<Response>,
): Response | Promise<Response> {
  if (request.method === "GET" || request.method === "HEAD" || !isHttp2(request)) return answer;
  return drain(request, answer);
}

async function drain(
  request: Request,
  answer: Response | Promise<Response>,
): Promise<Response> {
  const response = await answer;
  const { body } = request;
  if (body === null || body.locked) return response;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), DRAIN_MS);
  try {
    for (let length = 0; length <= DRAIN_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return response;
      length += value.byteLength;
    }
  } catch {
    // The client is gone, and nobody waits for the answer.
  } finally {
    clearTimeout(timer);
  }
  void reader.cancel().catch(() => {});
  return response;
}

/** Over HTTP/2 a request has no `Host` (RFC 9113 §8.3.1), and Deno makes none up. */
function isHttp2({ headers }: Request): boolean {
  return !headers.has("host");
}

function tooLarge(mostBytes: number): Refusal {
  return new Refusal("too_large", `A body may have ${mostBytes} bytes.`);
}
