/**
 * What a client keeps between visits, as JSON. Storage may be full, blocked or tampered with, and a
 * client works all the same: then it lasts as long as the page.
 *
 * @module
 */

/** The part of the Web Storage API that the client uses. */
export interface KeyValue {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** That storage of the browser; outside of one, or where it is blocked, memory. */
export function browserStorage(name: "localStorage" | "sessionStorage"): KeyValue {
  try {
    // Deno has both too, but a program there would not expect to be given an earlier one's name.
    if ("document" in globalThis) return globalThis[name];
  } catch {
    // Blocked by the user.
  }
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  };
}

/** What was kept under that key, if anything legible was. */
export function load<T extends object>(storage: KeyValue, key: string): Partial<T> {
  try {
    return JSON.parse(storage.getItem(key) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/** Keeps a value under that key, if the storage takes it. */
export function save(storage: KeyValue, key: string, value: unknown): void {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    // Full or blocked.
  }
}
