/**
 * `eraseRoom` and `eraseUser` delete for good, on all nodes, in the application's name. They settle when what
 * was erased is in no file of the store.
 *
 * @module
 */
import type { Erasure } from "../broker/eraser.ts";
import { settleWithin } from "../deadline.ts";
import { reason } from "../log.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Hub } from "./hub.ts";

const RETRY_MS = 1000;
/** How long to wait for commits. They take some milliseconds, and on a slow disk several seconds. */
const COMMIT_MS = 10_000;

/** Erases a room. Its members stay in it, and start afresh. @throws {Refusal} `unavailable` */
export async function eraseRoom(hub: Hub, room: string): Promise<void> {
  await settle(hub, (eraser) => eraser.room(room));
}

/**
 * Erases what a user has said; with `isWhole` the user too, whose connections are closed first.
 *
 * @throws {Refusal} `unavailable`
 */
export async function eraseUser(hub: Hub, erasure: Erasure): Promise<void> {
  if (erasure.isWhole) await hub.moderator.order({ kind: "forget", userId: erasure.userId });
  await settle(hub, (eraser) => eraser.user(erasure));
}

async function settle(
  { context: { broker, log }, tick }: Hub,
  act: (eraser: Hub["context"]["broker"]["eraser"]) => Promise<void>,
): Promise<void> {
  let isStored = false; // what was said before, which would else be stored after the erasing
  await settleWithin(COMMIT_MS, tick.settled().then(() => isStored = true));
  try {
    if (!isStored) throw new Error("What was said before is not stored yet.");
    await act(broker.eraser);
  } catch (thrown) {
    log.error("erasing failed", { reason: reason(thrown) });
    const sentence = "Not all of it was erased. Repeat the request.";
    throw new Refusal("unavailable", sentence, { retryAfterMs: RETRY_MS });
  }
}
