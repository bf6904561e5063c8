/**
 * The epoch of a room as cursors carry it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { LogState } from "./broker.ts";

/**
 * `epochOf` returns the epoch for cursors of one room: a digest of the log's epoch and the room's name,
 * a dot, and the mark. Each room has its own digest, so that a cursor of another room is not mistaken
 * for one of this room: the messages before it would silently be skipped.
 */
export function epochOf({ epoch, mark }: Pick<LogState, "epoch" | "mark">, room: string): string {
  const digest = createHash("sha256").update(JSON.stringify([epoch, room])).digest("base64url");
  return digest.slice(0, 16) + (mark === undefined ? "" : `.${mark}`);
}

/** `digestOf` returns the part of a cursor's epoch that names the log of the room. */
export function digestOf(epoch: string): string {
  return epoch.split(".", 1)[0] ?? "";
}

/**
 * `markOf` returns the mark in a cursor's epoch; an empty string if it has none.
 *
 * @param own the room's epoch now.
 * @returns `undefined` if the cursor's epoch names another log.
 */
export function markOf(epoch: string, own: string): string | undefined {
  const [digest, mark = "", ...more] = epoch.split(".");
  return more.length === 0 && digest === digestOf(own) ? mark : undefined;
}
