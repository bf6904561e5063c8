/**
 * `POST /publish` says the same in many rooms. It needs an API key. The answer has a line for each room, in
 * the order in which they were named, because one room may fail and the others not.
 *
 * @module
 */
import { parsePublish } from "../../protocol/publications.ts";
import type { Hub } from "../../rooms/hub.ts";
import { type Outcome, publishToAll } from "../../rooms/publish.ts";
import { readJson } from "../read_json.ts";
import { assertIsApplication } from "../requester.ts";
import { json, noContent } from "../responses.ts";
import type { Call } from "../router.ts";

export async function postPublish(call: Call, hub: Hub): Promise<Response> {
  assertIsApplication(call);
  const { rooms, publication } = parsePublish(await readJson(call, hub.context.options));
  const outcomes = await publishToAll(hub, rooms, publication);
  const hasFailed = outcomes.some((outcome) => "refusal" in outcome);
  if (!hasFailed && !publication.isDurable) return noContent();
  return json(hasFailed ? 207 : 200, JSON.stringify({ rooms: outcomes.map(lineOf) }));
}

function lineOf(outcome: Outcome): Readonly<Record<string, unknown>> {
  const { room } = outcome;
  if ("refusal" in outcome) {
    const { code, message: detail, field, retryAfterMs } = outcome.refusal;
    return { room, error: { code, detail, field, retryAfterMs } };
  }
  if (outcome.seq === undefined) return { room };
  const { seq, repeated } = outcome;
  return { room, seq, ...(repeated && { repeated }) };
}
