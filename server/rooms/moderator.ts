/**
 * The `Moderator` takes back what users may do. It gives orders to the broker, which passes them to all
 * nodes, and carries out on this node what is ordered here or elsewhere.
 *
 * @module
 */
import { includes } from "../access/rights.ts";
import { Sanctions } from "../access/sanctions.ts";
import { AgeClock } from "../broker/age_clock.ts";
import { FullError } from "../broker/broker.ts";
import {
  addressSubject,
  type ImposeOrder,
  isImposing,
  isLifting,
  moderatedSubject,
  type Order,
  type Sanction,
  userIdOf,
  userSubject,
} from "../broker/orders.ts";
import { audit, reason } from "../log.ts";
import { Refusal } from "../protocol/refusal.ts";
import { CLOSE } from "../protocol/tables.ts";
import { AddressBans } from "./address_bans.ts";
import type { NodeContext } from "./context.ts";
import { logThrown } from "./log_thrown.ts";
import type { Room } from "./room.ts";
import type { ConnectedUsers, RightChange, UserSession } from "./user.ts";

const RETRY_MS = 1000;

/** What the moderator needs of the hub. */
export interface ModeratorContext extends NodeContext {
  readonly users: ConnectedUsers;
  /** The rooms that have members on this node. */
  readonly rooms: ReadonlyMap<string, Room>;
  /** Called when a user is erased, whose connections are closed. */
  forgotten(userId: string): void;
}

/** How a user is removed. */
export interface RemovalTerms {
  /** Why, in a sentence for the user. */
  readonly payload?: string | undefined;
  /** The id of the manager who asks; without it the application does. */
  readonly by?: string | undefined;
}

/** How a sanction is imposed. */
export interface SanctionTerms extends RemovalTerms {
  /** For how long; without it, for good. */
  readonly seconds?: number | undefined;
}

export class Moderator {
  readonly sanctions: Sanctions;
  readonly #context: ModeratorContext;
  readonly #now: () => number;
  readonly #addressBans: AddressBans;

  constructor(context: ModeratorContext) {
    const { broker, now: steady } = this.#context = context;
    const clock = new AgeClock({ wall: Date.now, steady }, undefined);
    this.#now = () => Math.ceil(clock.now()); // sanctions are stored with whole milliseconds
    this.sanctions = new Sanctions(this.#now, (sanction) => this.#lifted(sanction));
    this.sanctions.replace(broker.sanctions());
    this.#addressBans = new AddressBans({
      sanctions: this.sanctions,
      now: this.#now,
      log: context.log,
      order: (order) => this.order(order),
    });
  }

  /**
   * Bans a user from a room, or mutes a user there. On this node it holds when this settles.
   *
   * @throws {Refusal} `unavailable`
   */
  async impose(
    kind: Sanction["kind"],
    room: string,
    userId: string,
    { payload, seconds, by }: SanctionTerms,
  ): Promise<void> {
    const until = seconds === undefined ? null : Math.ceil(this.#now() + seconds * 1000);
    const subject = by === undefined ? userSubject(userId) : moderatedSubject(userId);
    await this.order({ kind, room, subject, until, ...(payload !== undefined && { payload }) });
    await this.#addressBans.settled();
    this.#audit(kind, by, room, userId);
  }

  /**
   * Lifts a ban or a mute; with the ban of a guest, those of its addresses. A manager lifts what managers
   * have imposed.
   *
   * @throws {Refusal} `unavailable`
   */
  async lift(
    kind: "unban" | "unmute",
    room: string,
    userId: string,
    by?: string,
  ): Promise<void> {
    await this.order({ kind, room, subject: moderatedSubject(userId) });
    if (by === undefined) await this.order({ kind, room, subject: userSubject(userId) });
    const addresses = kind === "unban" ? this.sanctions.freedAddresses(userId, room) : [];
    for (const subject of addresses) await this.order({ kind, room, subject });
    this.#audit(kind, by, room, userId);
  }

  /** Ends a user's membership of a room. @throws {Refusal} `unavailable` */
  async remove(room: string, userId: string, { payload, by }: RemovalTerms): Promise<void> {
    await this.order({
      kind: "remove",
      room,
      userId,
      ...(payload !== undefined && { payload }),
      ...(by !== undefined && { sparesManagers: true }),
    });
    this.#audit("remove", by, room, userId);
  }

  /** Gives an order to all nodes. @throws {Refusal} `unavailable` */
  async order(order: Order): Promise<void> {
    const { broker, log } = this.#context;
    try {
      await broker.order(order);
    } catch (thrown) {
      log.error("order failed", { kind: order.kind, reason: reason(thrown) });
      const sentence = thrown instanceof FullError ? thrown.message : "The order was not stored.";
      throw new Refusal("unavailable", sentence, { retryAfterMs: RETRY_MS });
    }
  }

  /** Carries out an order on this node. */
  ordered(order: Order): void {
    logThrown(this.#context.log, "order failed", () => this.#carryOut(order), { kind: order.kind });
  }

  /** Takes over all sanctions, after orders were missed. */
  sanctionsReplaced(sanctions: readonly Sanction[]): void {
    const { imposed, lifted } = this.sanctions.replace(sanctions);
    for (const sanction of lifted) this.#lifted(sanction);
    for (const sanction of imposed) this.ordered(sanction);
  }

  close(): void {
    this.sanctions.close();
  }

  #carryOut(order: Order): void {
    if (isImposing(order)) return this.#impose(order);
    if (isLifting(order)) {
      this.sanctions.lift(order);
      const { room, subject } = order;
      return this.#lifted({ kind: order.kind === "unban" ? "ban" : "mute", room, subject });
    }
    const sessions = this.#sessionsOf(order.userId);
    switch (order.kind) {
      case "remove":
        for (const session of sessions) {
          if (order.sparesManagers && session.rightIn(order.room) === "manage") continue;
          session.setRight(order.room, "none", order);
        }
        return this.#context.rooms.get(order.room)?.presence.endGrace(order.userId);
      case "forget":
        for (const session of sessions) disconnect(session, "You were removed.");
        return this.#context.forgotten(order.userId);
      case "disconnect":
        for (const session of sessions) disconnect(session, order.payload);
        return;
      case "refresh":
        for (const session of sessions) this.#refresh(session);
        return;
      default:
        order satisfies never;
    }
  }

  #impose(order: ImposeOrder): void {
    const { kind, room, subject } = order;
    this.sanctions.impose(order);
    const right = kind === "ban" ? "none" : "read";
    const userId = userIdOf(subject);
    const sparesManagers = userId !== undefined && subject === moderatedSubject(userId);
    for (const session of this.#boundBy(order)) {
      if (sparesManagers && session.rightIn(room) === "manage") continue;
      // An address is banned where a guest is connected: no other node knows it.
      if (kind === "ban" && userId !== undefined) this.#addressBans.ban(order, session);
      if (!includes(right, session.rightIn(room))) session.setRight(room, right, this.#why(order));
    }
    if (kind === "ban") this.#endGrace(order);
  }

  /** Gives back what a sanction took. One who was banned is not in the room, and has nothing to be told. */
  #lifted(sanction: Omit<Sanction, "until">): void {
    if (sanction.kind === "ban") return;
    for (const session of this.#boundBy(sanction)) this.#refresh(session, sanction.room);
  }

  /** Returns the sessions that a sanction binds. */
  #boundBy({ subject }: Pick<Sanction, "subject">): readonly UserSession[] {
    const { users } = this.#context;
    const id = userIdOf(subject);
    if (id !== undefined) return this.#sessionsOf(id);
    return [...users.all].flatMap(({ sessions }) => [...sessions])
      .filter(({ identity, source }) =>
        identity.isGuest && addressSubject(source.group) === subject
      );
  }

  /** A member who has just lost the connection is listed for a while, and is not when banned. */
  #endGrace({ room, subject }: ImposeOrder): void {
    const id = userIdOf(subject);
    if (id !== undefined) this.#context.rooms.get(room)?.presence.endGrace(id);
  }

  /** Logs what a manager has done to another user. */
  #audit(what: Order["kind"], by: string | undefined, room: string, userId: string): void {
    if (by !== undefined) audit(this.#context.log, { who: by, what, whom: userId, room });
  }

  #sessionsOf(userId: string): readonly UserSession[] {
    return [...this.#context.users.get(userId)?.sessions ?? []];
  }

  #why({ payload, until }: ImposeOrder): RightChange {
    const seconds = until === null ? undefined : Math.ceil((until - this.#now()) / 1000);
    return { payload, seconds: seconds && Math.max(1, seconds) };
  }

  /** Asks anew what a session's user may do: in all its rooms, or in one. */
  #refresh(session: UserSession, room?: string): void {
    const failed = (thrown: unknown) =>
      this.#context.log.warn("refresh failed", { reason: reason(thrown) });
    try {
      session.refresh(room)?.catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }
}

/** Tells a client that it is not welcome any more, and closes its connection. */
function disconnect(session: UserSession, payload = "You were disconnected."): void {
  session.refuse(new Refusal("forbidden", payload));
  session.close(CLOSE.forbidden);
}
