/** Refusals over HTTP, as they are over a WebSocket. */
import type { ErrorEvent } from "../../server/protocol/messages.ts";

/**
 * The `error` event of a response that is a refusal.
 *
 * @param ref of the command that was refused.
 * @throws if it is not this server that answered: a gateway's refusal has no `code`.
 */
export async function refusalOf(response: Response, ref?: string): Promise<ErrorEvent> {
  const { code, detail, field, retryAfterMs } = await response.json();
  if (typeof code !== "string") throw new Error("no answer of this server");
  return {
    type: "error",
    code: code as ErrorEvent["code"], // newer servers may have more: they are told as they are
    payload: String(detail),
    ...(ref && { ref }),
    ...(field && { field }),
    ...(retryAfterMs && { retryAfterMs }),
  };
}
