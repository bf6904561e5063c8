/**
 * `payloadAfter` asks the embedding program about a message, before it is stored or sent on.
 *
 * @module
 */
import type { Log } from "../log.ts";
import { ANY_JSON, isRecord, TEXT } from "../protocol/rules.ts";
import { askApplication, type IncomingMessage, type OnMessage } from "./application.ts";

/**
 * Returns what is to be said in place of a message's payload. It is a promise only if the application's
 * answer is.
 *
 * @throws {Refusal} the one that the application throws; `unavailable` if it fails.
 */
export function payloadAfter<M extends IncomingMessage>(
  onMessage: OnMessage,
  log: Log,
  message: M,
): M["payload"] | Promise<M["payload"]> {
  const { type, payload } = message;
  return askApplication("onMessage", log, () => onMessage(message), (answer) => {
    if (answer === undefined) return payload;
    const rule = type === "custom" ? ANY_JSON : TEXT;
    if (isRecord(answer) && rule.accepts(answer.payload)) {
      return answer.payload as M["payload"]; // the rule has checked it
    }
    throw new TypeError(`It must return nothing, or an object whose payload is ${rule.expects}.`);
  });
}
