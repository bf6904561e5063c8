/**
 * The epoch of one room, as cursors carry it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { LogState } from "./broker.ts";

/**
 * The epoch of one room, as cursors have it: a digest that names the room's log, a dot, and the mark.
 * Each room's digest is its own, so that a cursor from another room is not taken for a place in this
 * one: what lies before it would silently never be shown.
 */
export function epochOf({ epoch, mark }: LogState, room: string): string {
  const digest = createHash("sha256").update(JSON.stringify([epoch, room])).digest("base64url");
  return digest.slice(0, 16) + (mark === undefined ? "" : `.${mark}`);
}

/**
 * The mark within a cursor's epoch; empty if it has none.
 *
 * @param own the room's epoch now.
 * @returns `undefined` if the cursor's epoch names another log.
 */
export function markOf(epoch: string, own: string): string | undefined {
  const [digest, mark = "", ...more] = epoch.split(".");
  return more.length === 0 && digest === own.split(".")[0] ? mark : undefined;
}
