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

/** One value of a storage. */
export class Stored<T extends object> {
  readonly #storage: KeyValue;
  readonly #key: string;
  readonly #failed: (key: string) => void;
  #hasFailed = false;

  /** @param failed is called when values can no longer be saved. */
  constructor(storage: KeyValue, key: string, failed: (key: string) => void) {
    this.#storage = storage;
    this.#key = key;
    this.#failed = failed;
  }

  /** Returns the value; it is empty if there is none, or if it is not JSON. */
  load(): Partial<T> {
    try {
      return JSON.parse(this.#storage.getItem(this.#key) ?? "{}") ?? {};
    } catch {
      return {};
    }
  }

  /** Saves a value, if the storage accepts it. */
  save(value: Partial<T>): void {
    try {
      this.#storage.setItem(this.#key, JSON.stringify(value));
      this.#hasFailed = false;
    } catch { // the storage is full or blocked
      if (!this.#hasFailed) this.#failed(this.#key);
      this.#hasFailed = true;
    }
  }
}
