/**
 * The start of a subscriber in a room: where it begins to read, and what it has to know before that.
 *
 * @module
 */
import type { Rules } from "../access/rules.ts";
import { Batch } from "../broker/page.ts";
import { revisedBatch, type RevisedMessage } from "../broker/revisions.ts";
import { joinedText } from "../protocol/encode.ts";
import type { Cursor } from "../protocol/messages.ts";
import { MAX_LISTED, MAX_MINE, type Right } from "../protocol/tables.ts";
import type { Presence } from "./presence.ts";
import type { RoomLog } from "./room_log.ts";

/** Where and how a subscriber starts. */
export interface Start {
  /** The subscriber goes on after this `seq`; `undefined` if it starts afresh. */
  readonly seq: number | undefined;
  /** What follows shows each message as of this `rev`, or newer. */
  readonly rev: number;
  /** Older messages that were revised since its cursor, in the order of `rev`. */
  readonly missed: readonly RevisedMessage[];
  /** The user's own reactions to what follows, by `seq`. */
  readonly mine: Readonly<Record<string, readonly string[]>> | undefined;
}

/**
 * Finds out where a subscriber starts.
 *
 * @param since its cursor, if it has one. If the log has moved on too far, it starts afresh.
 * @param recentMessages how many messages it begins with then.
 */
export async function startOf(
  log: RoomLog,
  userId: string,
  since: Cursor | undefined,
  recentMessages: number,
): Promise<Start> {
  // Read first: what is read later is at least as new, and what comes later is sent again.
  const isHeld = since !== undefined && await log.holdsAllSince(since);
  const { rev } = log;
  const missed = isHeld ? await log.missedSince(since) : undefined;
  if (since === undefined || missed === undefined) {
    const after = Math.max(0, log.head - recentMessages);
    return { seq: undefined, rev, missed: [], mine: await mineAfter(log, userId, after, []) };
  }
  const oldest = Math.min(since.seq + 1, ...missed.map(({ seq }) => seq));
  return { seq: since.seq, rev, missed, mine: await mineAfter(log, userId, oldest - 1, missed) };
}

/** Encodes what a subscriber is sent first: `joined`, and what became of the messages that it has. */
export function startBatch(
  room: string,
  log: RoomLog,
  { seq, rev, missed, mine }: Start,
  right: Right,
  { presence, rules }: { readonly presence: Presence; readonly rules: Rules },
): Batch {
  const limits = rules.limitsOf(room);
  const joined = {
    room,
    epoch: log.epoch,
    seq: log.head,
    rev,
    recovered: seq !== undefined,
    ...(mine !== undefined && { mine }),
    memberCount: presence.count,
    right,
    ...(limits !== undefined && { limits }),
  };
  const batch = Batch.of(joinedText(joined, presence.list(MAX_LISTED)));
  return missed.length === 0 ? batch : Batch.join([batch, revisedBatch(room, missed)]);
}

async function mineAfter(
  log: RoomLog,
  userId: string,
  after: number,
  missed: readonly RevisedMessage[],
): Promise<Start["mine"]> {
  if (log.rev === 0) return undefined;
  const own = await log.reactionsOf(userId, { after, limit: MAX_MINE });
  // Of a message that it has, the client may remember what was removed on another device.
  const entries = missed.map(({ seq }): [number, readonly string[]] => [seq, []]);
  return Object.fromEntries([...entries, ...own]);
}
