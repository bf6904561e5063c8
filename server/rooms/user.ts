/**
 * A `ConnectedUser` is a user with at least one connection to this node. All sessions of the user share
 * one, so its name is the same everywhere.
 *
 * @module
 */
import type { Identity } from "../access/identity.ts";
import type { Source } from "../access/source.ts";
import type { Batch } from "../broker/page.ts";
import type { User } from "../protocol/messages.ts";
import type { Refusal } from "../protocol/refusal.ts";
import type { CloseCode, Right } from "../protocol/tables.ts";

/** A `RenameListener` is told when a user has another name, or when the application says something else of the user. */
export interface RenameListener {
  renamed(user: ConnectedUser, oldName: string): void;
}

/** Why a right has changed, for the one who has it. */
export interface RightChange {
  /** In a sentence. */
  readonly payload?: string | undefined;
  /** For how long, if it is not for good. */
  readonly seconds?: number | undefined;
}

/** A session of a user, for those who act on all sessions of that user. */
export interface UserSession {
  readonly identity: Identity;
  readonly source: Source;
  /** Returns what the user may do in a room; `none` if the session is not in it. */
  rightIn(room: string): Right;
  /** Sets what the user may do in a room, and tells the client. `none` ends the membership. */
  setRight(room: string, right: Right, change?: RightChange): void;
  /**
   * Judges the right in each room anew, or in one of them.
   *
   * @throws {Refusal} `unavailable` if the application does not answer.
   */
  refresh(room?: string): void | Promise<void>;
  /** Tells the client that something was refused. */
  refuse(refusal: Refusal): void;
  /** Sends the client what concerns its user. */
  tell(batch: Batch): void;
  /** Closes the connection. */
  close(code: CloseCode): void;
}

export class ConnectedUser {
  readonly id: string;
  /** The rooms that the user is in. */
  readonly renameListeners: Set<RenameListener> = new Set();
  /** The user's sessions on this node. */
  readonly sessions: Set<UserSession> = new Set();
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
    this.#tellListeners(oldName);
  }

  /** Takes over a name that was set on another node, without announcing it. */
  adoptName(name: string): void {
    if (name !== this.#user.name) this.#set({ ...this.#user, name });
  }

  /** Takes over what the application says of the user now. A name that it has chosen is announced. */
  update(user: User, hasFixedName: boolean): void {
    const [{ name: oldName }, oldJson] = [this.#user, this.#json];
    this.#set({ ...user, name: hasFixedName ? user.name : oldName });
    if (this.#json !== oldJson) this.#tellListeners(oldName);
  }

  #tellListeners(oldName: string): void {
    for (const listener of this.renameListeners) listener.renamed(this, oldName);
  }

  #set(user: User): void {
    this.#user = user;
    this.#json = JSON.stringify(user);
  }
}

/** The users who are connected to this node, by id. */
export class ConnectedUsers {
  readonly #byId = new Map<string, ConnectedUser>();

  get size(): number {
    return this.#byId.size;
  }

  /** All users who are connected to this node. */
  get all(): Iterable<ConnectedUser> {
    return this.#byId.values();
  }

  /** Returns a user who is connected to this node. */
  get(id: string): ConnectedUser | undefined {
    return this.#byId.get(id);
  }

  /** Returns a user with the name of now, if connected; a token may hold an older one. */
  current(user: User): User {
    return this.#byId.get(user.id)?.user ?? user;
  }

  /**
   * Returns the user with that id, who is kept until {@linkcode ConnectedUsers.release}.
   *
   * @param user used only if the user is not connected yet.
   */
  hold(user: User): ConnectedUser {
    let connected = this.#byId.get(user.id);
    if (connected === undefined) {
      connected = new ConnectedUser(user);
      this.#byId.set(user.id, connected);
    }
    connected.holds++;
    return connected;
  }

  /** Forgets a user when it was released as often as it was held. */
  release(user: ConnectedUser): void {
    if (--user.holds === 0) this.#byId.delete(user.id);
  }
}
