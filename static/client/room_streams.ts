/**
 * `roomStreams` follows the rooms of a client that has no WebSocket. One event stream carries up to 20
 * rooms. When the rooms change, it is opened again from its cursors.
 *
 * Some virus scanners hold a response back until it has ended, so that nothing arrives. A silent stream
 * is therefore replaced by streams that end by themselves after two seconds, one after the other.
 *
 * @module
 */
import type {
  Cursor,
  ErrorEvent,
  Event,
  JoinCommand,
  WelcomeEvent,
} from "../../server/protocol/messages.ts";
import { timerMs } from "./clock.ts";
import { refusalOf, request, REQUEST_TIMEOUT_MS, type Requester } from "./http.ts";
import { readBlocks } from "./sse.ts";
import { CLOSE_FORBIDDEN, CLOSE_LOST, CLOSE_RESTART, CLOSE_UNAUTHORIZED } from "./transport.ts";
import type { TransportHandlers } from "./transport.ts";

/** A stream is dead after a silence of two heartbeats, and a little for the network; in milliseconds. */
const SILENT_HEARTBEATS_MS = 2_200;
/** How many rooms one stream may carry. */
const MAX_ROOMS = 20;
/** How long a stream lasts where a proxy buffers it, in seconds. */
const BUFFERED_STREAM_SECONDS = 2;
/** The pause before a stream that has ended is opened again, in milliseconds. */
const REOPEN_MS = 500;

/** What the requests of one HTTP connection have in common, and where its events go. */
export interface HttpSession extends Requester {
  token: string | undefined;
  /** The last answer to `hello`. */
  welcome?: WelcomeEvent;
  received: TransportHandlers["received"];
  closed(code: number, reason?: string): void;
}

/** All event streams of one connection. */
export interface RoomStreams {
  join(command: JoinCommand): void;
  leave(room: string): void;
  close(): void;
}

/**
 * Makes the event streams of a connection.
 *
 * @param timeoutMs after so long a silence at its start, a stream counts as buffered by a proxy.
 */
export function roomStreams(session: HttpSession, timeoutMs: number): RoomStreams {
  const streams: RoomStream[] = [];
  return {
    join({ room, since, ref = "" }) {
      const maxRooms = Math.min(MAX_ROOMS, session.welcome?.limits.roomsPerConnection || MAX_ROOMS);
      // A room that is joined again must not be in two streams.
      let stream = streams.find(({ rooms }) => rooms.has(room)) ??
        streams.find(({ rooms }) => rooms.size < maxRooms);
      if (!stream) streams.push(stream = roomStream(session, timeoutMs));
      stream.rooms.set(room, { ref, cursor: since ? cursorText(since) : "" });
      stream.openSoon();
    },
    leave(room) {
      for (const { rooms, openSoon } of streams) if (rooms.delete(room)) openSoon();
    },
    close() {
      for (const { close } of streams) close();
    },
  };
}

/** Writes a cursor as the `id` of a block has it. */
function cursorText({ epoch, seq, rev }: Cursor): string {
  return [epoch, seq, ...(rev ? [rev] : [])].join(":");
}

interface RoomStream {
  /** The rooms of the stream: the `ref` of each room's `join`, and its cursor. */
  readonly rooms: Map<string, { readonly ref: string; cursor: string }>;
  /** Opens the stream again at the end of the turn: once, however many rooms change in it. */
  openSoon(afterMs?: number): void;
  close(): void;
}

function roomStream(session: HttpSession, timeoutMs: number): RoomStream {
  const rooms: RoomStream["rooms"] = new Map();
  const { closed, received } = session;
  /** Ends the stream that is open. */
  let abort: AbortController | undefined;
  let opening: ReturnType<typeof setTimeout> | undefined;
  let isBuffered = false;

  function openSoon(afterMs = 0): void {
    // A stream that is open would move the cursor of a room that was just joined again.
    close();
    opening = setTimeout(open, afterMs);
  }

  function close(): void {
    clearTimeout(opening);
    abort?.abort();
    abort = undefined;
  }

  async function open(): Promise<void> {
    if (!rooms.size) return;
    const current = abort = new AbortController();
    let hasReceived = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const endAfter = (silenceMs: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => current.abort(), timerMs(silenceMs));
    };
    endAfter(isBuffered ? BUFFERED_STREAM_SECONDS * 1000 + REQUEST_TIMEOUT_MS : timeoutMs);
    try {
      await read(current.signal, () => {
        hasReceived = true;
        // The client notices when all is silent. But of several streams only one may be dead.
        endAfter((session.welcome?.heartbeatSeconds || Infinity) * SILENT_HEARTBEATS_MS);
      });
    } catch {
      // The stream was cut, or the server was not reached: `hasReceived` says which.
    }
    clearTimeout(timer);
    if (current !== abort || !rooms.size) return; // another one is open, or none is wanted
    if (hasReceived) openSoon(isBuffered ? 0 : REOPEN_MS);
    else if (current.signal.aborted && !isBuffered) {
      isBuffered = true;
      openSoon();
    } else closed(CLOSE_LOST);
  }

  /**
   * Reads the stream until its end.
   *
   * @throws if it is cut, or if the server cannot be reached.
   */
  async function read(signal: AbortSignal, onBlock: () => void): Promise<void> {
    const query = new URLSearchParams({ name: session.welcome?.user.name ?? "" });
    if (isBuffered) query.set("seconds", String(BUFFERED_STREAM_SECONDS));
    const names = [...rooms.keys()];
    for (const [room, { cursor }] of rooms) {
      query.append("room", room);
      query.append("after", cursor);
    }
    const response = await request(session, `events?${query}`, undefined, signal);
    if (!response.ok || !response.body) return refused(await refusalOf(response));
    for await (const blocks of readBlocks(response.body)) {
      if (signal.aborted) return;
      if (blocks.length > 0) onBlock();
      for (const [id] of blocks) {
        id?.split(",").forEach((cursor, index) => {
          const followed = rooms.get(names[index] ?? "");
          if (followed) followed.cursor = cursor;
        });
      }
      const events = blocks.map(([, event]) => event);
      // Each stream begins with a `welcome`, which the client has from its `hello`.
      received(events.filter(({ type }) => type !== "welcome").map(withRef));
      if (events.some(({ type }) => type === "bye")) closed(CLOSE_RESTART);
    }
  }

  /**
   * Adds the `ref` of the `join` to an error about a room. The stream follows that room no more, nor
   * one that the user may no longer read.
   */
  function withRef(event: Event): Event {
    if (event.type === "right" && event.right === "none") rooms.delete(event.room);
    if (event.type !== "error") return event;
    if (event.code === "forbidden" && !event.room) closed(CLOSE_FORBIDDEN, event.payload);
    const { room = "" } = event;
    const ref = rooms.get(room)?.ref;
    rooms.delete(room);
    return { ...event, ...(ref && { ref }) };
  }

  /** The server refused the token or all rooms. */
  function refused(refusal: ErrorEvent): void {
    const isGuest = session.welcome?.token !== undefined;
    if (refusal.code === "unauthorized" && !isGuest) {
      return closed(CLOSE_UNAUTHORIZED, refusal.payload);
    }
    const refs = [...rooms.values()].map(({ ref }) => ref);
    rooms.clear();
    received(refs.map((ref) => ({ ...refusal, ref })));
  }

  return {
    rooms,
    openSoon,
    close,
  };
}
