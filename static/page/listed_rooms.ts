/**
 * `ListedRooms` are the rooms that have members and that the user may read, as the server listed them
 * when they were last asked for.
 *
 * @module
 */
import type { Client, ListedRoom } from "../client/mod.ts";

/** The rooms of the server. */
export class ListedRooms {
  /** Whether they are being read, are there, or could not be read. */
  state: "loading" | "ready" | "failed" = "loading";
  /** The fullest first. While they are read anew, those from before. */
  rooms: readonly ListedRoom[] = [];
  readonly #client: Client;
  readonly #watchers: (() => void)[] = [];
  #reads = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Calls `changed` whenever there is something else to show. */
  watch(changed: () => void): void {
    this.#watchers.push(changed);
  }

  /** Reads them anew. */
  async read(): Promise<void> {
    const read = ++this.#reads;
    this.#set("loading");
    try {
      const rooms = await this.#client.listRooms();
      if (read === this.#reads) this.#set("ready", rooms);
    } catch {
      // The server is away, or this address has asked for too much.
      if (read === this.#reads) this.#set("failed");
    }
  }

  #set(state: ListedRooms["state"], rooms = this.rooms): void {
    this.state = state;
    this.rooms = rooms;
    for (const changed of this.#watchers) changed();
  }
}
