/**
 * Orders take back what a user may do: bans, mutes, removals and disconnections. An order is given on one
 * node and carried out on all of them. What lasts of it, a ban or a mute, is kept with the log.
 *
 * @module
 */
import { isRecord } from "../protocol/rules.ts";

/** A ban or a mute. It holds until its time is over, or until it is lifted. */
export interface Sanction {
  /** A ban leaves the right `none`, a mute at most `read`. */
  readonly kind: "ban" | "mute";
  readonly room: string;
  /** Whom it binds: {@linkcode userSubject}, {@linkcode moderatedSubject} or {@linkcode addressSubject}. */
  readonly subject: string;
  /** When it ends, in milliseconds since 1970; `null` if it is for good. */
  readonly until: number | null;
  /** Set where it binds an address: the guest who was banned there. */
  readonly guestId?: string;
}

/** The order that imposes a sanction, in place of an earlier one of the same kind. */
export interface ImposeOrder extends Sanction {
  /** Why, in a sentence for people. It is told once, and not kept. */
  readonly payload?: string;
}

/** The order that lifts a sanction. */
export interface LiftOrder {
  readonly kind: "unban" | "unmute";
  readonly room: string;
  readonly subject: string;
}

/** The order that ends a user's membership of a room. The user may join again. */
export interface RemoveOrder {
  readonly kind: "remove";
  readonly room: string;
  readonly userId: string;
  /** Why, in a sentence for people. */
  readonly payload?: string;
  /** Set if a manager gives the order: it does not hold for another one. */
  readonly sparesManagers?: true;
}

/** The order that closes all connections of a user. */
export interface DisconnectOrder {
  readonly kind: "disconnect";
  readonly userId: string;
  /** Why, in a sentence for people. */
  readonly payload?: string;
}

/** The order that asks anew what a user may do, in all rooms that the user is in. */
export interface RefreshOrder {
  readonly kind: "refresh";
  readonly userId: string;
}

/** The order that closes all connections of a user who is erased, and forgets what is in memory. */
export interface ForgetOrder {
  readonly kind: "forget";
  readonly userId: string;
}

/** What all nodes are told to do. */
export type Order =
  | ImposeOrder
  | LiftOrder
  | RemoveOrder
  | DisconnectOrder
  | RefreshOrder
  | ForgetOrder;

/** How many bans and mutes are kept. Above it, another is refused until some end or are lifted. */
export const MAX_SANCTIONS = 16_384;

/** The sentence of the refusal at {@linkcode MAX_SANCTIONS}. */
export const TOO_MANY_SANCTIONS =
  `Cannot impose another ban or mute: ${MAX_SANCTIONS} are kept already. Lift some of them.`;

/** Names a user as the subject of a sanction. */
export function userSubject(id: string): string {
  return `user ${id}`;
}

/**
 * Names a user as the subject of a sanction that a manager has imposed. It does not bind the user while
 * the user has the right `manage` too: no node knows the rights of those who are connected elsewhere, so
 * this is judged where the sanction is applied. It stands beside the application's own, which a manager
 * can neither replace nor lift.
 */
export function moderatedSubject(id: string): string {
  return `moderated ${id}`;
}

/** Returns the id of the user whom a subject names; `undefined` if it names addresses. */
export function userIdOf(subject: string): string | undefined {
  return /^(?:user|moderated) (.*)$/s.exec(subject)?.[1];
}

/** Names a group of addresses as the subject of a sanction. It binds the guests of those addresses. */
export function addressSubject(group: string): string {
  return `address ${group}`;
}

/** Names a sanction: there is one of each kind for a room and a subject. */
export function sanctionKey({ kind, room, subject }: Omit<Sanction, "until">): string {
  return JSON.stringify([kind, room, subject]);
}

/** Names the sanction that an order lifts. */
export function liftedKey({ kind, room, subject }: LiftOrder): string {
  return sanctionKey({ kind: kind === "unban" ? "ban" : "mute", room, subject });
}

/** Whether an order imposes a sanction. */
export function isImposing(order: Order): order is ImposeOrder {
  return order.kind === "ban" || order.kind === "mute";
}

/** Whether an order lifts a sanction. */
export function isLifting(order: Order): order is LiftOrder {
  return order.kind === "unban" || order.kind === "unmute";
}

/** The fields of each order that hold text. The others are checked by name. */
const TEXTS: { readonly [K in Order["kind"]]: readonly string[] } = {
  ban: ["room", "subject"],
  mute: ["room", "subject"],
  unban: ["room", "subject"],
  unmute: ["room", "subject"],
  remove: ["room", "userId"],
  disconnect: ["userId"],
  refresh: ["userId"],
  forget: ["userId"],
};

/** Reads an order from JSON that may come from anybody. @returns `undefined` if it is none. */
export function parseOrder(text: string): Order | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isOrder(value) ? value : undefined;
}

function isOrder(value: unknown): value is Order {
  if (!isRecord(value) || typeof value.kind !== "string") return false;
  const texts = new Map(Object.entries(TEXTS)).get(value.kind);
  if (texts === undefined || !texts.every((name) => typeof value[name] === "string")) return false;
  const { until, payload, guestId } = value;
  if (![payload, guestId].every((text) => text === undefined || typeof text === "string")) {
    return false;
  }
  const isImposed = value.kind === "ban" || value.kind === "mute";
  return !isImposed || until === null || Number.isSafeInteger(until);
}
