/**
 * `Rights` asks the embedding program what a user may do in a room. It is the one place that does:
 * sockets, event streams and requests all come here before the room is looked up, so a refusal does
 * not reveal whether the room exists.
 *
 * @module
 */
import type { User } from "../protocol/messages.ts";
import { Refusal } from "../protocol/refusal.ts";

/**
 * Decides whether a user may do this in that room. An embedding program may provide it.
 *
 * - `join`: enter the room, read its history, and see it in the list of rooms.
 * - `speak`: send `chat`, `custom` and `typing` there. A request that speaks needs `join` too.
 */
export type Authorize = (user: User, action: "join" | "speak", room: string) => boolean;

export class Rights {
  readonly #authorize: Authorize;

  constructor(authorize: Authorize) {
    this.#authorize = authorize;
  }

  /** Says whether a user may join a room and read its messages. */
  canJoin(user: User, room: string): boolean {
    return this.#authorize(user, "join", room);
  }

  /**
   * Refuses a user who may not join a room.
   *
   * @throws {Refusal} `forbidden`
   */
  assertCanJoin(user: User, room: string): void {
    if (!this.canJoin(user, room)) throw forbidden("join", room);
  }

  /**
   * Refuses a user who may not speak in a room. It does not ask whether the user may join it.
   *
   * @throws {Refusal} `forbidden`
   */
  assertCanSpeak(user: User, room: string): void {
    if (!this.#authorize(user, "speak", room)) throw forbidden("speak in", room);
  }
}

function forbidden(action: "join" | "speak in", room: string): Refusal {
  const sentence = `Cannot ${action} ${JSON.stringify(room)}: you do not have the right.`;
  return new Refusal("forbidden", sentence, { field: "room" });
}
