/**
 * Who is in a room: people, not connections. A person with three tabs is there once; a reload, gone
 * and back within the grace period, is not worth a word. In a crowd single notices give way to a
 * count. It decides what is announced, and leaves the sending to the room.
 *
 * @module
 */
import { guestName } from "../identity.ts";
import type { Clock } from "../limits.ts";
import type { SystemEvent, User } from "../protocol.ts";

/** Above this many people only `count` notices are sent. */
const CROWD = 200;
/** The least time between two `count` notices of a room, and two `typing` events of a person. */
const NOTICE_MS = 1000;

/** Somebody who is connected, or was a moment ago. All of a person's sessions share one. */
export class Person {
  readonly id: string;
  /** The rooms that this person is in. */
  readonly places = new Set<Presence>();
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
    this.#user = { id: this.id, name };
    this.#json = JSON.stringify(this.#user);
    for (const place of this.places) place.renamed(this, old);
  }
}

/** Everybody who is connected, by id. */
export class People {
  readonly #byId = new Map<string, Person>();

  get size(): number {
    return this.#byId.size;
  }

  /** The name that this person goes by now, or would. */
  nameOf(id: string): string {
    return this.#byId.get(id)?.user.name ?? guestName(id);
  }

  /** That person, held until released. */
  hold(id: string): Person {
    let person = this.#byId.get(id);
    if (person === undefined) {
      person = new Person({ id, name: guestName(id) });
      this.#byId.set(id, person);
    }
    person.holds++;
    return person;
  }

  release(person: Person): void {
    if (--person.holds === 0) this.#byId.delete(person.id);
  }
}

interface Entry {
  readonly person: Person;
  connections: number;
  typedAt: number;
}

export interface PresenceContext {
  readonly room: string;
  readonly people: People;
  readonly graceMs: number;
  readonly now: Clock;
  announce(event: SystemEvent): void;
  /** The last person has left. */
  emptied(): void;
}

export class Presence {
  readonly #context: PresenceContext;
  readonly #entries = new Map<string, Entry>();
  /** Those without a connection, and until when they are waited for; the earliest first. */
  readonly #leaving = new Map<string, number>();
  #leavingTimer: ReturnType<typeof setTimeout> | undefined;
  #countTimer: ReturnType<typeof setTimeout> | undefined;
  #countIsDue = false;

  constructor(context: PresenceContext) {
    this.#context = context;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Up to `most` of them, as a JSON array of users. */
  list(most: number): string {
    const users: string[] = [];
    for (const { person } of this.#entries.values()) {
      if (users.length >= most) break;
      users.push(person.json);
    }
    return `[${users.join(",")}]`;
  }

  /** One more connection of this person is in the room. */
  enter(person: Person): void {
    const entry = this.#entries.get(person.id);
    if (entry !== undefined) {
      entry.connections++;
      this.#leaving.delete(person.id);
      return;
    }
    this.#entries.set(person.id, { person, connections: 1, typedAt: -Infinity });
    this.#context.people.hold(person.id);
    person.places.add(this);
    this.#announce("joined", person.user, `${person.user.name} joined.`);
  }

  /** One connection less. @param atOnce on purpose, so nobody is waited for. */
  leave(person: Person, atOnce: boolean): void {
    const entry = this.#entries.get(person.id);
    if (entry === undefined || --entry.connections > 0) return;
    if (atOnce) return this.#depart(entry);
    this.#leaving.set(person.id, this.#context.now() + this.#context.graceMs);
    this.#leavingTimer ??= setTimeout(() => this.#sweep(), this.#context.graceMs);
  }

  renamed(person: Person, old: string): void {
    this.#announce("renamed", person.user, `${old} is now ${person.user.name}.`);
  }

  /** Whether it is time for another `typing` event of this person. */
  mayType(person: Person): boolean {
    const entry = this.#entries.get(person.id);
    const now = this.#context.now();
    if (entry === undefined || now - entry.typedAt < NOTICE_MS) return false;
    entry.typedAt = now;
    return true;
  }

  /** Forgets everybody without a word. */
  close(): void {
    clearTimeout(this.#leavingTimer);
    clearTimeout(this.#countTimer);
    for (const { person } of this.#entries.values()) this.#forget(person);
  }

  /** Those whose grace has run out are gone. */
  #sweep(): void {
    this.#leavingTimer = undefined;
    const now = this.#context.now();
    for (const [id, until] of this.#leaving) {
      if (until > now) {
        this.#leavingTimer = setTimeout(() => this.#sweep(), until - now);
        return;
      }
      this.#leaving.delete(id);
      const entry = this.#entries.get(id);
      if (entry !== undefined) this.#depart(entry);
    }
  }

  #depart({ person }: Entry): void {
    this.#forget(person);
    this.#announce("left", person.user, `${person.user.name} left.`);
    if (this.#entries.size === 0) this.#context.emptied();
  }

  #forget(person: Person): void {
    this.#entries.delete(person.id);
    person.places.delete(this);
    this.#context.people.release(person);
  }

  #announce(kind: SystemEvent["kind"], user: User, payload: string): void {
    if (this.count > CROWD) return this.#announceCount();
    const { room } = this.#context;
    this.#context.announce({
      type: "system",
      room,
      payload,
      kind,
      user,
      memberCount: this.count,
    });
  }

  #announceCount(): void {
    this.#countIsDue = true;
    if (this.#countTimer !== undefined) return;
    this.#countIsDue = false;
    this.#context.announce({
      type: "system",
      room: this.#context.room,
      payload: `${this.count} people are here.`,
      kind: "count",
      memberCount: this.count,
    });
    this.#countTimer = setTimeout(() => {
      this.#countTimer = undefined;
      if (this.#countIsDue) this.#announceCount();
    }, NOTICE_MS);
  }
}
