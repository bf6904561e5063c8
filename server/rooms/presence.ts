/**
 * `Presence` knows the members of a room and decides what is announced of them. Members are users, not
 * connections: one with three tabs is a member once. A user who reloads the page is gone and back
 * within the grace period, and nothing is announced. In a crowd a count takes the place of single
 * notices.
 *
 * @module
 */
import { tellApplication } from "../access/application.ts";
import type { MemberChange, SharedMembers } from "../broker/broker.ts";
import type { SystemEvent, User } from "../protocol/messages.ts";
import type { NodeContext } from "./context.ts";
import { isUnseen, Roster, type SingleChange } from "./roster.ts";
import type { ConnectedUser, ConnectedUsers } from "./user.ts";

/** Above this many members only `count` notices are sent. */
const CROWD = 200;
/** The shortest time between two `count` notices of a room. */
const NOTICE_MS = 1000;

/** A member on this node. */
interface LocalMember {
  readonly user: ConnectedUser;
  connections: number;
}

/** What presence needs of its room. */
export interface PresenceContext extends NodeContext {
  readonly users: ConnectedUsers;
  /** @param exceptUserId the user who is not sent it, because `joined` said the same. */
  announce(event: SystemEvent, exceptUserId?: string): void;
  /** Called when the last connection of a user is gone. It is announced after the grace period. */
  disconnected(user: ConnectedUser): void;
  /** Called when the last member on this node has left. */
  emptied(): void;
}

export class Presence {
  readonly #room: string;
  readonly #context: PresenceContext;
  /** Set if the room has members on other nodes too. */
  readonly #shared: SharedMembers | undefined;
  /** The members on this node, by id. */
  readonly #local = new Map<string, LocalMember>();
  /** The members on all nodes, if there are others. */
  readonly #roster: Roster | undefined;
  /** When the grace of each member without a connection ends; the earliest first. */
  readonly #graceEnds = new Map<string, number>();
  #graceTimer: ReturnType<typeof setTimeout> | undefined;
  #countTimer: ReturnType<typeof setTimeout> | undefined;
  #isCountDue = false;

  constructor(room: string, context: PresenceContext) {
    this.#room = room;
    this.#context = context;
    this.#shared = context.broker.members;
    this.#roster = this.#shared && new Roster();
  }

  /** The number of members on all nodes. */
  get count(): number {
    return this.#roster?.countHere ?? this.#local.size;
  }

  /** Whether the room has no members on this node. */
  get isEmpty(): boolean {
    return this.#local.size === 0;
  }

  /** The members on this node. */
  get users(): readonly User[] {
    return [...this.#local.values()].map(({ user }) => user.user);
  }

  /** Returns a member on this node. */
  find(id: string): User | undefined {
    return this.#local.get(id)?.user.user;
  }

  /** Lists up to `max` members of all nodes, each as JSON. */
  list(max: number): string[] {
    const users = this.#roster?.users().map((user) => JSON.stringify(user)) ??
      this.#local.values().map(({ user }) => user.json);
    return [...users.take(max)];
  }

  /** Counts one more connection of a user in the room. */
  enter(user: ConnectedUser): void {
    const member = this.#local.get(user.id);
    if (member !== undefined) {
      member.connections++;
      this.#graceEnds.delete(user.id);
      return;
    }
    this.#local.set(user.id, { user, connections: 1 });
    this.#context.users.hold(user.user);
    user.renameListeners.add(this);
    this.#report({ kind: "joined", user: user.user });
    this.#tell("onJoin", user.user);
  }

  /** Takes one connection from the count of its user. If it was the last one, the member departs at once. */
  leave(user: ConnectedUser): void {
    if (this.#countOff(user)) this.#depart(user);
  }

  /** Takes one connection from the count of its user. If it was the last one, the member has the grace period to come back. */
  lose(user: ConnectedUser): void {
    if (!this.#countOff(user)) return;
    const { now, options } = this.#context;
    const graceMs = options.graceSeconds * 1000;
    this.#graceEnds.set(user.id, now() + graceMs);
    this.#graceTimer ??= setTimeout(() => this.#endGraces(), graceMs);
  }

  /** Lets a member depart who has no connection any more, and whose return is not waited for. */
  endGrace(userId: string): void {
    const member = this.#local.get(userId);
    if (member === undefined || member.connections > 0) return;
    this.#graceEnds.delete(userId);
    this.#depart(member.user);
  }

  renamed({ user }: ConnectedUser, old: string): void {
    this.#report({ kind: "renamed", user, old });
  }

  /** Applies what the broker reports of members on any node, and announces it. */
  apply(report: MemberChange): void {
    for (const { change, isExpected } of this.#roster?.apply(report) ?? []) {
      this.#announce(change, isExpected);
      if (change.kind === "left") this.#contradict(change.user.id);
    }
    for (const { id, name } of report.kind === "everyone" ? report.users : [report.user]) {
      this.#local.get(id)?.user.adoptName(name);
    }
  }

  /**
   * A node that stood still for longer than its lease is told that its own members left. Those who are
   * still here join again, for all nodes.
   */
  #contradict(id: string): void {
    const member = this.#local.get(id);
    if (member !== undefined) this.#shared?.enter(this.#room, member.user.user);
  }

  /** Forgets all members without announcing it. */
  close(): void {
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#countTimer);
    for (const { user } of this.#local.values()) this.#forget(user);
  }

  /** Lets those members depart whose grace period is over. */
  #endGraces(): void {
    this.#graceTimer = undefined;
    const now = this.#context.now();
    for (const [id, end] of this.#graceEnds) {
      if (end > now) {
        this.#graceTimer = setTimeout(() => this.#endGraces(), end - now);
        return;
      }
      this.#graceEnds.delete(id);
      const member = this.#local.get(id);
      if (member !== undefined) this.#depart(member.user);
    }
  }

  /** Counts one connection less. @returns whether it was the user's last one. */
  #countOff(user: ConnectedUser): boolean {
    const member = this.#local.get(user.id);
    if (member === undefined || --member.connections > 0) return false;
    this.#context.disconnected(user);
    return true;
  }

  #depart(user: ConnectedUser): void {
    this.#forget(user);
    this.#report({ kind: "left", user: user.user });
    this.#tell("onLeave", user.user);
    if (this.isEmpty) this.#context.emptied();
  }

  /** Tells the application of a member on this node. */
  #tell(what: "onJoin" | "onLeave", user: User): void {
    const { application, log } = this.#context;
    const act = application?.[what];
    if (act !== undefined) tellApplication(what, log, () => act(this.#room, user));
  }

  #forget(user: ConnectedUser): void {
    this.#local.delete(user.id);
    user.renameListeners.delete(this);
    this.#context.users.release(user);
  }

  /** Announces a change; or reports it to the broker, which calls back on all nodes, this one included. */
  #report(change: SingleChange): void {
    const { kind, user } = change;
    if (this.#shared === undefined) return isUnseen(change) ? undefined : this.#announce(change);
    if (kind === "renamed") return this.#shared.rename(this.#room, user);
    if (kind === "left") return this.#shared.leave(this.#room, user);
    this.#roster?.expect(user);
    this.#shared.enter(this.#room, user);
  }

  /** @param isExpected the user has just come by this node, and was sent `joined`. */
  #announce(change: SingleChange, isExpected = false): void {
    const { kind, user } = change;
    const memberCount = this.#roster?.count ?? this.#local.size;
    if (memberCount > CROWD) return this.#announceCount();
    this.#context.announce(
      { type: "system", room: this.#room, payload: sentence(change), kind, user, memberCount },
      isExpected && kind === "joined" ? user.id : undefined,
    );
  }

  #announceCount(): void {
    this.#isCountDue = true;
    if (this.#countTimer !== undefined) return;
    this.#isCountDue = false;
    this.#context.announce({
      type: "system",
      room: this.#room,
      payload: `${this.count} people are here.`,
      kind: "count",
      memberCount: this.count,
    });
    this.#countTimer = setTimeout(() => {
      this.#countTimer = undefined;
      if (this.#isCountDue) this.#announceCount();
    }, NOTICE_MS);
  }
}

function sentence(change: SingleChange): string {
  const { kind, user } = change;
  return kind === "renamed" ? `${change.old} is now ${user.name}.` : `${user.name} ${kind}.`;
}
