/**
 * `Identity` is the client's user: the name and the token that every `hello` carries, so that the user
 * stays the same. The token is the application's, or else the one that was saved of a guest. When the
 * server refuses the guest's token or the name, the client gives up that one only.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import type { ClientOptions } from "./options.ts";
import type { Stored } from "./storage.ts";

/** The `ref` of a connection's `hello`. */
export const HELLO_REF = "hello";

/** What is saved of a guest. */
export interface SavedGuest {
  readonly token: string | undefined;
  readonly name: string;
}

/** The client's user. */
export class Identity {
  /** The user; undefined before the first `welcome`. */
  user: wire.User | undefined;
  /** The token of the last `hello`, or the one that the server gave. */
  token: string | undefined;
  /** The token that the application gave. While there is one, nothing is read from storage or saved. */
  givenToken: string | undefined;
  /** The new name that the application asked for. `ref` is that of the `rename` sent, or empty. */
  rename: { name: string; ref: string } | undefined;
  readonly #stored: Stored<SavedGuest>;
  /** The name to begin with, and for a user of the application the last one. */
  #name: string | undefined;
  #refusedToken: string | undefined;
  #refusedName: string | undefined;

  constructor(stored: Stored<SavedGuest>, { name }: ClientOptions) {
    this.#stored = stored;
    this.#name = name;
  }

  /** Makes the `hello` of a new connection. It reads storage again: another tab may have renamed. */
  hello(): wire.HelloCommand {
    const saved = this.givenToken ? { token: this.givenToken } : this.#stored.load();
    const name = this.rename?.name ?? saved.name ?? this.#name;
    this.token = saved.token === this.#refusedToken ? undefined : saved.token;
    return {
      type: "hello",
      ref: HELLO_REF,
      ...(this.token && { token: this.token }),
      ...(name && name !== this.#refusedName && { name }),
    };
  }

  /**
   * Gives up the guest's token or the name that the server refused in a `hello`, and keeps the other.
   *
   * @returns whether it gave one up, so that the next `hello` is a different one.
   */
  refused({ code, field }: wire.ErrorEvent, { token, name }: wire.HelloCommand): boolean {
    if (token && token !== this.givenToken && (code === "unauthorized" || field === "token")) {
      this.#refusedToken = token;
      const saved = this.#stored.load();
      if (saved.token === token) this.#stored.save({ ...saved, token: undefined });
      return true;
    }
    if (!name || field !== "name") return false;
    this.#refusedName = name;
    this.rename = undefined;
    return true;
  }

  /** Saves the user and the token of a `welcome`. */
  welcomed({ user, token }: wire.WelcomeEvent): void {
    if (token) this.token = token;
    this.rename = undefined;
    this.setUser(user);
  }

  /** Saves the user's current name. A `rename` under way is then done. */
  setUser(user: wire.User): void {
    this.user = user;
    if (this.rename?.ref) this.rename = undefined;
    if (this.givenToken) this.#name = user.name;
    else this.#stored.save({ token: this.token, name: user.name });
  }
}
