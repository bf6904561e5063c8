/**
 * `readJson` reads a JSON body with a size limit, a deadline and a content-type check. Deno enforces
 * none of them: without these a body could be endless, or come one byte an hour.
 *
 * @module
 */
import { COSTS } from "../access/allowances.ts";
import type { Options } from "../options.ts";
import { parseJson } from "../protocol/parse.ts";
import { Refusal } from "../protocol/refusal.ts";
import { MAX_PUBLICATION_BYTES } from "../protocol/tables.ts";
import { isHttp2 } from "./drain_body.ts";
import { HttpError } from "./responses.ts";
import type { Call } from "./router.ts";

/**
 * Returns the JSON value of a body, and takes what its length costs the address.
 *
 * @param ifEmpty is returned for an empty body, if it may be left out. Deno gives every PUT a body, also one
 * that announces none, as `curl -X PUT` sends it. So only reading tells.
 * @throws {HttpError} 415 for another type, 408 if it does not come in time, 400 if it breaks off.
 * @throws {Refusal} `too_large`, `bad_json`, or `rate_limited` if it is too long for its address now.
 */
export async function readJson(
  { request, source, isApplication }: Call,
  { frameBytes, stallSeconds }: Options,
  ifEmpty?: object,
): Promise<unknown> {
  const { headers } = request;
  const type = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  const maxBytes = isApplication ? Math.max(frameBytes, MAX_PUBLICATION_BYTES) : frameBytes;
  const read = () => readText(request, maxBytes, stallSeconds * 1000);
  if (type === undefined && ifEmpty && (await read()).bytes === 0) return ifEmpty;
  // A form can send other types, such as text/plain, without a preflight. So a page of another site
  // cannot post here unless its origin is allowed.
  if (type !== "application/json") {
    throw new HttpError(415, "The content type must be application/json.");
  }
  if ((headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new HttpError(415, "The body must not have a content encoding.");
  }
  // Deno lets only digits through, but an embedding program may have made the request.
  const announcedBytes = Math.max(0, Number(headers.get("content-length")) || 0);
  if (announcedBytes > maxBytes) throw tooLarge(maxBytes);
  source.spend(COSTS.kib * announcedBytes / 1024);
  const { text, bytes } = await read();
  // A chunked body does not announce its length.
  source.spend(COSTS.kib * Math.max(0, bytes - announcedBytes) / 1024);
  return bytes === 0 && ifEmpty ? ifEmpty : parseJson(text);
}

async function readText(
  request: Request,
  maxBytes: number,
  deadlineMs: number,
): Promise<{ text: string; bytes: number }> {
  const { body } = request;
  if (body === null) return { text: "", bytes: 0 };
  const reader = body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void reader.cancel().catch(() => {}); // ends the read below
  }, deadlineMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (isLate) throw new HttpError(408, "The body did not end in time.");
      if (done) return { text: text + decoder.decode(), bytes };
      // The announced length may be wrong or missing.
      bytes += value.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      text += decoder.decode(value, { stream: true });
    }
  } catch (thrown) {
    // On HTTP/2 `drainBody` reads the rest of a refused body.
    if (!isLate && thrown instanceof Refusal && isHttp2(request)) reader.releaseLock();
    else void reader.cancel().catch(() => {});
    if (thrown instanceof HttpError || thrown instanceof Refusal) throw thrown;
    if (thrown instanceof TypeError) throw new Refusal("bad_json", "The body is not UTF-8.");
    throw new HttpError(400, "The body broke off before its end.");
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal("too_large", `A body may have at most ${maxBytes} bytes.`);
}
