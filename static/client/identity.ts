/**
 * `Identity` is the client's user: the name and the token that every `hello` carries, so that the user
 * stays the same. The token is the application's, or else the one that was saved of a guest. When the
 * server refuses the guest's token or the name, the client gives up that one only.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import type { Stored } from "./storage.ts";

/** The `ref` of a connection's `hello`. */
export const HELLO_REF = "hello";
/** In place of the `ref` of a `rename`: the name is in a `hello`. No `ref` is like that. */
const IN_HELLO = "\0";

/** What is saved of a guest. */
export interface SavedGuest {
  readonly token: string | undefined;
  readonly name: string | undefined;
}

/** The client's user. */
export interface Identity {
  /** The user; undefined before the first `welcome`. */
  user?: wire.User;
  /** The token of the last `hello`, or the one that the server gave. */
  token?: string | undefined;
  /** The token that the application gave. While there is one, nothing is read from storage or saved. */
  givenToken?: string | undefined;
  /**
   * The new name that the application asked for. `ref` is that of the `rename` sent, `IN_HELLO`, or empty: it
   * is not said yet, as when it was asked for between a `hello` and its answer.
   */
  rename?: { name: string; ref: string } | undefined;
  /** Makes the `hello` of a new connection. It reads storage again: another tab may have renamed. */
  hello(): wire.HelloCommand;
  /**
   * Gives up the guest's token or the name that the server refused in a `hello`, and keeps the other.
   *
   * @returns whether it gave one up, so that the next `hello` is a different one.
   */
  refused(error: wire.ErrorEvent, hello: wire.HelloCommand): boolean;
  /** Saves the user and the token of a `welcome`. */
  welcomed(event: wire.WelcomeEvent): void;
  /** Saves the user's current name. A `rename` under way is then done. */
  setUser(user: wire.User): void;
  /** Forgets what is saved, unless that is of another guest by now. */
  forget(): void;
}

/**
 * Makes an identity.
 *
 * @param name to begin with. For a user of the application it becomes the last one.
 */
export function createIdentity(stored: Stored<SavedGuest>, name: string | undefined): Identity {
  let refusedToken: string | undefined;
  let refusedName: string | undefined;

  const self: Identity = {
    hello() {
      const saved: ReturnType<typeof stored.load> = self.givenToken
        ? { token: self.givenToken }
        : stored.load();
      const wanted = self.rename?.name ?? (textOf(saved.name) || name);
      const savedToken = textOf(saved.token);
      const token = self.token = savedToken === refusedToken ? undefined : savedToken;
      if (self.rename) self.rename.ref = IN_HELLO;
      return {
        type: "hello",
        ref: HELLO_REF,
        ...(token && { token }),
        ...(wanted && wanted !== refusedName && { name: wanted }),
      };
    },
    refused({ code, field }, { token, name }) {
      if (token && token !== self.givenToken && (code === "unauthorized" || field === "token")) {
        refusedToken = token;
        if (stored.load().token === token) stored.save({ name });
        return true;
      }
      if (field !== "name") return false;
      refusedName = name;
      if (self.rename?.ref) self.rename = undefined;
      return !!name;
    },
    welcomed({ user, token }) {
      if (token) self.token = token;
      self.setUser(user);
    },
    setUser(user) {
      self.user = user;
      if (self.rename?.ref) self.rename = undefined;
      if (self.givenToken) name = user.name;
      else stored.save({ token: self.token, name: user.name });
    },
    forget() {
      if (stored.load().token === self.token) stored.save({});
    },
  };
  return self;
}

/** Returns what was saved as text, whatever it is now: the server refuses what it does not accept. */
function textOf(saved: unknown): string {
  return `${saved ?? ""}`;
}
