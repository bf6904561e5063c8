/**
 * `Sanctions` are the bans and mutes of a node: the copy of what the broker keeps, by which every right is
 * capped. They end by themselves, with one timer for the earliest end.
 *
 * @module
 */
import {
  addressSubject,
  type LiftOrder,
  moderatedSubject,
  type Sanction,
  sanctionKey,
  userIdOf,
  userSubject,
} from "../broker/orders.ts";
import type { Right } from "../protocol/tables.ts";
import type { Identity } from "./identity.ts";
import type { Source } from "./source.ts";

/** The timer looks at the clock at least so often: the wall clock may be set, and a machine may sleep. */
const MAX_WAIT_MS = 3_600_000;

/** What changed when all sanctions were replaced. */
export interface SanctionChanges {
  readonly imposed: readonly Sanction[];
  readonly lifted: readonly Sanction[];
}

/** A ban or a mute of a user, as it is shown to whoever may lift it. */
export interface ShownSanction {
  readonly id: string;
  /** Who has imposed it, and may lift it: managers may not lift the application's. */
  readonly by: "application" | "managers";
  /** When it ends, in milliseconds since 1970; without it, it is for good. */
  readonly until?: number;
}

export class Sanctions {
  readonly #now: () => number;
  readonly #ended: (sanction: Sanction) => void;
  /** By room, and in it by kind and subject. */
  readonly #byRoom = new Map<string, Map<string, Sanction>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer fires. */
  #firesAt = Infinity;

  /**
   * @param now the wall clock, in milliseconds since 1970.
   * @param ended is called when the time of a sanction is over.
   */
  constructor(now: () => number, ended: (sanction: Sanction) => void) {
    this.#now = now;
    this.#ended = ended;
  }

  /**
   * Returns the right that somebody does not exceed in a room. A ban of an address binds its guests.
   *
   * @param given the right without sanctions: what a manager has imposed does not bind another one.
   */
  capOf({ user, isGuest }: Identity, source: Source, room: string, given: Right): Right {
    const held = this.#byRoom.get(room);
    if (held === undefined) return "manage";
    const subject = userSubject(user.id);
    const isManager = given === "manage" && !this.#holds(held, "mute", subject);
    const isBound = (kind: Sanction["kind"]) =>
      this.#holds(held, kind, subject) ||
      !isManager && this.#holds(held, kind, moderatedSubject(user.id));
    if (isBound("ban")) return "none";
    if (isGuest && this.addressBan(room, source.group) !== undefined) return "none";
    return isBound("mute") ? "read" : "manage";
  }

  /** Adds a sanction, in place of an earlier one of the same kind. */
  impose(sanction: Sanction): void {
    const { kind, room, subject, until } = sanction;
    let held = this.#byRoom.get(room);
    if (held === undefined) this.#byRoom.set(room, held = new Map());
    held.set(`${kind} ${subject}`, sanction);
    if (until !== null) this.#wait(until);
  }

  /** Removes a sanction. */
  lift({ kind, room, subject }: LiftOrder): void {
    this.#remove(room, `${kind === "unban" ? "ban" : "mute"} ${subject}`);
  }

  /** Lists the users who are banned from a room, or muted there. Bans of addresses go with those of guests. */
  list(kind: Sanction["kind"], room: string): readonly ShownSanction[] {
    const now = this.#now();
    return [...this.#byRoom.get(room)?.values() ?? []].flatMap((sanction) => {
      const { subject, until } = sanction;
      const id = userIdOf(subject);
      if (sanction.kind !== kind || id === undefined || (until ?? Infinity) <= now) return [];
      const by = subject === userSubject(id) ? "application" : "managers";
      return [{ id, by, ...(until !== null && { until }) }];
    });
  }

  /** Takes over all sanctions. */
  replace(sanctions: readonly Sanction[]): SanctionChanges {
    const textOf = (sanction: Sanction) => sanctionKey(sanction) + sanction.until;
    const before = new Map(this.#all().map((one) => [textOf(one), one]));
    const after = new Map(sanctions.map((one) => [textOf(one), one]));
    this.#byRoom.clear();
    for (const sanction of sanctions) this.impose(sanction);
    return {
      imposed: [...after].filter(([key]) => !before.has(key)).map(([, one]) => one),
      lifted: [...before].filter(([key]) => !after.has(key)).map(([, one]) => one),
    };
  }

  /** Returns the addresses whose bans only a guest who is no longer banned has left, as subjects. */
  freedAddresses(guestId: string, room: string): readonly string[] {
    const held = this.#byRoom.get(room);
    if (held === undefined || this.#isBanned(held, guestId)) return [];
    return [...held.values()]
      .filter((sanction) => sanction.guestId === guestId)
      .map(({ subject }) => subject);
  }

  /** Returns the ban of an address that holds in a room: no longer than that of the guest it came from. */
  addressBan(room: string, group: string): Sanction | undefined {
    const held = this.#byRoom.get(room);
    const subject = addressSubject(group);
    if (held === undefined || !this.#holds(held, "ban", subject)) return undefined;
    const ban = held.get(`ban ${subject}`);
    const guest = ban?.guestId;
    return guest === undefined || this.#isBanned(held, guest) ? ban : undefined;
  }

  /** Stops the timer. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #isBanned(held: ReadonlyMap<string, Sanction>, id: string): boolean {
    return [userSubject(id), moderatedSubject(id)].some((subject) =>
      this.#holds(held, "ban", subject)
    );
  }

  #holds(held: ReadonlyMap<string, Sanction>, kind: Sanction["kind"], subject: string): boolean {
    const until = held.get(`${kind} ${subject}`)?.until;
    return until === null || until !== undefined && until > this.#now();
  }

  #all(): readonly Sanction[] {
    return [...this.#byRoom.values()].flatMap((held) => [...held.values()]);
  }

  #remove(room: string, key: string): void {
    const held = this.#byRoom.get(room);
    held?.delete(key);
    if (held?.size === 0) this.#byRoom.delete(room);
  }

  /** Has the timer fire at that time, unless it fires sooner. */
  #wait(until: number): void {
    if (until >= this.#firesAt) return;
    this.#firesAt = until;
    clearTimeout(this.#timer);
    const left = Math.max(0, until - this.#now());
    this.#timer = setTimeout(() => this.#endDue(), Math.min(left, MAX_WAIT_MS));
  }

  #endDue(): void {
    this.#firesAt = Infinity;
    const now = this.#now();
    let next = Infinity;
    for (const sanction of this.#all()) {
      const until = sanction.until ?? Infinity;
      if (until > now) {
        next = Math.min(next, until);
        continue;
      }
      this.#remove(sanction.room, `${sanction.kind} ${sanction.subject}`);
      this.#ended(sanction);
    }
    if (next < Infinity) this.#wait(next);
  }
}
