/**
 * `GET /rooms/{room}/messages?after=&before=&around=&limit=` returns a page of a room's history, the
 * `epoch` and the head of its log, and the reader's own reactions to those messages.
 *
 * @module
 */
import type { Identity } from "../../access/identity.ts";
import type { Broker } from "../../broker/broker.ts";
import { MAX_MINE } from "../../protocol/tables.ts";
import { COSTS } from "../../access/allowances.ts";
import { pageText } from "../../protocol/encode.ts";
import { type HistoryText, MAX_LIMIT, readHistory } from "../../rooms/history.ts";
import type { Hub } from "../../rooms/hub.ts";
import { wholeNumber } from "../query.ts";
import { readerOf } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

export async function getMessages(call: Call, hub: Hub): Promise<Response> {
  const { query, room } = call;
  call.source.spend(COSTS.page);
  const reader = await readerOf(call, hub);
  const after = wholeNumber(query, "after", 0, Number.MAX_SAFE_INTEGER);
  const before = wholeNumber(query, "before", 0, Number.MAX_SAFE_INTEGER);
  const around = wholeNumber(query, "around", 1, Number.MAX_SAFE_INTEGER);
  const limit = wholeNumber(query, "limit", 1, MAX_LIMIT);
  const { broker } = hub.context;
  const page = await readHistory(broker, room, { after, before, around, limit });
  return json(200, pageText(room, page, reader && await ownReactions(broker, room, reader, page)));
}

/** Reads what a reader has reacted to the messages of a page, if any message of the room was revised. */
async function ownReactions(
  broker: Broker,
  room: string,
  { user }: Identity,
  { first, last, rev }: HistoryText,
): Promise<Readonly<Record<string, readonly string[]>> | undefined> {
  if (rev === 0) return undefined;
  const range = { after: first - 1, upTo: last, limit: MAX_MINE };
  return Object.fromEntries(await broker.reactionsOf(room, user.id, range));
}
