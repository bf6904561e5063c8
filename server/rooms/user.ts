import { guestName } from "../protocol/names.ts";
import type { User } from "../protocol/messages.ts";

/** Where a person is, and is told of a new name. */
export interface Place {
  renamed(person: Person, old: string): void;
}

/** Somebody who is connected, or was a moment ago. All of a person's sessions share one. */
export class Person {
  readonly id: string;
  /** The rooms that this person is in. */
  readonly places = new Set<Place>();
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
    this.isCalled(name);
    for (const place of this.places) place.renamed(this, old);
  }

  /** Has that name already, elsewhere: nobody is to be told. */
  isCalled(name: string): void {
    if (name === this.#user.name) return;
    this.#user = { id: this.id, name };
    this.#json = JSON.stringify(this.#user);
  }
}

/** Everybody who is connected, by id. */
export class People {
  readonly #byId = new Map<string, Person>();

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
  hold(id: string, name = guestName(id)): Person {
    let person = this.#byId.get(id);
    if (person === undefined) {
      person = new Person({ id, name });
      this.#byId.set(id, person);
    }
    person.holds++;
    return person;
  }

  release(person: Person): void {
    if (--person.holds === 0) this.#byId.delete(person.id);
  }
}
