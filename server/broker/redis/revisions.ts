/**
 * The revisions of all rooms on Redis. Several nodes may revise a message at once: each works out what its
 * revisions come to from the message as it is, and stores that only if the message is still the same. If
 * it is not, the node tries again. So the revisions take effect one after the other, on all nodes alike.
 *
 * @module
 */
import type { Draft } from "../../protocol/encode.ts";
import { BrokerError, type Receipt } from "../broker.ts";
import type { ReactionRange, RevisedMessage } from "../revisions.ts";
import { REVISE, TARGETS } from "./revise_scripts.ts";
import { type PlacedRevision, reactionsBy, RevisionBatch } from "./revision_batch.ts";
import { type KnownPosition, RETRY_MS, type RoomScripts } from "./room_scripts.ts";

/** The result of revising messages. */
export interface Revised<D extends Draft> {
  readonly receipts: readonly Receipt<D>[];
  /** The messages that have changed, by `seq`. */
  readonly messages: ReadonlyMap<number, RevisedMessage>;
  /** The log's epoch. */
  readonly epoch: string;
  /**
   * The room's `rev` afterwards; if nothing was stored, the newest one of these messages, of which this node
   * may not have heard yet.
   */
  readonly rev: number;
}

const MAX_LIMIT = 100_000;
const MAX_SEQ = Number.MAX_SAFE_INTEGER;

export class RedisRevisions {
  readonly #scripts: RoomScripts;

  constructor(scripts: RoomScripts) {
    this.#scripts = scripts;
  }

  /**
   * Revises messages of a room.
   *
   * @throws {BrokerError} if nothing is stored, or if that cannot be known.
   */
  async revise<D extends Draft>(
    room: string,
    revisions: readonly PlacedRevision<D>[],
    known: KnownPosition,
  ): Promise<Revised<D>> {
    const until = performance.now() + RETRY_MS;
    const batch = new RevisionBatch(revisions);
    do {
      batch.apply(await this.#scripts.read(TARGETS, room, batch.targets));
      if (!batch.isChanged) {
        const { epoch, newestRev: rev } = batch;
        return { receipts: batch.receipts(new Map()), messages: new Map(), epoch, rev };
      }
      const { node, policy } = this.#scripts;
      const args = [`by:${node}:revised`, String(policy.dedupeMessages), ...batch.changes];
      const [outcome, epoch, before, last] = await this.#scripts.commit(
        ...[REVISE, room, known, args, until] as const,
      );
      if (outcome === "ok") {
        const messages = batch.revised(Number(before));
        const receipts = batch.receipts(messages);
        return { receipts, messages, epoch: String(epoch), rev: Number(last) };
      }
    } while (performance.now() < until);
    throw new BrokerError("Other nodes have revised the same messages all the time.");
  }

  /** Reads a user's own reactions to some messages. */
  async reactionsOf(
    room: string,
    userId: string,
    { after, upTo = MAX_SEQ, limit }: ReactionRange,
  ): Promise<ReadonlyMap<number, readonly string[]>> {
    const own = new Map<number, string[]>();
    if (limit < 1) return own;
    const first = reactionsBy(userId, Math.max(0, after) + 1);
    const end = reactionsBy(userId, Math.min(upTo, MAX_SEQ - 1) + 1);
    const range = [`(${end}`, `[${first}`, "LIMIT", "0", String(Math.min(limit, MAX_LIMIT))];
    const key = this.#scripts.key(room, "reactions");
    const members = await this.#scripts.link.ask("ZREVRANGEBYLEX", key, ...range);
    for (const member of Array.isArray(members) ? members : []) {
      const [, seq, reaction = ""] = String(member).split("\0");
      const reactions = own.get(Number(seq));
      if (reactions === undefined) own.set(Number(seq), [reaction]);
      else reactions.push(reaction);
    }
    for (const reactions of own.values()) reactions.sort();
    return own;
  }
}
