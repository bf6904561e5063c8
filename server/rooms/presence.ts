/**
 * Who is in a room: people, not connections. A person with three tabs is there once; a reload, gone
 * and back within the grace period, is not worth a word. In a crowd single notices give way to a
 * count. It decides what is announced, and leaves the sending to the room.
 *
 * @module
 */
import type { MemberChange, SharedMembers } from "../broker/broker.ts";
import type { Clock } from "../access/allowances.ts";
import type { SystemEvent, User } from "../protocol/messages.ts";
import type { ConnectedUser, ConnectedUsers } from "./user.ts";
import { type News, Roster } from "./roster.ts";

/** Above this many people only `count` notices are sent. */
const CROWD = 200;
/** The least time between two `count` notices of a room. */
const NOTICE_MS = 1000;

interface Entry {
  readonly person: ConnectedUser;
  connections: number;
}

export interface PresenceContext {
  readonly room: string;
  readonly people: ConnectedUsers;
  readonly graceMs: number;
  readonly now: Clock;
  /** Set if the room has people on other nodes too. */
  readonly shared: SharedMembers | undefined;
  /** @param exceptUserId who is not told, having been greeted. */
  announce(event: SystemEvent, exceptUserId?: string): void;
  /** The last connection of this person is gone; the room is told of it when the grace is over. */
  disconnected(person: ConnectedUser): void;
  /** The last person has left. */
  emptied(): void;
}

export class Presence {
  readonly #context: PresenceContext;
  /** Those who are here on this node. */
  readonly #entries = new Map<string, Entry>();
  /** And on all of them, if there are others. */
  readonly #roster: Roster | undefined;
  /** Those without a connection, and until when they are waited for; the earliest first. */
  readonly #leaving = new Map<string, number>();
  #leavingTimer: ReturnType<typeof setTimeout> | undefined;
  #countTimer: ReturnType<typeof setTimeout> | undefined;
  #countIsDue = false;

  constructor(context: PresenceContext) {
    this.#context = context;
    this.#roster = context.shared && new Roster();
  }

  get count(): number {
    return this.#roster?.countHere ?? this.#entries.size;
  }

  /** Nobody is here on this node. */
  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Those who are here on this node. */
  get users(): readonly User[] {
    return [...this.#entries.values()].map(({ person }) => person.user);
  }

  /** Up to `most` of all, each as JSON. */
  list(most: number): string[] {
    const users: string[] = [];
    const all = this.#roster?.users().map((user) => JSON.stringify(user)) ??
      this.#entries.values().map(({ person }) => person.json);
    for (const user of all) {
      if (users.length >= most) break;
      users.push(user);
    }
    return users;
  }

  /** One more connection of this person is in the room. */
  enter(person: ConnectedUser): void {
    const entry = this.#entries.get(person.id);
    if (entry !== undefined) {
      entry.connections++;
      this.#leaving.delete(person.id);
      return;
    }
    this.#entries.set(person.id, { person, connections: 1 });
    this.#context.people.hold(person.id);
    person.renameListeners.add(this);
    this.#tell({ kind: "joined", user: person.user });
  }

  /** One connection less. @param atOnce on purpose, so nobody is waited for. */
  leave(person: ConnectedUser, atOnce: boolean): void {
    const entry = this.#entries.get(person.id);
    if (entry === undefined || --entry.connections > 0) return;
    this.#context.disconnected(person);
    if (atOnce) return this.#depart(entry);
    this.#leaving.set(person.id, this.#context.now() + this.#context.graceMs);
    this.#leavingTimer ??= setTimeout(() => this.#sweep(), this.#context.graceMs);
  }

  renamed({ user }: ConnectedUser, old: string): void {
    this.#tell({ kind: "renamed", user, old });
  }

  /** Somebody came, went or took another name, on whichever node. */
  hear(change: MemberChange): void {
    for (const { news, isExpected } of this.#roster?.hear(change) ?? []) {
      this.#announce(news, isExpected);
      if (news.kind === "left") this.#contradict(news.user.id);
    }
    for (const { id, name } of change.kind === "everyone" ? change.users : [change.user]) {
      this.#entries.get(id)?.person.adoptName(name);
    }
  }

  /**
   * A node that stood still for longer than its lease hears that its own people left. Those who did
   * not leave come again, for all nodes and for themselves.
   */
  #contradict(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#context.shared?.enter(this.#context.room, entry.person.user);
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
    this.#tell({ kind: "left", user: person.user });
    if (this.isEmpty) this.#context.emptied();
  }

  #forget(person: ConnectedUser): void {
    this.#entries.delete(person.id);
    person.renameListeners.delete(this);
    this.#context.people.release(person);
  }

  /** To the members; or to all nodes, and what comes of it is heard here as everywhere. */
  #tell(news: News): void {
    const { room, shared } = this.#context;
    if (shared === undefined) return this.#announce(news);
    const { kind, user } = news;
    if (kind === "joined") this.#roster?.expect(user);
    if (kind === "joined") return shared.enter(room, user);
    if (kind === "left") return shared.leave(room, user);
    shared.rename(room, user);
  }

  /** @param isGreeted the user just came by this node, and was told `joined`. */
  #announce(news: News, isGreeted = false): void {
    const { kind, user } = news;
    const memberCount = this.#roster?.count ?? this.#entries.size;
    if (memberCount > CROWD) return this.#announceCount();
    const { room } = this.#context;
    const event = {
      type: "system",
      room,
      payload: sentence(news),
      kind,
      user,
      memberCount,
    } as const;
    this.#context.announce(event, isGreeted && kind === "joined" ? user.id : undefined);
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

function sentence(news: News): string {
  const { kind, user } = news;
  return kind === "renamed" ? `${news.old} is now ${user.name}.` : `${user.name} ${kind}.`;
}
