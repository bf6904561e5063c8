/**
 * A `ConnectedUser` is a user with at least one connection to this node. All sessions of the user share
 * one, so its name is the same everywhere.
 *
 * @module
 */
import { guestName } from "../protocol/names.ts";
import type { User } from "../protocol/messages.ts";

/** Is told when a user takes another name. */
export interface RenameListener {
  renamed(user: ConnectedUser, oldName: string): void;
}

export class ConnectedUser {
  readonly id: string;
  /** The rooms that the user is in. */
  readonly renameListeners = new Set<RenameListener>();
  /** How many sessions, rooms and requests use this object. */
  holds = 0;
  #user: User;
  #json: string;

  constructor(user: User) {
    this.id = user.id;
    this.#user = user;
    this.#json = JSON.stringify(user);
  }

  get user(): User {
    return this.#user;
  }

  /** The user as JSON text. It is encoded once for each name, not for each message. */
  get json(): string {
    return this.#json;
  }

  /** Changes the name, and announces it in the user's rooms. */
  rename(name: string): void {
    const oldName = this.#user.name;
    if (name === oldName) return;
    this.adoptName(name);
    for (const listener of this.renameListeners) listener.renamed(this, oldName);
  }

  /** Takes over a name that was set on another node, without announcing it. */
  adoptName(name: string): void {
    if (name === this.#user.name) return;
    this.#user = { id: this.id, name };
    this.#json = JSON.stringify(this.#user);
  }
}

/** The users who are connected to this node, by id. */
export class ConnectedUsers {
  readonly #byId = new Map<string, ConnectedUser>();

  get size(): number {
    return this.#byId.size;
  }

  /** Returns a user with the name of now, if connected; a token may hold an older one. */
  current(user: User): User {
    return this.#byId.get(user.id)?.user ?? user;
  }

  /**
   * Returns the user with that id, who is kept until {@linkcode ConnectedUsers.release}.
   *
   * @param name used only if the user is not connected yet.
   */
  hold(id: string, name = guestName(id)): ConnectedUser {
    let user = this.#byId.get(id);
    if (user === undefined) {
      user = new ConnectedUser({ id, name });
      this.#byId.set(id, user);
    }
    user.holds++;
    return user;
  }

  /** Forgets a user when it was released as often as it was held. */
  release(user: ConnectedUser): void {
    if (--user.holds === 0) this.#byId.delete(user.id);
  }
}
