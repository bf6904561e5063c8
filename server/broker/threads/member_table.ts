/**
 * The members of all rooms over all serving threads. A user who is on two threads counts once. It is in the
 * storing thread, which never forgets and always knows which threads there are: nothing has to be reported
 * again, as it has over a network.
 *
 * @module
 */
import { isDefaultName } from "../../protocol/names.ts";
import type { User } from "../../protocol/messages.ts";
import type { MemberChange, RoomSummary } from "../broker.ts";

interface Member {
  user: User;
  /** The serving threads that the user is on. */
  readonly threads: Set<object>;
}

export class MemberTable {
  readonly #rooms = new Map<string, Map<string, Member>>();
  readonly #changed: (room: string, change: MemberChange) => void;
  /** The rooms as the last list of them began. */
  #fullestFirst: readonly RoomSummary[] = [];

  /** @param changed is called with each change, in the order that is the same for all threads. */
  constructor(changed: (room: string, change: MemberChange) => void) {
    this.#changed = changed;
  }

  enter(thread: object, room: string, user: User): void {
    let members = this.#rooms.get(room);
    if (members === undefined) this.#rooms.set(room, members = new Map());
    const member = members.get(user.id);
    if (member === undefined) {
      members.set(user.id, { user, threads: new Set([thread]) });
      return this.#changed(room, { kind: "joined", user });
    }
    member.threads.add(thread);
    // A name that nobody has chosen does not take the place of one that was chosen on another thread.
    if (!isDefaultName(user.name, user.id)) this.#show(room, member, user);
  }

  leave(thread: object, room: string, { id }: Pick<User, "id">): void {
    const members = this.#rooms.get(room);
    const member = members?.get(id);
    if (members === undefined || !member?.threads.delete(thread)) return;
    if (member.threads.size > 0) return;
    members.delete(id);
    if (members.size === 0) this.#rooms.delete(room);
    this.#changed(room, { kind: "left", user: member.user });
  }

  rename(room: string, user: User): void {
    const member = this.#rooms.get(room)?.get(user.id);
    if (member !== undefined) this.#show(room, member, user);
  }

  /** Lets all users of a thread leave that is gone. */
  leaveAll(thread: object): void {
    for (const [room, members] of this.#rooms) {
      for (const { user } of members.values()) this.leave(thread, room, user);
    }
  }

  /**
   * Returns so many rooms, the fullest first, without the first `skip`. The pages of a list show the rooms as
   * they were at its first page: so none is left out or comes twice, and they are put in order only once.
   */
  rooms(max: number, skip: number): readonly RoomSummary[] {
    if (skip === 0) {
      this.#fullestFirst = [...this.#rooms]
        .map(([name, { size }]) => ({ name, memberCount: size }))
        .sort((a, b) => b.memberCount - a.memberCount || (a.name < b.name ? -1 : 1));
    }
    return this.#fullestFirst.slice(skip, skip + max);
  }

  list(room: string): readonly User[] {
    return [...this.#rooms.get(room)?.values() ?? []].map(({ user }) => user);
  }

  find(room: string, id: string): User | undefined {
    return this.#rooms.get(room)?.get(id)?.user;
  }

  #show(room: string, member: Member, user: User): void {
    const { name: old } = member.user;
    if (JSON.stringify(member.user) === JSON.stringify(user)) return;
    member.user = user;
    this.#changed(room, { kind: "renamed", user, old });
  }
}
