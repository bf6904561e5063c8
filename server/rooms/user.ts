/**
 * People, however many connections each has: one id, one name, everywhere the same. Rooms are places
 * to it that want to be told of a new name.
 *
 * @module
 */
import { guestName } from "../protocol/names.ts";
import type { User } from "../protocol/messages.ts";

/** Where a person is, and is told of a new name. */
export interface RenameListener {
  renamed(person: ConnectedUser, old: string): void;
}

/** Somebody who is connected, or was a moment ago. All of a person's sessions share one. */
export class ConnectedUser {
  readonly id: string;
  /** The rooms that this person is in. */
  readonly renameListeners = new Set<RenameListener>();
  /** Sessions and places that hold on to it. */
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

  /** `{"id":…,"name":…}`, encoded once rather than for every message. */
  get json(): string {
    return this.#json;
  }

  /** Takes a new name, and tells the rooms. */
  rename(name: string): void {
    const old = this.#user.name;
    if (name === old) return;
    this.adoptName(name);
    for (const place of this.renameListeners) place.renamed(this, old);
  }

  /** Has that name already, elsewhere: nobody is to be told. */
  adoptName(name: string): void {
    if (name === this.#user.name) return;
    this.#user = { id: this.id, name };
    this.#json = JSON.stringify(this.#user);
  }
}

/** Everybody who is connected, by id. */
export class ConnectedUsers {
  readonly #byId = new Map<string, ConnectedUser>();

  get size(): number {
    return this.#byId.size;
  }

  /** That user by the name of now, if connected; else as given, which is how the token has it. */
  current(user: User): User {
    return this.#byId.get(user.id)?.user ?? user;
  }

  /**
   * That person, held until released.
   *
   * @param name what the person is called if not connected yet.
   */
  hold(id: string, name = guestName(id)): ConnectedUser {
    let person = this.#byId.get(id);
    if (person === undefined) {
      person = new ConnectedUser({ id, name });
      this.#byId.set(id, person);
    }
    person.holds++;
    return person;
  }

  release(person: ConnectedUser): void {
    if (--person.holds === 0) this.#byId.delete(person.id);
  }
}
