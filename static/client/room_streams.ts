/**
 * Follows the rooms of a client that has no WebSocket: one event stream carries up to 20 of them, and is
 * opened anew, from where it was, when other rooms are followed.
 *
 * Some virus scanners hold back a response until it has ended. So a stream on which nothing is heard is
 * replaced by a succession of streams that end by themselves after two seconds.
 *
 * @module
 */
import type { Event, JoinCommand } from "../../server/protocol/messages.ts";
import { refusalOf } from "./problem.ts";
import { readBlocks } from "./sse.ts";
import { CLOSE_LOST, CLOSE_RESTART } from "./transport.ts";

/** The most rooms that a stream may carry. */
const MAX_ROOMS = 20;
/** How long a stream lasts where it is held back until its end. */
const HELD_SECONDS = 2;
/** How long an answer is waited for in any case, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** The pause before a stream that has ended is gone on with. */
const PAUSE_MS = 500;

/** Who listens, and what is done with what is heard. */
export interface Listener {
  readonly base: string;
  /** A stream on which nothing was heard for so long is held back on its way, in milliseconds. */
  readonly heldBackMs: number;
  token: string;
  name: string | undefined;
  /** How many rooms one connection may be in; 0 is no limit. */
  roomsPerConnection: number;
  received(events: readonly Event[]): void;
  closed(code: number, reason: string): void;
}

export class RoomStreams {
  readonly #listener: Listener;
  #streams: RoomStream[] = [];

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  join({ room, since, ref = "" }: JoinCommand): void {
    const most = Math.min(MAX_ROOMS, this.#listener.roomsPerConnection || MAX_ROOMS);
    let stream = this.#streams.find(({ rooms }) => rooms.has(room)) ??
      this.#streams.find(({ rooms }) => rooms.size < most);
    if (!stream) this.#streams.push(stream = new RoomStream(this.#listener));
    stream.rooms.set(room, { ref, cursor: since ? `${since.epoch}:${since.seq}` : "" });
    stream.openSoon();
  }

  leave(room: string): void {
    for (const stream of this.#streams) if (stream.rooms.delete(room)) stream.openSoon();
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams = [];
  }
}

class RoomStream {
  /** The rooms that it follows; the `ref` of each one's `join`, and where it is. */
  readonly rooms = new Map<string, { ref: string; cursor: string }>();
  readonly #listener: Listener;
  #abort = new AbortController();
  #opening: ReturnType<typeof setTimeout> | undefined;
  #isHeldBack = false;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** Opens it anew at the end of the turn, however many rooms change in it. */
  openSoon(afterMs = 0): void {
    clearTimeout(this.#opening);
    this.#opening = setTimeout(() => this.#open(), afterMs);
  }

  close(): void {
    clearTimeout(this.#opening);
    this.#abort.abort();
  }

  async #open(): Promise<void> {
    this.#abort.abort();
    if (this.rooms.size === 0) return;
    const abort = this.#abort = new AbortController();
    const { heldBackMs, closed } = this.#listener;
    const wasHeldBack = this.#isHeldBack;
    let heard = false;
    let isLate = false;
    const patience = setTimeout(() => {
      isLate = true;
      abort.abort();
    }, wasHeldBack ? HELD_SECONDS * 1000 + TIMEOUT_MS : heldBackMs);
    try {
      await this.#read(abort.signal, () => {
        heard = true;
        clearTimeout(patience);
      });
    } catch {
      // Cut, or not reached: what was heard before tells which.
    } finally {
      clearTimeout(patience);
    }
    if (abort !== this.#abort || abort.signal.aborted && !isLate || this.rooms.size === 0) return;
    if (heard) this.openSoon(wasHeldBack ? 0 : PAUSE_MS);
    else if (isLate && !wasHeldBack) {
      this.#isHeldBack = true;
      this.openSoon();
    } else closed(CLOSE_LOST, "the stream cannot be read");
  }

  /** Reads until the end. @throws if it is cut, or cannot be reached. */
  async #read(signal: AbortSignal, heard: () => void): Promise<void> {
    const { base, token, name } = this.#listener;
    const address = new URL("events", base);
    const { searchParams } = address;
    if (name) searchParams.set("name", name);
    if (this.#isHeldBack) searchParams.set("seconds", String(HELD_SECONDS));
    const rooms = [...this.rooms.keys()];
    for (const [room, { cursor }] of this.rooms) {
      searchParams.append("room", room);
      searchParams.append("after", cursor);
    }
    const response = await fetch(address, {
      headers: { authorization: `Bearer ${token}` },
      signal,
    });
    if (!response.ok || !response.body) return await this.#refused(response);
    for await (const blocks of readBlocks(response.body)) {
      if (signal.aborted) return;
      if (blocks.length > 0) heard();
      for (const { id } of blocks) {
        if (id !== undefined) this.#moveTo(rooms, id.split(","));
      }
      this.#tell(blocks.map(({ event }) => event));
    }
  }

  #moveTo(rooms: readonly string[], cursors: readonly string[]): void {
    for (const [place, room] of rooms.entries()) {
      const followed = this.rooms.get(room);
      if (followed) followed.cursor = cursors[place] ?? "";
    }
  }

  #tell(events: readonly Event[]): void {
    const { received, closed } = this.#listener;
    // The client knows who it is: a stream says it every time that it is opened.
    received(events.filter(({ type }) => type !== "welcome").map((event) => this.#named(event)));
    const bye = events.find(({ type }) => type === "bye");
    if (bye) closed(CLOSE_RESTART, "the server is restarting");
  }

  /** An error about a room, as the answer to its `join`: the room is followed no more. */
  #named(event: Event): Event {
    if (event.type !== "error" || event.room === undefined) return event;
    const ref = this.rooms.get(event.room)?.ref;
    this.rooms.delete(event.room);
    return { ...event, ...(ref && { ref }) };
  }

  /** The server refused all rooms at once. @throws if it was not this server, or because of the token. */
  async #refused(response: Response): Promise<void> {
    const refusal = await refusalOf(response);
    if (refusal.code === "unauthorized") throw new Error("a token of other times");
    const refs = [...this.rooms.values()].map(({ ref }) => ref);
    this.rooms.clear();
    this.#listener.received(refs.map((ref) => ({ ...refusal, ref })));
  }
}
