/**
 * `GET /rooms/{room}/messages?after=&before=&limit=` returns a page of a room's history, and the `epoch`
 * and the head of its log.
 *
 * @module
 */
import { COSTS } from "../../access/allowances.ts";
import { pageText } from "../../protocol/encode.ts";
import { MAX_LIMIT, readHistory } from "../../rooms/history.ts";
import type { Hub } from "../../rooms/hub.ts";
import { wholeNumber } from "../query.ts";
import { readerOf } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

export async function getMessages(call: Call, hub: Hub): Promise<Response> {
  const { query, room } = call;
  call.source.spend(COSTS.page);
  await readerOf(call, hub);
  const after = wholeNumber(query, "after", 0, Number.MAX_SAFE_INTEGER);
  const before = wholeNumber(query, "before", 0, Number.MAX_SAFE_INTEGER);
  const limit = wholeNumber(query, "limit", 1, MAX_LIMIT);
  const { epoch, head, messages } = await readHistory(hub.context.broker, room, {
    after,
    before,
    limit,
  });
  return json(200, pageText(room, epoch, head, messages));
}
