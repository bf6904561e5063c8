/**
 * Events as a server-sent event stream (HTML Living Standard §9.2): all as plain messages, so that
 * `onmessage` and one look at `type` are all a page needs. A message in the log carries the stream's
 * cursors as `id`, which a browser hands back by itself when it reconnects.
 *
 * @module
 */
import type { Batch } from "../broker/page.ts";
import { MESSAGE_HEAD, typesPattern } from "../protocol/encode.ts";
import type { Cursor, Event } from "../protocol/messages.ts";

/** A room that a stream follows, and where it left off there. */
export interface Followed {
  readonly room: string;
  readonly since: Cursor | undefined;
}

/** A cursor as text: `epoch:seq`. */
export function cursorId({ epoch, seq }: Cursor): string {
  return `${epoch}:${seq}`;
}

/** The opposite; `undefined` if it is none. */
export function parseCursorId(id: string): Cursor | undefined {
  const [, epoch, digits] = /^([\w.-]{1,64}):(\d{1,16})$/.exec(id) ?? [];
  const seq = Number(digits);
  if (epoch === undefined || !Number.isSafeInteger(seq)) return undefined;
  return { epoch, seq };
}

/**
 * The shortest delay that a stream is told, in milliseconds. A browser's `EventSource` gives up for
 * good when its one try meets a proxy's 502, so it must not come back before a restart is over.
 */
const LEAST_RETURN_MS = 5000;

/**
 * Decides when one stream's browser should come back: after a restart, and each at its own moment,
 * because `EventSource` has no back-off and all of a node's would return together.
 *
 * @param least milliseconds that the server asks for, if that is longer than a restart.
 */
export function returnMs(returnSeconds: number, least = 0): number {
  return Math.ceil(Math.max(LEAST_RETURN_MS, least) + Math.random() * returnSeconds * 1000);
}

/** Tells a browser how long to wait before it comes back. */
export function retryLine(milliseconds: number): string {
  return `retry: ${milliseconds}\n`;
}

/** How an {@linkcode SseWriter} writes. */
export interface SseOptions {
  /** How many messages are shown to one who begins without a cursor. */
  readonly recentMessages: number;
  /** Seconds over which streams come back. */
  readonly returnSeconds: number;
}

/**
 * Writes the events of some rooms for one stream. It learns each epoch from `joined`, as clients do.
 *
 * What a stream's messages carry as `id` is its own, because it lists the cursors of all its rooms. So the
 * data of a frame is prepared once for all readers, and the whole bytes once for the streams of one room.
 */
export class SseWriter {
  readonly #options: SseOptions;
  /** The rooms as JSON, and the place of each in the id. */
  readonly #places: ReadonlyMap<string, number>;
  readonly #epochs: string[];
  /** The cursor of each room as text; empty where there is none yet. */
  readonly #cursors: string[];
  /** What stands before and after the `seq` in an id of the room at `#at`; -1 if that must be made anew. */
  #before = "";
  #after = "";
  #at = -1;
  readonly #refused = new Set<number>();
  #mayReturn = false;

  constructor(rooms: readonly Followed[], options: SseOptions) {
    this.#options = options;
    this.#places = new Map(rooms.map(({ room }, place) => [JSON.stringify(room), place]));
    this.#epochs = rooms.map(({ since }) => since?.epoch ?? "");
    this.#cursors = rooms.map(({ since }) => since === undefined ? "" : cursorId(since));
  }

  /** Whether every room was refused and one of them only for now: the client has to come back. */
  get over(): boolean {
    return this.#mayReturn && this.#refused.size === this.#places.size;
  }

  encode(frame: Batch): Uint8Array<ArrayBuffer> {
    const isOfOne = this.#places.size === 1;
    const known = isOfOne ? ENCODED.get(frame) : undefined;
    if (known !== undefined && known.epoch === this.#epochs[0]) return known.bytes;
    const blocks = isOfOne ? frame.events.map(blockOf) : blocksOf(frame);
    let text = "";
    for (const block of blocks) text += this.#text(block);
    const bytes = ENCODER.encode(text);
    // What is sent to a thousand streams of one room is one frame, and comes out the same for all.
    const isShared = isOfOne && blocks.every(({ event }) => event === undefined);
    if (isShared) ENCODED.set(frame, { epoch: this.#epochs[0] ?? "", bytes });
    return bytes;
  }

  #text({ data, room, seq, event }: Block): string {
    if (event !== undefined) return this.#rare(data, event);
    const place = room === undefined ? undefined : this.#places.get(room);
    return place === undefined ? data : this.#id(place, seq) + data;
  }

  /** The id line of a message, and the cursor moved to it. */
  #id(place: number, seq: number): string {
    if (this.#at !== place) {
      const cursors = this.#cursors;
      this.#keep();
      this.#at = place;
      this.#before = [...cursors.slice(0, place), `${this.#epochs[place]}:`].join(",");
      this.#after = ["", ...cursors.slice(place + 1)].join(",");
    }
    this.#seq = seq;
    return `id: ${this.#before}${seq}${this.#after}\n`;
  }

  /** The `seq` that the room at `#at` has reached. */
  #seq = 0;

  /** Writes down the cursor that only `#seq` knew. */
  #keep(): void {
    if (this.#at >= 0) this.#cursors[this.#at] = `${this.#epochs[this.#at]}:${this.#seq}`;
    this.#at = -1;
  }

  #rare(data: string, event: RareEvent): string {
    switch (event.type) {
      case "joined":
        return this.#joined(event) + data;
      case "ping":
        // A comment for what stands between, and an event for pages that want to know a dead server.
        return `: ping\nevent: ping\n${data}`;
      case "error":
        return this.#error(event) + data;
      case "bye":
        return retryLine(returnMs(0, LEAST_RETURN_MS + event.retryAfterMs)) + data;
      default:
        return event satisfies never;
    }
  }

  /** Whoever begins afresh is at the cursor before the messages that follow, even if there are none. */
  #joined({ room, epoch, seq, recovered }: Extract<Event, { type: "joined" }>): string {
    const place = this.#places.get(JSON.stringify(room));
    if (place === undefined) return "";
    this.#keep();
    this.#epochs[place] = epoch;
    if (recovered) return ""; // it has its own
    const before = Math.max(0, seq - this.#options.recentMessages);
    this.#cursors[place] = `${epoch}:${before}`;
    return `id: ${this.#cursors.join(",")}\n`;
  }

  /** Notes that a room was refused. One that was let in and is refused later is gone as well. */
  #error({ room, retryAfterMs }: Extract<Event, { type: "error" }>): string {
    const place = room === undefined ? undefined : this.#places.get(JSON.stringify(room));
    if (place === undefined) return "";
    this.#refused.add(place);
    this.#mayReturn ||= retryAfterMs !== undefined;
    return this.over ? retryLine(returnMs(this.#options.returnSeconds, retryAfterMs)) : "";
  }
}

/** One event of a frame, prepared for all streams that it goes to. */
interface Block {
  /** The data line and the empty line after it. */
  readonly data: string;
  /** Of a message in the log: its room as JSON, and its place there. */
  readonly room?: string;
  readonly seq: number;
  /** An event with more to it than its text. */
  readonly event?: RareEvent;
}

/** The blocks of a frame, kept for the other streams of several rooms that it goes to. */
function blocksOf(frame: Batch): readonly Block[] {
  let blocks = BLOCKS.get(frame);
  if (blocks === undefined) BLOCKS.set(frame, blocks = frame.events.map(blockOf));
  return blocks;
}

function blockOf(text: string): Block {
  const data = `data: ${text}\n\n`;
  const [, room, digits] = MESSAGE_HEAD.exec(text) ?? [];
  if (room !== undefined) return { data, room, seq: Number(digits) };
  return RARE.test(text) ? { data, seq: 0, event: JSON.parse(text) } : { data, seq: 0 };
}

/** The events for which more than their text is written. */
const RARE_TYPES = ["joined", "ping", "bye", "error"] as const satisfies readonly Event["type"][];
type RareEvent = Extract<Event, { type: (typeof RARE_TYPES)[number] }>;
const RARE = typesPattern(RARE_TYPES);
const ENCODER = new TextEncoder();
const ENCODED = new WeakMap<Batch, { epoch: string; bytes: Uint8Array<ArrayBuffer> }>();
const BLOCKS = new WeakMap<Batch, readonly Block[]>();
