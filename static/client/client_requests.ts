/**
 * `ClientRequests` is the part of a client that uses single HTTP requests, beside the connection. Their code is
 * loaded with the first of them.
 *
 * @module
 */
import { type AnyEvents, ClientTarget } from "./events.ts";
import type { HistoryPage, ListedRoom, Requester } from "./http.ts";
import type { Moderation, ModerationTerms } from "./moderate.ts";

/** The requests of a client. */
export class ClientRequests<Events extends object = AnyEvents> extends ClientTarget<Events> {
  readonly #requester: () => Requester;

  constructor(requester: () => Requester) {
    super();
    this.#requester = requester;
  }

  /**
   * Reads a page of the messages before the `seq` in `before`, oldest first, with the user's own reactions
   * to them. It is empty at the beginning of the room.
   *
   * @throws {ClientError} if the server refuses; `unavailable` if it cannot be reached.
   */
  async history(room: string, before: number, limit = 50): Promise<HistoryPage> {
    const { readPage } = await import("./http.ts");
    return await readPage(this.#requester(), room, before, limit);
  }

  /**
   * Reads which rooms have members, of those that the user may read, the fullest first.
   *
   * @throws {ClientError} if the server refuses; `unavailable` if it cannot be reached.
   */
  async listRooms(): Promise<readonly ListedRoom[]> {
    const { readRooms } = await import("./http.ts");
    return await readRooms(this.#requester());
  }

  /**
   * Mutes, bans or removes another user in a room, or lifts that. It needs the right `manage` there, and
   * is answered when it holds.
   *
   * @throws {ClientError} if the server refuses; `unavailable` if it cannot be reached.
   */
  async moderate(
    room: string,
    what: Moderation,
    userId: string,
    terms: ModerationTerms = {},
  ): Promise<void> {
    const { moderate } = await import("./moderate.ts");
    await moderate(this.#requester(), room, what, userId, terms);
  }
}
