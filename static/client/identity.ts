/**
 * Who the client is: the name and the token that make it the same person at every `hello`. Of what is
 * kept only the very thing that the server refused is given up.
 *
 * @module
 */
import type {
  ErrorEvent,
  HelloCommand,
  User,
  WelcomeEvent,
} from "../../server/protocol/messages.ts";
import { type KeyValue, load, save } from "./storage.ts";

const KEY = "parley.me";
/** The `ref` of a connection's `hello`. */
export const HELLO = "hello";

export class Identity {
  /** Undefined before the first `welcome`. */
  user: User | undefined;
  token: string | undefined;
  /** A name that is wanted; `ref` is that of the `rename` under way. */
  rename: { name: string; ref: string } | undefined;
  readonly #storage: KeyValue;
  readonly #firstName: string | undefined;
  #refusedToken: string | undefined;
  #refusedName: string | undefined;

  constructor(storage: KeyValue, firstName: string | undefined) {
    this.#storage = storage;
    this.#firstName = firstName;
  }

  /** The `hello` of a new connection. Storage is read anew: another tab may have another name now. */
  hello(): HelloCommand {
    const saved = load<{ token: string; name: string }>(this.#storage, KEY);
    const name = this.rename?.name ?? saved.name ?? this.#firstName;
    this.token = saved.token === this.#refusedToken ? undefined : saved.token;
    return {
      type: "hello",
      ref: HELLO,
      ...(this.token && { token: this.token }),
      ...(name && name !== this.#refusedName && { name }),
    };
  }

  /**
   * Gives up the token or the name that the server refused in a `hello`, and not the other.
   *
   * @returns whether it was one of them, so that the next `hello` is another one.
   */
  refused({ code, field }: ErrorEvent, { token, name }: HelloCommand): boolean {
    if (token && (code === "unauthorized" || field === "token")) {
      this.#refusedToken = token;
      const saved = load<{ token: string }>(this.#storage, KEY);
      if (saved.token === token) save(this.#storage, KEY, { ...saved, token: undefined });
      return true;
    }
    if (!name || field !== "name") return false;
    this.#refusedName = name;
    this.rename = undefined;
    return true;
  }

  welcomed({ user, token }: WelcomeEvent): void {
    this.token = token;
    this.rename = undefined;
    this.is(user);
  }

  /** Keeps the name that this person has by now. */
  is(user: User): void {
    this.user = user;
    if (this.rename?.ref) this.rename = undefined;
    save(this.#storage, KEY, { token: this.token, name: user.name });
  }
}
