/**
 * `GET /rooms/{room}/messages?after=&before=&limit=` returns a page of a room's history, and the `epoch`
 * and the head of its log.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { epochOf } from "../../broker/epoch.ts";
import { cut } from "../../broker/page.ts";
import { pageText } from "../../protocol/encode.ts";
import { badField } from "../../protocol/refusal.ts";
import type { Hub } from "../../rooms/hub.ts";
import { wholeNumber } from "../query.ts";
import { readerOf } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

/** How many messages a page has by default, and at most. */
export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
/** A page ends early when it has this much text; the client asks for the rest with `after`. */
const MAX_CHARS = 65_536;

export async function getMessages(call: Call, hub: Hub): Promise<Response> {
  const { query, room } = call;
  call.source.spend(COSTS.page);
  await readerOf(call, hub);
  const after = wholeNumber(query, "after", 0, Number.MAX_SAFE_INTEGER);
  const before = wholeNumber(query, "before", 0, Number.MAX_SAFE_INTEGER);
  const limit = wholeNumber(query, "limit", 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
  if (after !== undefined && before !== undefined) {
    throw badField("before", `Only one of "after" and "before" can be given.`);
  }
  const { broker } = hub.context;
  // The head is read first and the page is cut at it, so that no message is above the head we report.
  const state = await broker.state(room);
  const { head } = state;
  const range = after === undefined
    ? { before: Math.min(before ?? Infinity, head + 1) }
    : { after };
  const page = await broker.read(room, { ...range, limit, chars: MAX_CHARS });
  const messages = (page && cut(page, 0, head))?.batch.array ?? "[]";
  return json(200, pageText(room, epochOf(state, room), head, messages));
}
