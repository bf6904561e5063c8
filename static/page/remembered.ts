/**
 * Remembers the rooms of the last visit, and how far each was read. All tabs of a browser share it.
 *
 * @module
 */

/// <reference lib="dom" />

/** A room, and the latest `seq` that was in sight. */
export interface RememberedRoom {
  readonly name: string;
  readonly readSeq: number | undefined;
}

const KEY = "parley.rooms";
const MAX_ROOMS = 50;

/** Returns what another tab or an earlier visit remembered, in the order of entering. */
export function remembered(): readonly RememberedRoom[] {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(saved) ? saved.filter(isRoom) : [];
  } catch {
    return [];
  }
}

/** Remembers this tab's rooms beside those of other tabs. */
export function remember(rooms: readonly RememberedRoom[]): void {
  const others = remembered().filter(({ name }) => !rooms.some((room) => room.name === name));
  save([...others, ...rooms].slice(-MAX_ROOMS));
}

/** Forgets a room that was left. */
export function forget(room: string): void {
  save(remembered().filter(({ name }) => name !== room));
}

let lastSaved = "";

function save(rooms: readonly RememberedRoom[]): void {
  const text = JSON.stringify(rooms);
  if (text === lastSaved) return;
  lastSaved = text;
  try {
    localStorage.setItem(KEY, text);
  } catch {
    // Storage is blocked or full: the next visit begins with the room of the address.
  }
}

function isRoom(value: unknown): value is RememberedRoom {
  return typeof value === "object" && value !== null && "name" in value &&
    typeof value.name === "string" && value.name !== "" &&
    (!("readSeq" in value) || typeof value.readSeq === "number");
}
