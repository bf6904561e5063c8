/**
 * Publishes batches: the messages of each room, then its revisions. These are two commits, so that other
 * nodes may see the room in between. The rooms of a batch are independent, and are published at once.
 *
 * @module
 */
import type { Draft } from "../../protocol/encode.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Receipt } from "../broker.ts";
import { isRevision } from "../revisions.ts";
import type { Appended, RedisLog } from "./log.ts";
import type { PlacedRevision } from "./revision_batch.ts";
import type { RedisRevisions } from "./revisions.ts";
import type { RedisRoom } from "./room.ts";

/** What is stored and has not arrived after this time is read from the log. */
const ARRIVAL_MS = 200;
/** When what cannot be answered yet may be sent again. */
const RETRY_MS = 1000;

export class Publisher {
  readonly #log: RedisLog;
  readonly #revisions: RedisRevisions;
  readonly #rooms: ReadonlyMap<string, RedisRoom>;

  /** @param rooms those that are open. */
  constructor(log: RedisLog, revisions: RedisRevisions, rooms: ReadonlyMap<string, RedisRoom>) {
    this.#log = log;
    this.#revisions = revisions;
    this.#rooms = rooms;
  }

  /**
   * Publishes a batch, and answers when all of it has arrived in the rooms that are open.
   *
   * @param unstored is called for what failed while other parts of the batch did not.
   */
  async publish<D extends Draft>(
    batch: readonly D[],
    unstored: (draft: D) => void,
  ): Promise<readonly Receipt<D>[]> {
    const byRoom = Map.groupBy(batch, ({ room }) => room);
    const outcomes = await Promise.allSettled(
      [...byRoom].map(([room, drafts]) => this.#publishTo(room, drafts, unstored)),
    );
    if (outcomes.length > 0 && outcomes.every(({ status }) => status === "rejected")) {
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    }
    const receipts: Receipt<D>[] = [];
    [...byRoom.values()].forEach((drafts, index) => {
      const outcome = outcomes[index];
      if (outcome?.status === "fulfilled") receipts.push(...outcome.value);
      else drafts.forEach(unstored);
    });
    return receipts;
  }

  async #publishTo<D extends Draft>(
    room: string,
    drafts: readonly D[],
    unstored: (draft: D) => void,
  ): Promise<readonly Receipt<D>[]> {
    const messages = drafts.filter((draft) => !isRevision(draft));
    const appended = messages.length > 0 ? await this.#append(room, messages) : undefined;
    if (messages.length === drafts.length) return appended?.receipts ?? [];
    try {
      const known = () => this.#rooms.get(room)?.known;
      const revised = await this.#revisions.revise(room, placed(drafts, appended), known);
      // A client that is answered before it has heard of earlier revisions passes over them. So if they have not
      // arrived and cannot be read, it is refused, and answered when it asks again.
      const arrived = this.#rooms.get(room)?.waitFor(
        revised.epoch,
        { rev: revised.rev },
        ARRIVAL_MS,
      );
      const isHeard = await Promise.resolve(arrived).then(() => true, () => false);
      const receipts = isHeard ? revised.receipts : revised.receipts.map(unheard);
      const stored = appended?.receipts.map((receipt) => {
        const event = revised.messages.get(receipt.seq)?.message ?? receipt.event;
        return { ...receipt, event };
      });
      return [...stored ?? [], ...receipts];
    } catch (thrown) {
      if (appended === undefined) throw thrown;
      drafts.filter(isRevision).forEach(unstored);
      return appended.receipts;
    }
  }

  async #append<D extends Draft>(room: string, messages: readonly D[]): Promise<Appended<D>> {
    const known = () => this.#rooms.get(room)?.known;
    const appended = await this.#log.append(room, messages, known);
    const { epoch, last } = appended;
    // If it cannot be read either, it is stored all the same. The next page or heartbeat brings it.
    await this.#rooms.get(room)?.waitFor(epoch, { seq: last }, ARRIVAL_MS).catch(() => {});
    return appended;
  }
}

/** Refuses what is stored and cannot be answered yet, unless it was refused already. */
function unheard<D extends Draft>(receipt: Receipt<D>): Receipt<D> {
  const sentence = "Earlier revisions cannot be read now. Send it again later.";
  return { refusal: new Refusal("unavailable", sentence, { retryAfterMs: RETRY_MS }), ...receipt };
}

/** Finds where the head was at each revision's place in the batch: it may not change a later message. */
function placed<D extends Draft>(
  drafts: readonly D[],
  appended: Appended<D> | undefined,
): readonly PlacedRevision<D>[] {
  let head = appended === undefined ? Infinity : appended.first - 1;
  let messages = 0;
  const revisions: PlacedRevision<D>[] = [];
  for (const draft of drafts) {
    if (isRevision(draft)) revisions.push({ draft, head });
    else if (!appended?.repeated.has(messages++)) head++;
  }
  return revisions;
}
