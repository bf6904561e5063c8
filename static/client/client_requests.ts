/**
 * `ClientRequests` is the part of a client that makes single HTTP requests, beside the connection. The code
 * for them is loaded with the first request.
 *
 * @module
 */
import { ClientError } from "./errors.ts";
import { type AnyEvents, ClientTarget } from "./events.ts";
import type { HistoryPage, ListedRoom, Requester } from "./http.ts";
import type { Moderation, ModerationTerms } from "./moderate.ts";

type Requests = typeof import("./requests.ts");

/** The requests of a client. */
export class ClientRequests<Events extends object = AnyEvents> extends ClientTarget<Events> {
  readonly #requester: () => Requester;

  /** Creates the part of a client. Applications call `connect`. */
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
    return await this.#ask(({ readPage }, by) => readPage(by, room, before, limit));
  }

  /**
   * Reads which rooms have members, of those that the user may read, the fullest first.
   *
   * @throws {ClientError} if the server refuses; `unavailable` if it cannot be reached.
   */
  async listRooms(): Promise<readonly ListedRoom[]> {
    return await this.#ask(({ readRooms }, by) => readRooms(by));
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
    terms?: ModerationTerms,
  ): Promise<void> {
    return await this.#ask(({ moderate }, by) => moderate(by, room, what, userId, terms));
  }

  async #ask<T>(request: (code: Requests, by: Requester) => Promise<T>): Promise<T> {
    try {
      return await request(await import("./requests.ts"), this.#requester());
    } catch (thrown) {
      const { type, code, field, payload } = Object(thrown);
      const reason = payload ?? "The server does not answer.";
      throw new ClientError(type === "error" ? code : "unavailable", reason, field);
    }
  }
}
