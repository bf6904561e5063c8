/**
 * `Memberships` are the rooms that a session is in, and what its user may do in each. A right holds from
 * the join until the application, a ban or a mute changes it.
 *
 * @module
 */
import type { Identity } from "../access/identity.ts";
import type { Source } from "../access/source.ts";
import { Batch } from "../broker/page.ts";
import { encode } from "../protocol/encode.ts";
import type { Cursor } from "../protocol/messages.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Right } from "../protocol/tables.ts";
import type { Hub } from "./hub.ts";
import { logThrown } from "./log_thrown.ts";
import type { Room } from "./room.ts";
import type { Subscriber } from "./subscriber.ts";
import type { ConnectedUser, RightChange } from "./user.ts";

/** What memberships need of their session. */
export interface Member extends Subscriber {
  /** With the name that the user has now. */
  readonly identity: Identity;
  readonly source: Source;
  readonly hasEnded: boolean;
}

interface Membership {
  readonly room: Room;
  right: Right;
  /** The number of the last refresh when the application was asked for this right. */
  refresh: number;
}

export class Memberships {
  readonly #hub: Hub;
  readonly #session: Member;
  readonly #byRoom = new Map<string, Membership>();
  /** Counts the times that rights were asked for anew: an older answer must not replace a newer one. */
  #refreshes = 0;

  constructor(hub: Hub, session: Member) {
    this.#hub = hub;
    this.#session = session;
  }

  /** The rooms that the session is in. */
  get rooms(): readonly Room[] {
    return [...this.#byRoom.values()].map(({ room }) => room);
  }

  get(name: string): Room | undefined {
    return this.#byRoom.get(name)?.room;
  }

  /** Returns what the user may do in a room; `none` if the session is not in it. */
  rightIn(name: string): Right {
    return this.#byRoom.get(name)?.right ?? "none";
  }

  /**
   * Enters a room, if the user may. If rights are judged anew before the answer is there, it asks again:
   * the answer may be from before what has changed.
   *
   * @param ref of the `join`, for an error that comes later.
   * @throws {Refusal} `forbidden`, `unauthorized`, `unavailable`, `too_many_rooms`, `room_full`
   */
  join(name: string, since: Cursor | undefined, ref: string | undefined): void | Promise<void> {
    const refreshes = this.#refreshes;
    const right = this.#hub.rights.rightOf(this.#session.identity, this.#session.source, name);
    if (!(right instanceof Promise)) return this.#enter(name, right, since, ref);
    return right.then((right) => {
      if (this.#session.hasEnded) return;
      if (this.#refreshes !== refreshes) return this.join(name, since, ref);
      this.#enter(name, right, since, ref);
    });
  }

  /** Leaves a room, because the user wants to or has to. @throws {Refusal} `not_in_room` */
  leave(name: string): void {
    this.#membershipIn(name).room.leave(this.#session);
    this.#byRoom.delete(name);
  }

  /** Forgets a room that could not be entered after all. */
  forget(name: string): void {
    this.#byRoom.delete(name);
  }

  /** Leaves all rooms: the connection is gone. */
  end(): void {
    for (const [name, { room }] of this.#byRoom) {
      const lose = () => room.lose(this.#session);
      const facts = { room: name, connection: this.#session.connection.id };
      logThrown(this.#hub.context.log, "leave failed", lose, facts);
    }
    this.#byRoom.clear();
  }

  /** Replaces the user that the session had before by its present one. */
  changeUser(previous: ConnectedUser): void {
    for (const { room } of this.#byRoom.values()) room.changeUser(this.#session, previous);
  }

  /** Checks that the session is in a room. @throws {Refusal} `not_in_room` */
  assertIn(name: string): void {
    this.#membershipIn(name);
  }

  /**
   * Returns a room, if the user may speak in it.
   *
   * @throws {Refusal} `not_in_room`, `forbidden`, `unauthorized`
   */
  roomToSpeakIn(name: string): Room {
    const { room, right } = this.#membershipIn(name);
    if (right !== "read") return room;
    throw this.#hub.rights.refusal(this.#session.identity, name, "write");
  }

  /**
   * Judges the right in each room anew, or in one of them. Where that fails, the right stays as it is.
   *
   * @throws {Refusal} `unavailable`
   */
  refresh(room?: string): void | Promise<void> {
    const refresh = ++this.#refreshes;
    const waiting: Promise<void>[] = [];
    for (const name of room === undefined ? [...this.#byRoom.keys()] : [room]) {
      try {
        const judged = this.#judge(name, refresh);
        if (judged !== undefined) waiting.push(judged);
      } catch (thrown) {
        waiting.push(Promise.reject(thrown)); // the other rooms are still judged, and waited for
      }
    }
    if (waiting.length > 0) return Promise.all(waiting).then(() => {});
  }

  /** Sets what the user may do in a room, and tells the client. `none` ends the membership. */
  setRight(name: string, right: Right, { payload, seconds }: RightChange = {}): void {
    const membership = this.#byRoom.get(name);
    if (membership === undefined || membership.right === right) return;
    membership.right = right;
    if (right === "none") this.leave(name);
    if (right === "read") this.#hub.typing.end(name, this.#session.user.user);
    const event = encode({
      type: "right",
      room: name,
      right,
      ...(payload !== undefined && { payload }),
      ...(seconds !== undefined && { seconds }),
    });
    this.#session.connection.reply(Batch.of(event));
  }

  /** Enters a room where the user has that right. */
  #enter(name: string, right: Right, since: Cursor | undefined, ref: string | undefined): void {
    const before = this.#byRoom.get(name);
    if (right === "none") {
      if (before !== undefined) this.setRight(name, right);
      throw this.#hub.rights.refusal(this.#session.identity, name, "read");
    }
    const max = this.#hub.context.options.maxRoomsPerConnection;
    if (max > 0 && this.#byRoom.size >= max && before === undefined) {
      const sentence = `Cannot join ${JSON.stringify(name)}: a connection may be in ${max} rooms.`;
      const details = { field: "room", limit: "max_rooms_per_connection" } as const;
      throw new Refusal("too_many_rooms", sentence, details);
    }
    const room = this.#hub.room(name, this.#session.source);
    room.join(this.#session, since, ref);
    this.#byRoom.set(name, { room, right, refresh: this.#refreshes });
  }

  /** Judges the right in a room. The answer counts unless that of a later refresh or join has come. */
  #judge(name: string, refresh: number): void | Promise<void> {
    const apply = (right: Right) => {
      const membership = this.#byRoom.get(name);
      if (membership === undefined || membership.refresh >= refresh) return;
      membership.refresh = refresh;
      this.setRight(name, right);
    };
    const right = this.#hub.rights.rightOf(this.#session.identity, this.#session.source, name);
    return right instanceof Promise ? right.then(apply) : apply(right);
  }

  #membershipIn(name: string): Membership {
    const membership = this.#byRoom.get(name);
    if (membership !== undefined) return membership;
    const sentence = `You are not in ${JSON.stringify(name)}. Join it first.`;
    throw new Refusal("not_in_room", sentence, { field: "room" });
  }
}
