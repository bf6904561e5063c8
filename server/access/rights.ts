/**
 * `Rights` says what somebody may do in a room. It is the one place that does: sockets, event streams and
 * requests all come here before the room is looked up, so a refusal does not reveal whether the room
 * exists.
 *
 * @module
 */
import type { Log } from "../log.ts";
import { Refusal } from "../protocol/refusal.ts";
import { type Right, RIGHTS } from "../protocol/tables.ts";
import { type Application, askApplication } from "./application.ts";
import type { Identity } from "./identity.ts";
import { matches } from "../protocol/pattern.ts";
import type { Source } from "./source.ts";

/** The rights that the rules of a server give in a room. */
export interface RoomRights {
  readonly everyone?: Right | undefined;
  /** For guests, in place of `everyone`. */
  readonly guests?: Right | undefined;
}

/** The parts of {@linkcode Rights}. */
export interface RightsParts {
  readonly application: Application;
  readonly log: Log;
  /** The right that no guest exceeds. */
  readonly guests: Right;
  /** Returns the first rule for a room. */
  ruleOf?(room: string): RoomRights | undefined;
  /**
   * Returns the right that somebody does not exceed in a room, because of a ban or a mute.
   *
   * @param given the right without these.
   */
  capOf?(identity: Identity, source: Source, room: string, given: Right): Right;
}

/** Says whether a right is at least another one. */
export function includes(right: Right, needed: Right): boolean {
  return RIGHTS.indexOf(right) >= RIGHTS.indexOf(needed);
}

/** Returns the lesser of two rights. */
export function lesser(one: Right, other: Right): Right {
  return includes(one, other) ? other : one;
}

export class Rights {
  readonly #parts: RightsParts;

  constructor(parts: RightsParts) {
    this.#parts = parts;
  }

  /**
   * Says what somebody may do in a room. It is a promise only if the application's answer is.
   *
   * @throws {Refusal} `unavailable` if the application does not answer.
   */
  rightOf(identity: Identity, source: Source, room: string): Right | Promise<Right> {
    const { application: { authorize }, log } = this.#parts;
    const judge = (given: Right | undefined) => this.#cap(given, identity, source, room);
    if (authorize === undefined) return judge(undefined);
    const act = () => authorize(identity.user, room);
    const answer = askApplication("authorize", log, act, checkRight);
    return answer instanceof Promise ? answer.then(judge) : judge(answer);
  }

  /**
   * Checks that somebody has a right in a room.
   *
   * @returns the right, which may be more.
   * @throws {Refusal} `forbidden`, `unauthorized`, `unavailable`
   */
  async assert(identity: Identity, source: Source, room: string, needed: Right): Promise<Right> {
    const right = await this.rightOf(identity, source, room);
    if (includes(right, needed)) return right;
    throw this.refusal(identity, room, needed);
  }

  /** Makes the refusal of somebody who lacks a right. It says nothing of the room but its name. */
  refusal({ isGuest }: Identity, room: string, needed: Right): Refusal {
    if (isGuest && !includes(this.#parts.guests, needed)) {
      const sentence = `Guests may not ${VERBS[needed]} rooms here. Bring a token.`;
      return new Refusal("unauthorized", sentence, { field: "token" });
    }
    const sentence = `Cannot ${VERBS[needed]} ${JSON.stringify(room)}: you do not have the right.`;
    return new Refusal("forbidden", sentence, { field: "room" });
  }

  #cap(given: Right | undefined, identity: Identity, source: Source, room: string): Right {
    const { guests, ruleOf, capOf } = this.#parts;
    const { isGuest } = identity;
    let right = given ?? claimed(identity, room);
    if (right === undefined) {
      const rule = ruleOf?.(room);
      right = (isGuest ? rule?.guests : undefined) ?? rule?.everyone ?? "write";
    }
    if (isGuest) right = lesser(right, guests);
    return capOf === undefined ? right : lesser(right, capOf(identity, source, room, right));
  }
}

/** What a right is needed for, in a sentence. */
const VERBS: Readonly<Record<Right, string>> = {
  none: "know",
  read: "join",
  write: "speak in",
  manage: "manage",
};

/** Returns the right that a token claims: by the room's name, or else by the longest pattern. */
function claimed({ rooms }: Identity, room: string): Right | undefined {
  if (rooms === undefined) return undefined;
  if (Object.hasOwn(rooms, room)) return rooms[room];
  let longest: string | undefined;
  for (const pattern of Object.keys(rooms)) {
    // A list of rooms may ask this for thousands of rooms: what is compared first costs the least.
    if (precedes(pattern, longest) && matches(pattern, room)) longest = pattern;
  }
  return longest === undefined ? undefined : rooms[longest];
}

/** Says whether a pattern wins over another: the longer; of two as long, always the same one. */
function precedes(pattern: string, other: string | undefined): boolean {
  if (other === undefined || pattern.length !== other.length) {
    return pattern.length > (other?.length ?? 0);
  }
  return pattern < other;
}

function checkRight(answer: unknown): Right | undefined {
  const right = RIGHTS.find((right) => right === answer);
  if (right !== undefined || answer === undefined) return right;
  throw new TypeError("It must return none, read, write, manage or undefined.");
}
