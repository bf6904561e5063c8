/**
 * The members of all rooms over all nodes. Each node reports its own users, and holds a lease on them
 * that it renews. The users of a dead node go when its lease ends: the next script that runs for the
 * room removes them. The script numbers the changes that it publishes, so all nodes get the same changes
 * in the same order, and a node that misses one notices.
 *
 * @module
 */
import type { User } from "../../protocol/messages.ts";
import type { BrokerListener, RoomSummary, SharedMembers } from "../broker.ts";
import type { RedisLink } from "./link.ts";
import { MemberList } from "./member_list.ts";
import { MemberQueries } from "./member_queries.ts";
import { changeOf, opOf, usersOf } from "./members_script.ts";
import { RoomCounts } from "./room_counts.ts";

/**
 * After Redis has lost the members, all nodes report theirs again within a third of a lease. The list
 * is read after this part of it.
 */
const GATHER_SHARE = 5 / 9;
/**
 * A version starts as a time in microseconds and then counts up. A version that differs by more than
 * this is from after such a loss.
 */
const MAX_VERSION_GAP = 10_000;
/** Changes that are kept while the members are read. A dropped one is noticed as a gap. */
const MAX_EARLY = 1_024;

export class RedisMembers implements SharedMembers {
  readonly #leaseMs: number;
  readonly #absenceMs: number;
  readonly #queries: MemberQueries;
  readonly #counts: RoomCounts;
  readonly #lists = new Map<string, MemberList>();
  #listener: BrokerListener = { committed() {}, signalled() {} };
  #ending: Promise<void> | undefined;

  /**
   * @param leaseMs how long a node's report is good.
   * @param absenceMs how long it is good after the node has stopped.
   */
  constructor(link: RedisLink, node: string, leaseMs: number, absenceMs: number) {
    this.#leaseMs = leaseMs;
    this.#absenceMs = absenceMs;
    this.#queries = new MemberQueries(link, node, leaseMs);
    this.#counts = new RoomCounts(link, this.#queries);
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  enter(room: string, user: User): void {
    this.#report(room, "+", user);
  }

  leave(room: string, user: User): void {
    this.#report(room, "-", user);
  }

  rename(room: string, user: User): void {
    this.#report(room, "~", user);
  }

  rooms(max: number, skip: number): Promise<readonly RoomSummary[]> {
    return this.#counts.list(max, skip);
  }

  list(room: string): Promise<readonly User[]> {
    return this.#queries.list(room);
  }

  find(room: string, id: string): Promise<User | undefined> {
    return this.#queries.find(room, id);
  }

  /** Reads all members of a room whose channel is subscribed to, and calls back before it answers. */
  async open(room: string): Promise<void> {
    const list = this.#list(room);
    await list.reporting;
    // The hub knows no member of a room that it has just opened.
    clearTimeout(list.gathering);
    list.gathering = undefined;
    [list.version, list.versionBefore] = [-1, -1];
    await this.#run(list, [], true);
  }

  /** Drops the list of a room without users on this node. */
  async close(room: string): Promise<void> {
    const list = this.#lists.get(room);
    if (list === undefined) return;
    await list.reporting;
    // A user may have entered meanwhile.
    if (this.#lists.get(room) !== list || list.ops.length > 0 || this.#here(room) > 0) return;
    clearTimeout(list.gathering);
    this.#lists.delete(room);
  }

  /** Takes a published change: version, kind, line feed, id, line feed, what is shown, and what was before. */
  receive(room: string, message: string): void {
    const list = this.#lists.get(room);
    if (list === undefined) return;
    if (list.version < 0) {
      if (list.early.length < MAX_EARLY) list.early.push(message);
      return;
    }
    const [head = "", id = "", shown = "", old] = message.split("\n");
    if (!/^\d{1,16}[+~-]$/.test(head) || id === "") return; // the script does not publish this
    const version = Number(head.slice(0, -1));
    if (version <= list.version && version > list.version - MAX_VERSION_GAP) return;
    const isNext = version === list.version + 1;
    if (!isNext && Math.abs(version - list.version) < MAX_VERSION_GAP) return this.#readAll(list);
    list.version = version;
    if (!isNext) this.#gather(list);
    this.#listener.membersChanged?.(room, changeOf(head.slice(-1), id, shown, old));
  }

  /** Renews the lease for a room's users, and finds out whether a change was missed. */
  async heartbeat(room: string): Promise<void> {
    const list = this.#lists.get(room);
    if (this.#isEnding || list === undefined) return;
    if (list.ops.length > 0 || list.reporting !== undefined) return;
    if (!list.isReported) return await this.#reportAll(list);
    const { latestVersion, version } = list;
    await this.#run(list, [], false);
    if (this.#isEnding) return;
    if (!list.isReported) return await this.#reportAll(list);
    // A change that Redis knew of at the last heartbeat should have arrived by now.
    if (latestVersion > version && version >= 0) this.#readAll(list);
  }

  end(): Promise<void> {
    return this.#ending ??= this.#end();
  }

  get #isEnding(): boolean {
    return this.#ending !== undefined;
  }

  async #end(): Promise<void> {
    const lists = [...this.#lists.values()];
    for (const { gathering } of lists) clearTimeout(gathering);
    await Promise.allSettled(lists.map(({ reporting }) => reporting));
    this.#queries.end(this.#absenceMs);
    await Promise.allSettled(lists.map(({ room }) => this.#counts.renew(room)));
  }

  #list(room: string): MemberList {
    let list = this.#lists.get(room);
    if (list === undefined) this.#lists.set(room, list = new MemberList(room));
    return list;
  }

  /** The number of the room's users on this node. */
  #here(room: string): number {
    return this.#listener.membersHere?.(room).length ?? 0;
  }

  #report(room: string, kind: string, user: User): void {
    if (this.#isEnding) return; // what its users do from now on, another node reports
    const list = this.#list(room);
    list.ops.push(...opOf(kind, user));
    list.reporting ??= this.#reportChanges(list).finally(() => list.reporting = undefined);
  }

  async #reportChanges(list: MemberList): Promise<void> {
    await Promise.resolve(); // the changes of one turn of the event loop go together
    while (list.ops.length > 0 && list.isReported) {
      const { ops } = list;
      list.ops = [];
      try {
        await this.#run(list, ops, false);
      } catch {
        list.isReported = false; // the next heartbeat reports all users
      }
    }
    if (!list.isReported) list.ops = [];
  }

  /** Reports all users of this node, whatever Redis knows of them, and reads all members. */
  async #reportAll(list: MemberList): Promise<void> {
    const here = this.#listener.membersHere?.(list.room) ?? [];
    list.isReported = true;
    try {
      const all = here.flatMap((user) => opOf("+", user));
      await this.#run(list, [...opOf("=", { id: "", name: "" }), ...all], true);
    } catch (thrown) {
      list.isReported = false;
      throw thrown;
    }
  }

  /** Runs the script with some changes, and reads all members if asked to. */
  async #run(list: MemberList, ops: readonly string[], readsAll: boolean): Promise<void> {
    const { room } = list;
    if (ops.length > 0) list.reports++;
    const { reports } = list;
    if (readsAll) {
      if (list.version >= 0) list.versionBefore = list.version;
      list.version = -1;
    }
    const answer = await this.#queries.run(room, ops, readsAll);
    const [version = 0, here, count = 0, leftMs = 0] = answer.map(Number);
    list.latestVersion = version;
    // The answer does not count what was reported since.
    const isLatest = reports === list.reports && list.ops.length === 0;
    if (isLatest && here !== this.#here(room)) list.isReported = false;
    void this.#counts.set(room, count, leftMs);
    const all = answer[4];
    if (!readsAll || !Array.isArray(all)) return;
    list.version = version;
    const { versionBefore } = list;
    if (versionBefore >= 0 && Math.abs(version - versionBefore) >= MAX_VERSION_GAP) {
      this.#gather(list);
    }
    // After a loss, members who are not reported again yet are missing, but have not left.
    if (list.gathering === undefined) {
      this.#listener.membersChanged?.(room, { kind: "everyone", users: usersOf(all) });
    }
    const { early } = list;
    list.early = [];
    for (const message of early) this.receive(room, message);
  }

  #readAll(list: MemberList): void {
    this.#run(list, [], true).catch(() => {
      list.isReported = false; // the next heartbeat reads them
    });
  }

  /** Reads all members later, when all nodes have reported theirs again. */
  #gather(list: MemberList): void {
    clearTimeout(list.gathering);
    if (this.#isEnding) return;
    list.gathering = setTimeout(() => {
      list.gathering = undefined;
      this.#readAll(list);
    }, this.#leaseMs * GATHER_SHARE);
  }
}
