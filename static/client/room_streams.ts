/**
 * `RoomStreams` follows the rooms of a client that has no WebSocket. One event stream carries up to 20
 * rooms. When the rooms change, it is opened again from its cursors.
 *
 * Some virus scanners hold a response back until it has ended, so that nothing arrives. A silent stream
 * is therefore replaced by streams that end by themselves after two seconds, one after the other.
 *
 * @module
 */
import type { Event, JoinCommand } from "../../server/protocol/messages.ts";
import { refusalOf, request, REQUEST_TIMEOUT_MS } from "./http.ts";
import { readBlocks } from "./sse.ts";
import { CLOSE_LOST, CLOSE_RESTART, CLOSE_UNAUTHORIZED } from "./transport.ts";

/** How many rooms one stream may carry. */
const MAX_ROOMS = 20;
/** How long a stream lasts where a proxy buffers it, in seconds. */
const BUFFERED_STREAM_SECONDS = 2;
/** The pause before a stream that has ended is opened again, in milliseconds. */
const REOPEN_MS = 500;

/** What the requests of one HTTP connection have in common, and where its events go. */
export interface HttpSession {
  readonly base: string;
  /** After so long a silence at its start, a stream counts as buffered by a proxy, in milliseconds. */
  readonly streamTimeoutMs: number;
  token: string;
  name: string | undefined;
  /** How many rooms one connection may be in; 0 is no limit. */
  roomsPerConnection: number;
  received(events: readonly Event[]): void;
  closed(code: number, reason?: string): void;
}

/** All event streams of one connection. */
export class RoomStreams {
  readonly #session: HttpSession;
  #streams: RoomStream[] = [];

  constructor(session: HttpSession) {
    this.#session = session;
  }

  join({ room, since, ref = "" }: JoinCommand): void {
    const maxRooms = Math.min(MAX_ROOMS, this.#session.roomsPerConnection || MAX_ROOMS);
    let stream = this.#streams.find(({ rooms }) => rooms.has(room)) ??
      this.#streams.find(({ rooms }) => rooms.size < maxRooms);
    if (!stream) this.#streams.push(stream = new RoomStream(this.#session));
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
  /** The rooms of the stream: the `ref` of each room's `join`, and its cursor. */
  readonly rooms = new Map<string, { ref: string; cursor: string }>();
  readonly #session: HttpSession;
  #abort = new AbortController();
  #opening: ReturnType<typeof setTimeout> | undefined;
  #isBuffered = false;

  constructor(session: HttpSession) {
    this.#session = session;
  }

  /** Opens the stream again at the end of the turn: once, however many rooms change in it. */
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
    const { streamTimeoutMs, closed } = this.#session;
    const wasBuffered = this.#isBuffered;
    let hasReceived = false;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      abort.abort();
    }, wasBuffered ? BUFFERED_STREAM_SECONDS * 1000 + REQUEST_TIMEOUT_MS : streamTimeoutMs);
    try {
      await this.#read(abort.signal, () => {
        hasReceived = true;
        clearTimeout(timer);
      });
    } catch {
      // The stream was cut, or the server was not reached: `hasReceived` says which.
    } finally {
      clearTimeout(timer);
    }
    if (abort !== this.#abort || abort.signal.aborted && !isLate || this.rooms.size === 0) return;
    if (hasReceived) this.openSoon(wasBuffered ? 0 : REOPEN_MS);
    else if (isLate && !wasBuffered) {
      this.#isBuffered = true;
      this.openSoon();
    } else closed(CLOSE_LOST);
  }

  /**
   * Reads the stream until its end.
   *
   * @throws if it is cut, or if the server cannot be reached.
   */
  async #read(signal: AbortSignal, onBlock: () => void): Promise<void> {
    const { base, token, name } = this.#session;
    const url = new URL("events", base);
    const { searchParams } = url;
    if (name) searchParams.set("name", name);
    if (this.#isBuffered) searchParams.set("seconds", String(BUFFERED_STREAM_SECONDS));
    const rooms = [...this.rooms.keys()];
    for (const [room, { cursor }] of this.rooms) {
      searchParams.append("room", room);
      searchParams.append("after", cursor);
    }
    const response = await request(url, token, undefined, signal);
    if (!response.ok || !response.body) return await this.#refused(response);
    for await (const blocks of readBlocks(response.body)) {
      if (signal.aborted) return;
      if (blocks.length > 0) onBlock();
      for (const { id } of blocks) {
        if (id !== undefined) this.#moveTo(rooms, id.split(","));
      }
      this.#receive(blocks.map(({ event }) => event));
    }
  }

  #moveTo(rooms: readonly string[], cursors: readonly string[]): void {
    for (const [index, room] of rooms.entries()) {
      const followed = this.rooms.get(room);
      if (followed) followed.cursor = cursors[index] ?? "";
    }
  }

  #receive(events: readonly Event[]): void {
    const { received, closed } = this.#session;
    // Each stream begins with a `welcome`, which the client has from its `hello`.
    received(events.filter(({ type }) => type !== "welcome").map((event) => this.#withRef(event)));
    if (events.some(({ type }) => type === "bye")) {
      closed(CLOSE_RESTART);
    }
  }

  /**
   * Adds the `ref` of the `join` to an error about a room. The stream follows that room no more, nor
   * one that the user may no longer read.
   */
  #withRef(event: Event): Event {
    if (event.type === "right" && event.right === "none") this.rooms.delete(event.room);
    if (event.type !== "error" || event.room === undefined) return event;
    const ref = this.rooms.get(event.room)?.ref;
    this.rooms.delete(event.room);
    return { ...event, ...(ref && { ref }) };
  }

  /**
   * The server refused the token or all rooms.
   *
   * @throws if another server answered.
   */
  async #refused(response: Response): Promise<void> {
    const refusal = await refusalOf(response);
    if (refusal.code === "unauthorized") {
      return this.#session.closed(CLOSE_UNAUTHORIZED, refusal.payload);
    }
    const refs = [...this.rooms.values()].map(({ ref }) => ref);
    this.rooms.clear();
    this.#session.received(refs.map((ref) => ({ ...refusal, ref })));
  }
}
