/**
 * `readHistory` reads a page of a room's history, for requests and for the embedding program.
 *
 * @module
 */
import type { Broker } from "../broker/broker.ts";
import { epochOf } from "../broker/epoch.ts";
import { cut } from "../broker/page.ts";
import { badField } from "../protocol/refusal.ts";

/** How many messages a page has by default, and at most. */
export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
/** A page ends early when it has this much text; the rest is asked for with `after`. */
const MAX_CHARS = 65_536;

/** Which messages are wanted: the newest, those after a `seq`, or those before one. */
export interface HistoryRange {
  /** Messages above this `seq`, the oldest first … */
  readonly after?: number | undefined;
  /** … or the newest below this one. */
  readonly before?: number | undefined;
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
  /** The messages in the order of their `seq`, as a JSON array. */
  readonly messages: string;
}

/** @throws {Refusal} `bad_field` if both `after` and `before` are given. */
export async function readHistory(
  broker: Broker,
  room: string,
  { after, before, limit = DEFAULT_LIMIT }: HistoryRange,
): Promise<HistoryText> {
  if (after !== undefined && before !== undefined) {
    throw badField("before", `Only one of "after" and "before" can be given.`);
  }
  // The head is read first and the page is cut at it, so that no message is above the head we report.
  const state = await broker.state(room);
  const { head } = state;
  const range = after === undefined
    ? { before: Math.min(before ?? Infinity, head + 1) }
    : { after };
  const page = await broker.read(room, { ...range, limit, chars: MAX_CHARS });
  const messages = (page && cut(page, 0, head))?.batch.array ?? "[]";
  return { epoch: epochOf(state, room), head, messages };
}
