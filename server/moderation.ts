/**
 * `Moderation` is how an application takes back what its users may do, in the process of its server. What
 * it orders holds on this node when the promise settles, and on the others within a second.
 *
 * @module
 */
import { parseName } from "./protocol/names.ts";
import { parseRequest } from "./protocol/parse.ts";
import { badField } from "./protocol/refusal.ts";
import { parseUserId } from "./protocol/requests.ts";
import { isRecord } from "./protocol/rules.ts";
import { eraseRoom, eraseUser } from "./rooms/erase.ts";
import type { Hub } from "./rooms/hub.ts";
import { Voice } from "./voice.ts";

/** Why something is taken back. */
export interface Reason {
  /** A sentence for the user, of 1 to 1,024 characters. */
  readonly payload?: string | undefined;
}

/** How a user is banned or muted. */
export interface Terms extends Reason {
  /** For how many seconds, above 0 and up to 10,000,000,000; without it, for good. */
  readonly seconds?: number | undefined;
}

/** The part of a `Server` by which an application moderates its rooms. */
export class Moderation extends Voice {
  readonly #hub: Hub;

  /** Makes the moderation of a node. Programs call `createServer`. */
  constructor(hub: Hub) {
    super(hub);
    this.#hub = hub;
  }

  /**
   * Ends a user's membership of a room, on all of the user's connections. The user gets `right` with
   * `none`, and may join again.
   *
   * @throws {Refusal} `bad_field` if a value does not fit, and `field` names it; `unavailable`.
   */
  async remove(room: string, userId: string, reason: Reason = {}): Promise<void> {
    const { room: name, userId: id } = place(room, userId);
    await this.#hub.moderator.remove(name, id, parseRequest("reason", defined(reason)));
  }

  /**
   * Closes all connections of a user, with the close code 3003, which tells a client not to come back.
   * The user can still connect: end the user's token or session too.
   *
   * @throws {Refusal} as {@linkcode Moderation.remove} does.
   */
  async disconnect(userId: string, reason: Reason = {}): Promise<void> {
    await this.#hub.moderator.order({
      kind: "disconnect",
      userId: parseUserId("userId", userId),
      ...parseRequest("reason", defined(reason)),
    });
  }

  /**
   * Bans a user from a room: the right there is `none`, and the membership ends. For a guest who is
   * connected, the guest's address is banned too, for at most 24 hours: no guest from there may enter the
   * room.
   *
   * @throws {Refusal} as {@linkcode Moderation.remove} does; `unavailable` also if there are 16,384 bans
   * and mutes already.
   */
  async ban(room: string, userId: string, terms: Terms = {}): Promise<void> {
    await this.#impose("ban", room, userId, terms);
  }

  /**
   * Lifts a ban, and for a guest those of the guest's addresses.
   *
   * @throws {Refusal} as {@linkcode Moderation.remove} does.
   */
  async unban(room: string, userId: string): Promise<void> {
    await this.#lift("unban", room, userId);
  }

  /**
   * Mutes a user in a room: the right there is at most `read`.
   *
   * @throws {Refusal} as {@linkcode Moderation.ban} does.
   */
  async mute(room: string, userId: string, terms: Terms = {}): Promise<void> {
    await this.#impose("mute", room, userId, terms);
  }

  /**
   * Lifts a mute. The user gets `right`.
   *
   * @throws {Refusal} as {@linkcode Moderation.remove} does.
   */
  async unmute(room: string, userId: string): Promise<void> {
    await this.#lift("unmute", room, userId);
  }

  /**
   * Asks anew what a user may do, in all rooms that the user is in. Where the answer has changed, the user
   * gets `right`. If the application does not answer, the rights stay as they are, and the log says so.
   *
   * @throws {Refusal} as {@linkcode Moderation.remove} does.
   */
  async refresh(userId: string): Promise<void> {
    const order = { kind: "refresh", userId: parseUserId("userId", userId) } as const;
    await this.#hub.moderator.order(order);
  }

  /**
   * Deletes a room for good: its messages, its retained events and the read marks in it. Its members stay,
   * and start afresh. Bans and mutes stay. It settles when the texts are in no file of the store; that may
   * take a while, and others are served meanwhile.
   *
   * @throws {Refusal} `bad_field`; `unavailable` if not all is gone yet: then call it again.
   */
  async deleteRoom(room: string): Promise<void> {
    await eraseRoom(this.#hub, parseName("room", room));
  }

  /**
   * Deletes for good what a user has said before the call, in every room. The messages keep their places,
   * as deleted ones do, and the rooms' members start afresh.
   *
   * @throws {Refusal} as {@linkcode Moderation.deleteRoom} does.
   */
  async deleteUserMessages(userId: string): Promise<void> {
    await eraseUser(this.#hub, { userId: parseUserId("userId", userId), isWhole: false });
  }

  /**
   * Deletes a user for good: closes the connections, and erases what the user has said, the name beside it,
   * the reactions and the read marks. Bans and mutes stay. Whoever still has a token can come back: end the
   * user's token or session first.
   *
   * @throws {Refusal} as {@linkcode Moderation.deleteRoom} does.
   */
  async deleteUser(userId: string): Promise<void> {
    await eraseUser(this.#hub, { userId: parseUserId("userId", userId), isWhole: true });
  }

  async #impose(kind: "ban" | "mute", room: string, userId: string, terms: Terms): Promise<void> {
    const { room: name, userId: id } = place(room, userId);
    const parsed = parseRequest("terms", defined(terms));
    await this.#hub.moderator.impose(kind, name, id, parsed);
  }

  async #lift(kind: "unban" | "unmute", room: string, userId: string): Promise<void> {
    const { room: name, userId: id } = place(room, userId);
    await this.#hub.moderator.lift(kind, name, id);
  }
}

/** Checks what an embedding program says; it may be any value. */
function place(room: string, userId: string): { room: string; userId: string } {
  return { room: parseName("room", room), userId: parseUserId("userId", userId) };
}

/** Leaves out the fields that are `undefined`. Seconds alone would otherwise be a ban for good. */
function defined(fields: unknown): Record<string, unknown> {
  if (!isRecord(fields)) {
    throw badField("terms", "The last argument must be an object, such as { seconds: 60 }.");
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
