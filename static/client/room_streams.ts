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
/** How long a change of the rooms waits for what the open stream has yet to bring, in milliseconds. */
const CATCH_UP_MS = 1_000;

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
      stream.changed();
    },
    leave(room) {
      for (const { rooms, changed } of streams) if (rooms.delete(room)) changed();
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

/** A room of a stream, since its last `join`. */
interface FollowedRoom {
  /** The `ref` of that `join`. */
  readonly ref: string;
  cursor: string;
  /** Whether that `join` was answered. */
  isJoined?: boolean;
}

interface RoomStream {
  readonly rooms: Map<string, FollowedRoom>;
  /** Opens the stream again, because its rooms are others: once, however many change in a turn. */
  changed(): void;
  close(): void;
}

function roomStream(session: HttpSession, timeoutMs: number): RoomStream {
  const rooms: RoomStream["rooms"] = new Map();
  const { closed, received } = session;
  /** Ends the stream that is open. */
  let abort: AbortController | undefined;
  let ending: ReturnType<typeof setTimeout> | undefined;
  let opening: ReturnType<typeof setTimeout> | undefined;
  /** Whether the stream that is open was answered. */
  let hasReceived = false;
  /**
   * The rooms of which the open stream has yet to bring the first message. If each change replaced it before
   * that, clients that enter rooms in answer to `joined`, as tabs do, would do so for ever and hear nothing.
   */
  let awaited = new Set<string>();
  /** Whether the rooms have changed since the stream was opened. */
  let isChanged = false;
  let isBuffered = false;

  function openSoon(afterMs = 0): void {
    clearTimeout(opening);
    opening = setTimeout(open, afterMs);
  }

  function endAfter(ms: number): void {
    const current = abort;
    clearTimeout(ending);
    ending = setTimeout(() => current?.abort(), timerMs(ms));
  }

  function changed(): void {
    if (!rooms.size) return close();
    if (!abort || !awaited.size) openSoon();
    else if (!isChanged && hasReceived) endAfter(CATCH_UP_MS);
    isChanged = true;
  }

  function close(): void {
    clearTimeout(opening);
    clearTimeout(ending);
    abort?.abort();
    abort = undefined;
  }

  async function open(): Promise<void> {
    close();
    const current = abort = new AbortController();
    hasReceived = isChanged = false;
    endAfter(isBuffered ? BUFFERED_STREAM_SECONDS * 1000 + REQUEST_TIMEOUT_MS : timeoutMs);
    try {
      await read(current.signal, new Map(rooms));
    } catch {
      // The stream was cut, or the server was not reached: `hasReceived` says which.
    }
    if (current !== abort) return; // another one is open, or none is wanted
    const isSilent = current.signal.aborted;
    close(); // it may have been left before its end
    if (!rooms.size) return;
    if (hasReceived) openSoon(isBuffered || isChanged ? 0 : REOPEN_MS);
    else if (isSilent && !isBuffered) {
      isBuffered = true;
      openSoon();
    } else closed(CLOSE_LOST);
  }

  /** Notes that the server has sent something. */
  function heard(): void {
    // The client notices when all is silent. But of several streams only one may be dead.
    const silenceMs = (session.welcome?.heartbeatSeconds || Infinity) * SILENT_HEARTBEATS_MS;
    if (!isChanged) endAfter(silenceMs);
    else if (!hasReceived) endAfter(CATCH_UP_MS);
    hasReceived = true;
  }

  /**
   * Reads the stream until its end.
   *
   * @param followed the rooms as they are now.
   * @throws if it is cut, or if the server cannot be reached.
   */
  async function read(signal: AbortSignal, followed: RoomStream["rooms"]): Promise<void> {
    const query = new URLSearchParams({ name: session.welcome?.user.name ?? "" });
    if (isBuffered) query.set("seconds", String(BUFFERED_STREAM_SECONDS));
    for (const [room, { cursor }] of followed) {
      query.append("room", room);
      query.append("after", cursor);
    }
    awaited = new Set(followed.keys());
    const response = await request(session, `events?${query}`, undefined, signal);
    if (!response.ok || !response.body) return refused(await refusalOf(response), followed);
    const inOrder = [...followed.values()];
    for await (const blocks of readBlocks(response.body)) {
      if (signal.aborted) return;
      if (blocks.length > 0) heard();
      for (const [id] of blocks) {
        id?.split(",").forEach((cursor, index) => {
          const room = inOrder[index];
          if (room) room.cursor = cursor;
        });
      }
      const hadToWait = awaited.size > 0;
      const events = blocks.map(([, event]) => event);
      // Each stream begins with a `welcome`, which the client has from its `hello`.
      const others = events.filter(({ type }) => type !== "welcome");
      received(others.flatMap((event) => asAnswer(event, followed)));
      if (events.some(({ type }) => type === "bye")) closed(CLOSE_RESTART);
      if (!signal.aborted && isChanged && hadToWait && !awaited.size) openSoon();
    }
  }

  /**
   * Returns the event as the client gets it. A `joined` or an `error` gets the `ref` of the `join` that it answers.
   * If the stream was only opened again, its `joined` answers nothing, and gets an empty `ref`. After an `error`
   * the room is not followed any more.
   *
   * A room that was joined again waits for another stream, and the open stream still brings its messages. But the
   * client would take the open stream's `joined` or `error` for the answer to the new `join`. So it gets neither
   * that event nor what this stream brings of the room afterwards, which may be of another log.
   */
  function asAnswer(event: Event, followed: RoomStream["rooms"]): Event[] {
    const name = "room" in event && event.room || "";
    const room = followed.get(name);
    const isCurrent = room === rooms.get(name);
    const isJoined = event.type === "joined";
    const isAnswer = isJoined || event.type === "error";
    const isOut = event.type === "error" || event.type === "right" && event.right === "none";
    const hasAll = isJoined
      ? Number(room?.cursor.split(":")[1]) >= event.seq
      : "seq" in event && "at" in event;
    if (isOut || hasAll) awaited.delete(name);
    if (isOut && isCurrent) rooms.delete(name);
    if (isAnswer && !isCurrent) followed.delete(name);
    if (!isCurrent && !followed.has(name)) return [];
    if (event.type === "error" && !name && event.code === "forbidden") {
      closed(CLOSE_FORBIDDEN, event.payload);
    }
    if (!isAnswer || !room) return [event];
    const answer = { ...event, ref: isJoined && room.isJoined ? "" : room.ref };
    room.isJoined = true;
    return [answer];
  }

  /** The server refused the token or all rooms. */
  function refused(refusal: ErrorEvent, followed: RoomStream["rooms"]): void {
    const isGuest = session.welcome?.token !== undefined;
    if (refusal.code === "unauthorized" && !isGuest) {
      return closed(CLOSE_UNAUTHORIZED, refusal.payload);
    }
    hasReceived = true;
    const refusals = [...followed.keys()].map((room) => ({ ...refusal, room }));
    received(refusals.flatMap((event) => asAnswer(event, followed)));
  }

  return { rooms, changed, close };
}
