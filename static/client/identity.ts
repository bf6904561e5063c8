/**
 * `Identity` is the client's user: the name and the token that every `hello` carries, so that the user
 * stays the same. When the server refuses one of them, the client gives up that one only.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { type KeyValue, load, save } from "./storage.ts";

const KEY = "parley.me";
/** The `ref` of a connection's `hello`. */
export const HELLO_REF = "hello";

interface Saved {
  readonly token: string;
  readonly name: string;
}

/** The client's user. */
export class Identity {
  /** The user; undefined before the first `welcome`. */
  user: wire.User | undefined;
  token: string | undefined;
  /** The new name that the application asked for. `ref` is that of the `rename` sent, or empty. */
  rename: { name: string; ref: string } | undefined;
  readonly #storage: KeyValue;
  readonly #firstName: string | undefined;
  #refusedToken: string | undefined;
  #refusedName: string | undefined;

  constructor(storage: KeyValue, firstName: string | undefined) {
    this.#storage = storage;
    this.#firstName = firstName;
  }

  /** Makes the `hello` of a new connection. It reads storage again: another tab may have renamed. */
  hello(): wire.HelloCommand {
    const saved = load<Saved>(this.#storage, KEY);
    const name = this.rename?.name ?? saved.name ?? this.#firstName;
    this.token = saved.token === this.#refusedToken ? undefined : saved.token;
    return {
      type: "hello",
      ref: HELLO_REF,
      ...(this.token && { token: this.token }),
      ...(name && name !== this.#refusedName && { name }),
    };
  }

  /**
   * Gives up the token or the name that the server refused in a `hello`, and keeps the other.
   *
   * @returns whether it gave one up, so that the next `hello` is a different one.
   */
  refused({ code, field }: wire.ErrorEvent, { token, name }: wire.HelloCommand): boolean {
    if (token && (code === "unauthorized" || field === "token")) {
      this.#refusedToken = token;
      const saved = load<Saved>(this.#storage, KEY);
      if (saved.token === token) save(this.#storage, KEY, { ...saved, token: undefined });
      return true;
    }
    if (!name || field !== "name") return false;
    this.#refusedName = name;
    this.rename = undefined;
    return true;
  }

  /** Saves the user and the token of a `welcome`. */
  welcomed({ user, token }: wire.WelcomeEvent): void {
    this.token = token;
    this.rename = undefined;
    this.setUser(user);
  }

  /** Saves the user's current name. A `rename` under way is then done. */
  setUser(user: wire.User): void {
    this.user = user;
    if (this.rename?.ref) this.rename = undefined;
    save(this.#storage, KEY, { token: this.token, name: user.name });
  }
}
