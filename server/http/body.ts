/**
 * A request's body, as far as it is believed: so many bytes, in so much time, of one type. Deno has
 * no bound for either; without these a body could be endless, or come a byte an hour.
 *
 * @module
 */
import { COSTS } from "../access/allowances.ts";
import type { Options } from "../options.ts";
import { parseJson, Refusal } from "../protocol.ts";
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
  const announced = Number(headers.get("content-length") ?? 0);
  if (announced > frameBytes) throw tooLarge(frameBytes);
  source.spend(COSTS.kib * announced / 1024);
  const { text, bytes } = await read(request, frameBytes, stallSeconds * 1000);
  // A body in chunks does not say how long it is.
  source.spend(COSTS.kib * Math.max(0, bytes - announced) / 1024);
  return parseJson(text);
}

async function read(
  { body }: Request,
  mostBytes: number,
  deadlineMs: number,
): Promise<{ text: string; bytes: number }> {
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
    void reader.cancel().catch(() => {});
    if (thrown instanceof HttpError || thrown instanceof Refusal) throw thrown;
    if (thrown instanceof TypeError) throw new Refusal("bad_json", "That is not UTF-8.");
    throw new HttpError(400, "The body broke off.");
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(mostBytes: number): Refusal {
  return new Refusal("too_large", `A body may have ${mostBytes} bytes.`);
}
