/**
 * A page of a room's history: the log's own text, cut and framed, with where the log stands.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { cut } from "../../broker/page.ts";
import { epochOf } from "../../broker/epoch.ts";
import { pageText } from "../../protocol/encode.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Hub } from "../../rooms/hub.ts";
import { readerOf } from "../caller.ts";
import { json } from "../json.ts";
import type { Call } from "../router.ts";

/** Messages of a page: unless asked, and at most. */
export const USUAL = 50;
export const MOST = 200;
/** A page ends sooner than asked where it has this much text; whoever asks on misses nothing. */
const MOST_CHARS = 65_536;

/** `GET /rooms/{room}/messages?after=&before=&limit=` */
export async function history(call: Call, hub: Hub): Promise<Response> {
  const { query, room } = call;
  call.source.spend(COSTS.page);
  readerOf(call, hub);
  const after = wholeNumber(query, "after", 0, Number.MAX_SAFE_INTEGER);
  const before = wholeNumber(query, "before", 0, Number.MAX_SAFE_INTEGER);
  const limit = wholeNumber(query, "limit", 1, MOST) ?? USUAL;
  if (after !== undefined && before !== undefined) {
    throw badParameter("before", "Ask for what is after, or for what is before; not for both.");
  }
  const { broker } = hub.context;
  // First the head, then a page not above it: what comes between the two is in neither.
  const state = await broker.state(room);
  const { head } = state;
  const range = after === undefined
    ? { before: Math.min(before ?? Infinity, head + 1) }
    : { after };
  const page = await broker.read(room, { ...range, limit, chars: MOST_CHARS });
  const shown = page && cut(page, 0, head);
  return json(200, pageText(room, epochOf(state, room), head, shown?.batch.array ?? "[]"));
}

function wholeNumber(
  query: URLSearchParams,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw badParameter(name, `"${name}" must be a whole number from ${least} to ${most}.`);
}

function badParameter(field: string, sentence: string): Refusal {
  return new Refusal("bad_field", sentence, { field });
}
