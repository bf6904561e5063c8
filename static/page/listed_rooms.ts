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
  #reads = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Reads them anew. `changed` is called now, and when they are there or could not be read. */
  async read(changed: () => void): Promise<void> {
    const read = ++this.#reads;
    this.state = "loading";
    changed();
    try {
      const rooms = await this.#client.listRooms();
      if (read === this.#reads) [this.rooms, this.state] = [rooms, "ready"];
    } catch {
      // The server is away, or this address has asked for too much.
      if (read === this.#reads) this.state = "failed";
    }
    changed();
  }
}
