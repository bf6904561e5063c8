/**
 * What a client saves between visits, as JSON. A client also works when storage is full, blocked or
 * tampered with: what it saves then lasts as long as the page.
 *
 * @module
 */

/** The part of the Web Storage API that the client uses. */
export interface KeyValue {
  /** Returns the value of a key, or `null` if there is none. */
  getItem(key: string): string | null;
  /** Sets the value of a key. It may throw: the client then goes on without. */
  setItem(key: string, value: string): void;
}

/** Returns that storage of the browser. Outside a browser, or where it is blocked, it is memory. */
export function browserStorage(name: "localStorage" | "sessionStorage"): KeyValue {
  try {
    // Deno has both too, but a program there does not expect the name of an earlier program.
    if ("document" in globalThis) return globalThis[name];
  } catch {
    // The user blocks storage.
  }
  const memory = new Map<string, string>();
  return {
    getItem: (key) => memory.get(key) ?? null,
    setItem: (key, value) => void memory.set(key, value),
  };
}

/** Reads the value of a key; it is empty if there is none, or if it is not JSON. */
export function load<T extends object>(storage: KeyValue, key: string): Partial<T> {
  try {
    return JSON.parse(storage.getItem(key) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/** Saves a value, if the storage accepts it. */
export function save(storage: KeyValue, key: string, value: unknown): void {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage is full or blocked.
  }
}
