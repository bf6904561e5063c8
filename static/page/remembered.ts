/** The rooms of the last visit, and how far each was read. All tabs of a browser share it. */

/// <reference lib="dom" />

/** A room, and the newest `seq` that was in sight. */
export interface RememberedRoom {
  readonly name: string;
  readonly readSeq: number | undefined;
}

const KEY = "parley.rooms";
const MOST = 50;

/** What another tab or an earlier visit remembered, in the order of entering. */
export function remembered(): readonly RememberedRoom[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isRoom) : [];
  } catch {
    return [];
  }
}

/** Remembers this tab's rooms beside those of other tabs. */
export function remember(rooms: readonly RememberedRoom[]): void {
  const others = remembered().filter(({ name }) => !rooms.some((room) => room.name === name));
  keep([...others, ...rooms].slice(-MOST));
}

/** Forgets a room that was left. */
export function forget(room: string): void {
  keep(remembered().filter(({ name }) => name !== room));
}

let kept = "";

function keep(rooms: readonly RememberedRoom[]): void {
  const text = JSON.stringify(rooms);
  if (text === kept) return;
  kept = text;
  try {
    localStorage.setItem(KEY, text);
  } catch {
    // Blocked or full: the rooms are those of the address next time.
  }
}

function isRoom(value: unknown): value is RememberedRoom {
  return typeof value === "object" && value !== null && "name" in value &&
    typeof value.name === "string" && value.name !== "" &&
    (!("readSeq" in value) || typeof value.readSeq === "number");
}
