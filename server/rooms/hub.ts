/**
 * The hub holds what the sessions of a node share: the rooms by name, the connected users, their
 * allowances and the tick. It passes on to each open room what the broker calls back with.
 *
 * @module
 */
import { Authenticator, type TokenVerifier } from "../access/authenticator.ts";
import { GuestTokens } from "../access/guest_tokens.ts";
import { Rights } from "../access/rights.ts";
import { RoomLimits } from "../access/room_limits.ts";
import { SlowMode } from "../access/slow_mode.ts";
import type { Source } from "../access/source.ts";
import { UserAllowances } from "../access/user_allowances.ts";
import type { RoomSummary } from "../broker/broker.ts";
import { digestOf, epochOf } from "../broker/epoch.ts";
import { DEFAULT_ROOM } from "../protocol/tables.ts";
import type { NodeContext } from "./context.ts";
import { logThrown } from "./log_thrown.ts";
import { Moderator } from "./moderator.ts";
import { ReadMarks } from "./read_marks.ts";
import { Room } from "./room.ts";
import { Tick } from "./tick.ts";
import { Typing } from "./typing.ts";
import { ConnectedUsers } from "./user.ts";

export interface HubContext extends NodeContext {
  /** Verifies the tokens that the application signs, if it signs any. */
  readonly verifier?: TokenVerifier | undefined;
}

/** For how many rooms a right is judged at most, for one list of rooms. */
const MAX_JUDGED = 10_000;

export class Hub {
  readonly context: HubContext;
  readonly users: ConnectedUsers = new ConnectedUsers();
  readonly guests: GuestTokens;
  readonly authenticator: Authenticator;
  readonly rights: Rights;
  readonly allowances: UserAllowances;
  readonly moderator: Moderator;
  readonly slowMode: SlowMode;
  readonly typing: Typing;
  readonly marks: ReadMarks;
  readonly tick: Tick;
  readonly #roomLimits: RoomLimits;
  readonly #rooms = new Map<string, Room>();

  constructor(context: HubContext) {
    this.context = context;
    const { options, rules, broker, log, now, application = {}, verifier } = context;
    const bringsUsers = application.authenticate !== undefined || verifier !== undefined;
    this.guests = new GuestTokens(broker.secret, bringsUsers);
    this.authenticator = new Authenticator({ guests: this.guests, application, verifier, log });
    const shared = { ...context, users: this.users, rooms: this.#rooms };
    this.marks = new ReadMarks(shared);
    this.moderator = new Moderator({
      ...shared,
      forgotten: (userId) => this.marks.forgetUser(userId),
    });
    this.rights = new Rights({
      application,
      log,
      guests: options.guests,
      ruleOf: (room) => rules.of(room),
      capOf: (...asked) => this.moderator.sanctions.capOf(...asked),
    });
    this.allowances = new UserAllowances(options, rules, now);
    this.slowMode = new SlowMode(rules, now);
    this.typing = new Typing(context);
    this.tick = new Tick(context, this.#rooms, this.marks);
    this.#roomLimits = new RoomLimits(options);
    broker.listen({
      committed: (name, page) => this.#pass(name, (room) => room.feed.deliver(page)),
      revised: (name, messages) => this.#pass(name, (room) => room.feed.revise(messages)),
      leftOut: (name, ...upTo) => this.#pass(name, (room) => room.feed.skipTo(...upTo)),
      signalled: (name, { event, exceptUserId }) =>
        this.#pass(name, (room) => room.feed.relay(event, exceptUserId)),
      logReplaced: (name, state) => {
        const before = this.#rooms.get(name)?.feed.position?.epoch ?? "";
        // A log from which messages were erased is the same log, and its marks hold.
        if (digestOf(before) !== digestOf(epochOf(state, name))) {
          this.marks.logReplaced(name);
          log.warn("room begun anew", { room: name });
        }
        this.#pass(name, (room) => room.feed.replaceLog(state));
      },
      retainedChanged: (name, change) => this.#pass(name, (room) => room.retainedChanged(change)),
      marked: (marks) => this.marks.heard(marks),
      ordered: (order) => this.moderator.ordered(order),
      sanctionsReplaced: (sanctions) => this.moderator.sanctionsReplaced(sanctions),
      membersChanged: (name, change) => this.#pass(name, (room) => room.presence.apply(change)),
      settle: () => this.tick.settled(),
      membersHere: (name) => this.#rooms.get(name)?.presence.users ?? [],
    });
  }

  /** The rooms that have members on this node. */
  get rooms(): ReadonlyMap<string, Room> {
    return this.#rooms;
  }

  /**
   * Lists the rooms that have members on any node and that `isListed` accepts, the fullest first. Rooms
   * that are not listed do not take the place of others, as far as MAX_JUDGED goes.
   */
  async occupiedRooms(
    max: number,
    isListed: (room: string) => boolean | Promise<boolean>,
  ): Promise<RoomSummary[]> {
    const { members } = this.context.broker;
    const here = members === undefined ? this.#occupiedHere() : [];
    const listed = new Map<string, RoomSummary>();
    for (let skip = 0; listed.size < max && skip < MAX_JUDGED; skip += max) {
      const page = await members?.rooms(max, skip) ?? here.slice(skip, skip + max);
      const areListed = await Promise.all(
        page.map(({ name, memberCount }) => memberCount > 0 && isListed(name)),
      );
      page.forEach((room, index) => areListed[index] && listed.set(room.name, room));
      if (page.length < max) break;
    }
    return [...listed.values()].sort(byMembers).slice(0, max);
  }

  /** Returns the rooms that have members on this node, the fullest first. */
  #occupiedHere(): RoomSummary[] {
    return [...this.#rooms.values()]
      .map(({ name, presence }) => ({ name, memberCount: presence.count }))
      .sort(byMembers);
  }

  /**
   * Returns the room of that name, and makes it if it has no members. The default room can always be
   * made.
   *
   * @param source counted as the opener of a new room until that room is empty.
   * @throws {Refusal} `too_many_rooms`
   */
  room(name: string, source: Source): Room {
    let room = this.#rooms.get(name);
    if (room !== undefined) return room;
    if (name !== DEFAULT_ROOM) this.#roomLimits.check(this.#rooms.size, source);
    room = new Room(name, {
      ...this.context,
      users: this.users,
      typing: this.typing,
      marks: this.marks,
      queue: (pending) => this.tick.queue(pending),
      emptied: (room) => this.#remove(room, source),
    });
    this.#rooms.set(name, room);
    this.#roomLimits.enter(source);
    return room;
  }

  /** Tells members at once what became of messages, and answers those who asked for it. */
  tellGathered(): void {
    for (const { feed } of this.#rooms.values()) feed.tellGathered();
  }

  /** Removes all rooms and stops all timers. */
  close(): void {
    this.tick.close();
    this.moderator.close();
    this.marks.close();
    for (const room of this.#rooms.values()) room.close();
    this.#rooms.clear();
  }

  /** Passes on a call of the broker to an open room. The broker goes on with its other rooms in any case. */
  #pass(name: string, act: (room: Room) => void): void {
    const room = this.#rooms.get(name);
    if (room !== undefined) logThrown(this.context.log, "delivery failed", () => act(room));
  }

  #remove(room: Room, source: Source): void {
    if (this.#rooms.get(room.name) !== room) return;
    room.close();
    this.#rooms.delete(room.name);
    this.#roomLimits.leave(source);
    logThrown(this.context.log, "delivery failed", () => this.context.broker.close(room.name));
  }
}

function byMembers(a: RoomSummary, b: RoomSummary): number {
  return b.memberCount - a.memberCount || (a.name < b.name ? -1 : 1);
}
