/**
 * Remembers the rooms of the user, and how far each was read. All tabs of a browser share it: each
 * writes only what changed in it, and takes over what the others write.
 *
 * @module
 */

/// <reference lib="dom" />

/** A room, and the latest `seq` that was in sight. */
export interface RememberedRoom {
  readonly name: string;
  readonly readSeq?: number | undefined;
}

/** What another tab has changed. */
export interface RememberedChange {
  readonly entered: readonly RememberedRoom[];
  readonly left: readonly RememberedRoom[];
  readonly all: readonly RememberedRoom[];
}

const KEY = "parley.rooms";
const MAX_ROOMS = 200;
/** How often it is saved how far the rooms were read, in milliseconds. */
const SAVE_MS = 1_000;

/** Returns what another tab or an earlier visit remembered, in the order of entering. */
export function remembered(): readonly RememberedRoom[] {
  try {
    return parse(localStorage.getItem(KEY));
  } catch {
    return []; // storage is blocked: the next visit begins with the room of the address
  }
}

/**
 * Remembers a room that was entered.
 *
 * @param place among the rooms; by default the last one.
 */
export function remember(room: RememberedRoom, place?: number): void {
  const rooms = remembered();
  if (rooms.length >= MAX_ROOMS || rooms.some(({ name }) => name === room.name)) return;
  save(rooms.toSpliced(place ?? rooms.length, 0, room));
}

/** Forgets a room that was left. */
export function forget(room: string): void {
  const rooms = remembered();
  if (rooms.some(({ name }) => name === room)) save(rooms.filter(({ name }) => name !== room));
}

/** Forgets all rooms. Other tabs do not leave them for that. */
export function forgetAll(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Storage is blocked, so nothing is remembered.
  }
}

/**
 * Returns a function to call when a room may have been read further. That is saved at most once a
 * second, and when the page goes.
 *
 * @param read returns how far this tab has read its rooms.
 */
export function saverOfReads(read: () => readonly RememberedRoom[]): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const saveNow = () => {
    clearTimeout(timer);
    timer = undefined;
    const seqs = new Map(read().map(({ name, readSeq }) => [name, readSeq]));
    const before = remembered();
    const after = before.map((room) => {
      const seq = seqs.get(room.name);
      return seq !== undefined && seq > (room.readSeq ?? -1) ? { ...room, readSeq: seq } : room;
    });
    if (after.some((room, i) => room !== before[i])) save(after);
  };
  addEventListener("pagehide", saveNow);
  return () => {
    timer ??= setTimeout(saveNow, SAVE_MS);
  };
}

/** Calls `changed` whenever another tab has changed what is remembered. */
export function watchOtherTabs(changed: (change: RememberedChange) => void): void {
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    if (key !== KEY || newValue === null) return;
    const before = parse(oldValue);
    const all = parse(newValue);
    const without = (rooms: readonly RememberedRoom[], others: readonly RememberedRoom[]) =>
      rooms.filter(({ name }) => !others.some((other) => other.name === name));
    changed({ entered: without(all, before), left: without(before, all), all });
  });
}

function save(rooms: readonly RememberedRoom[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(rooms));
  } catch {
    // Storage is blocked or full: the next visit begins with the room of the address.
  }
}

function parse(text: string | null): readonly RememberedRoom[] {
  try {
    const saved: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(saved) ? saved.filter(isRoom) : [];
  } catch {
    return [];
  }
}

function isRoom(value: unknown): value is RememberedRoom {
  return typeof value === "object" && value !== null && "name" in value &&
    typeof value.name === "string" && value.name !== "" &&
    (!("readSeq" in value) || typeof value.readSeq === "number");
}
