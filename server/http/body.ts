/**
 * A request's body, as far as it is believed: so many bytes, in so much time, of one type. Deno has
 * no bound for either; without these a body could be endless, or come a byte an hour.
 *
 * @module
 */
import type { Options } from "../options.ts";
import { parseJson, Refusal } from "../protocol.ts";
import { HttpError } from "./problem.ts";

/**
 * The JSON value of a body.
 *
 * @throws {HttpError} 415 for another type, 408 if it does not come.
 * @throws {Refusal} `too_large`, `bad_json`
 */
export async function readJson(
  request: Request,
  { frameBytes, stallSeconds }: Pick<Options, "frameBytes" | "stallSeconds">,
): Promise<unknown> {
  const { headers } = request;
  const type = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  // Nothing that a form can send (text/plain among it), so a page of another site has to ask first.
  if (type !== "application/json") throw new HttpError(415, "Send application/json.");
  if ((headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new HttpError(415, "Send it without a content encoding.");
  }
  if (Number(headers.get("content-length") ?? 0) > frameBytes) throw tooLarge(frameBytes);
  return parseJson(await read(request, frameBytes, stallSeconds * 1000));
}

async function read(
  { body }: Request,
  mostBytes: number,
  deadlineMs: number,
): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let length = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void reader.cancel().catch(() => {}); // ends the read below
  }, deadlineMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (late) throw new HttpError(408, "The body did not come in time.");
      if (done) return text + decoder.decode();
      // Whatever its header said: what counts is what comes.
      length += value.byteLength;
      if (length > mostBytes) throw tooLarge(mostBytes);
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
