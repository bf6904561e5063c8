/**
 * What a client saves between visits, as JSON. A client also works when storage is full, blocked or
 * tampered with: what it saves then lasts as long as the page.
 *
 * @module
 */
import type { Dispatch } from "./events.ts";

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

/** One value of a storage. */
export interface Stored<T extends object> {
  /** Returns the value; it is empty if there is none, or if it is not JSON. Others may have written it. */
  load(): { readonly [Field in keyof T]?: unknown };
  /** Saves a value. If the storage does not accept it, it lasts as long as the page. */
  save(value: Partial<T>): void;
}

/** Returns the value of a key. When values can no longer be saved, it dispatches an `error`. */
export function stored<T extends object>(
  storage: KeyValue,
  key: string,
  dispatch: Dispatch,
): Stored<T> {
  /** What the storage did not accept. */
  let unsaved: Partial<T> | undefined;
  return {
    load() {
      if (unsaved) return unsaved;
      try {
        return Object(JSON.parse(storage.getItem(key) ?? "{}"));
      } catch {
        return {};
      }
    },
    save(value) {
      try {
        storage.setItem(key, JSON.stringify(value));
        unsaved = undefined;
      } catch { // the storage is full or blocked
        const payload = `Cannot save "${key}".`;
        if (!unsaved) {
          dispatch("error", { type: "error", code: "unavailable", field: "storage", payload });
        }
        unsaved = value;
      }
    },
  };
}
