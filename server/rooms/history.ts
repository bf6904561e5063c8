/**
 * `readHistory` reads a page of a room's history, for requests and for the embedding program.
 *
 * @module
 */
import type { Broker, Range } from "../broker/broker.ts";
import { epochOf } from "../broker/epoch.ts";
import { concat, cut, type Page } from "../broker/page.ts";
import { badField } from "../protocol/refusal.ts";

/** How many messages a page has by default, and at most. */
export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
/** A page ends early when it has this much text; the rest is asked for with `after`. */
const MAX_CHARS = 65_536;

/** Which messages are wanted: the newest, those after a `seq`, those before one, or those around one. */
export interface HistoryRange {
  /** Messages above this `seq`, the oldest first … */
  readonly after?: number | undefined;
  /** … or the newest below this one … */
  readonly before?: number | undefined;
  /** … or this one in the middle of those before and after it. */
  readonly around?: number | undefined;
  /**
   * How many messages at most, from 1 to 200.
   *
   * @default {50}
   */
  readonly limit?: number | undefined;
}

/** A page of a room's history. */
export interface HistoryText {
  readonly epoch: string;
  /** The room's newest `seq`. */
  readonly head: number;
  /** The room's newest revision, 0 if there was none. The messages are as of that `rev`, or newer. */
  readonly rev: number;
  /** The `seq` of the first message and of the last; 1 and 0 if there is none. */
  readonly first: number;
  readonly last: number;
  /** The messages in the order of their `seq`, as a JSON array. */
  readonly messages: string;
}

/** @throws {Refusal} `bad_field` if more than one of `after`, `before` and `around` is given. */
export async function readHistory(
  broker: Broker,
  room: string,
  { limit = DEFAULT_LIMIT, ...places }: HistoryRange,
): Promise<HistoryText> {
  const [place, another] = Object.entries(places).filter(([, value]) => value !== undefined);
  if (place !== undefined && another !== undefined) {
    throw badField(another[0], `Only one of "${place[0]}" and "${another[0]}" can be given.`);
  }
  // The head is read first and the page is cut at it, so that no message is above the head we report.
  const state = await broker.state(room);
  const { head, rev } = state;
  const { after, before, around } = places;
  const read = (range: Omit<Range, "limit">, max = limit, chars = MAX_CHARS) =>
    broker.read(room, { ...range, limit: max, chars });
  const upTo = { before: Math.min(before ?? Infinity, head + 1) };
  const page = around !== undefined
    ? await readAround(read, Math.min(around, head + 1), limit)
    : await read(after === undefined ? upTo : { after });
  const cutPage = page && cut(page, 0, head);
  return {
    epoch: epochOf(state, room),
    head,
    rev,
    first: cutPage?.first ?? 1,
    last: cutPage?.last ?? 0,
    messages: cutPage?.batch.array ?? "[]",
  };
}

/** Reads half of a page before a message, and the rest from it on; or more of one if the other is short. */
async function readAround(
  read: (range: Omit<Range, "limit">, limit: number, chars: number) => Promise<Page | undefined>,
  seq: number,
  limit: number,
): Promise<Page | undefined> {
  const from = await read({ after: seq - 1 }, limit, MAX_CHARS / 2);
  const before = await read({ before: seq }, limit, MAX_CHARS / 2);
  if (from === undefined || before === undefined) return from ?? before;
  const count = from.last - from.first + 1;
  const first = seq - Math.max(Math.floor(limit / 2), limit - count);
  const whole = concat([before, from]);
  return whole && cut(whole, first - 1, Math.max(first, whole.first) + limit - 1);
}
