/**
 * `SseWriter` writes events as a server-sent event stream (HTML Living Standard §9.2). All are plain
 * messages, so a page needs only `onmessage` and the field `type`. A message in the log carries the
 * stream's cursors as `id`, which a browser sends back by itself when it reconnects.
 *
 * @module
 */
import type { Batch } from "../broker/page.ts";
import { MESSAGE_HEAD, typesPattern } from "../protocol/encode.ts";
import type { Cursor, Event } from "../protocol/messages.ts";

/** A room that a stream follows, and the cursor where it goes on. */
export interface Followed {
  readonly room: string;
  readonly since: Cursor | undefined;
}

/** Writes a cursor as text: `epoch:seq`. */
export function cursorId({ epoch, seq }: Cursor): string {
  return `${epoch}:${seq}`;
}

/** Reads a cursor from text. @returns `undefined` if it is none. */
export function parseCursorId(id: string): Cursor | undefined {
  const [, epoch, digits] = /^([\w.-]{1,64}):(\d{1,16})$/.exec(id) ?? [];
  const seq = Number(digits);
  if (epoch === undefined || !Number.isSafeInteger(seq)) return undefined;
  return { epoch, seq };
}

/**
 * The shortest delay before a stream comes back, in milliseconds. A browser's `EventSource` gives up for
 * good when a proxy answers 502, so it must not come back before a restart is over.
 */
const MIN_RETURN_MS = 5000;

/**
 * Chooses when one stream's browser should come back. `EventSource` has no back-off, so each stream gets
 * a moment of its own; or else all streams of a node would come back together.
 *
 * @param minMs used if it is longer than a restart takes.
 */
export function returnMs(returnSeconds: number, minMs = 0): number {
  return Math.ceil(Math.max(MIN_RETURN_MS, minMs) + Math.random() * returnSeconds * 1000);
}

/** Writes the field that says how long a browser waits before it comes back. */
export function retryLine(milliseconds: number): string {
  return `retry: ${milliseconds}\n`;
}

/** The options of an {@linkcode SseWriter}. */
export interface SseOptions {
  /** How many messages a stream without a cursor begins with. */
  readonly recentMessages: number;
  /** Seconds over which streams come back. */
  readonly returnSeconds: number;
}

/**
 * Writes the events of some rooms for one stream. It reads each room's epoch from `joined`, as clients do.
 *
 * The `id` of a message lists the cursors of all rooms of the stream, so it is the stream's own. The
 * data of a batch is prepared once for all streams; the whole bytes once for all streams of one room.
 */
export class SseWriter {
  readonly #options: SseOptions;
  /** The index of each room in the id, by the room as JSON. */
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #epochs: string[];
  /** The cursor of each room as text; empty where there is none yet. */
  readonly #cursors: string[];
  /** The room of the last message, as an index; -1 if `#before` and `#after` have to be made anew. */
  #current = -1;
  /** What stands before and after the `seq` in an id of the current room. */
  #before = "";
  #after = "";
  /** The `seq` that the current room has reached. */
  #seq = 0;
  readonly #refused = new Set<number>();
  #canReturn = false;

  constructor(rooms: readonly Followed[], options: SseOptions) {
    this.#options = options;
    this.#indexes = new Map(rooms.map(({ room }, index) => [JSON.stringify(room), index]));
    this.#epochs = rooms.map(({ since }) => since?.epoch ?? "");
    this.#cursors = rooms.map(({ since }) => since === undefined ? "" : cursorId(since));
  }

  /** Whether all rooms were refused, and one of them only for now: the client has to come back. */
  get isOver(): boolean {
    return this.#canReturn && this.#refused.size === this.#indexes.size;
  }

  encode(batch: Batch): Uint8Array<ArrayBuffer> {
    const isOfOne = this.#indexes.size === 1;
    const known = isOfOne ? ENCODED.get(batch) : undefined;
    if (known !== undefined && known.epoch === this.#epochs[0]) return known.bytes;
    const blocks = isOfOne ? batch.events.map(blockOf) : blocksOf(batch);
    let text = "";
    for (const block of blocks) text += this.#text(block);
    const bytes = ENCODER.encode(text);
    // A batch for a thousand streams of one room has the same bytes for all of them.
    const isShared = isOfOne && blocks.every(({ event }) => event === undefined);
    if (isShared) ENCODED.set(batch, { epoch: this.#epochs[0] ?? "", bytes });
    return bytes;
  }

  #text({ data, room, seq, event }: Block): string {
    if (event !== undefined) return this.#special(data, event);
    const index = room === undefined ? undefined : this.#indexes.get(room);
    return index === undefined ? data : this.#id(index, seq) + data;
  }

  /** Moves the cursor to a message, and writes its id line. */
  #id(index: number, seq: number): string {
    if (this.#current !== index) {
      const cursors = this.#cursors;
      this.#keepCursor();
      this.#current = index;
      this.#before = [...cursors.slice(0, index), `${this.#epochs[index]}:`].join(",");
      this.#after = ["", ...cursors.slice(index + 1)].join(",");
    }
    this.#seq = seq;
    return `id: ${this.#before}${seq}${this.#after}\n`;
  }

  /** Puts the current room's `seq` into its cursor. */
  #keepCursor(): void {
    if (this.#current >= 0) {
      this.#cursors[this.#current] = `${this.#epochs[this.#current]}:${this.#seq}`;
    }
    this.#current = -1;
  }

  #special(data: string, event: SpecialEvent): string {
    switch (event.type) {
      case "joined":
        return this.#joined(event) + data;
      case "ping":
        // The comment keeps proxies from closing the stream. Pages may listen for the event.
        return `: ping\nevent: ping\n${data}`;
      case "error":
        return this.#error(event) + data;
      case "bye":
        return retryLine(returnMs(0, MIN_RETURN_MS + event.retryAfterMs)) + data;
      default:
        return event satisfies never;
    }
  }

  /** Sets the cursor of a room that begins afresh before the messages that follow, also if there are none. */
  #joined({ room, epoch, seq, recovered }: Extract<Event, { type: "joined" }>): string {
    const index = this.#indexes.get(JSON.stringify(room));
    if (index === undefined) return "";
    this.#keepCursor();
    this.#epochs[index] = epoch;
    if (recovered) return ""; // its own cursor goes on
    const before = Math.max(0, seq - this.#options.recentMessages);
    this.#cursors[index] = `${epoch}:${before}`;
    return `id: ${this.#cursors.join(",")}\n`;
  }

  /** Notes that a room was refused, whether at once or after it was joined. */
  #error({ room, retryAfterMs }: Extract<Event, { type: "error" }>): string {
    const index = room === undefined ? undefined : this.#indexes.get(JSON.stringify(room));
    if (index === undefined) return "";
    this.#refused.add(index);
    this.#canReturn ||= retryAfterMs !== undefined;
    return this.isOver ? retryLine(returnMs(this.#options.returnSeconds, retryAfterMs)) : "";
  }
}

/** One event of a batch, prepared for all streams that it goes to. */
interface Block {
  /** The data line and the empty line after it. */
  readonly data: string;
  /** The room as JSON and the `seq`, if it is a message in the log. */
  readonly room?: string;
  readonly seq: number;
  /** The event, if the stream has to look into it. */
  readonly event?: SpecialEvent;
}

/** Prepares the blocks of a batch once, for all streams of several rooms that it goes to. */
function blocksOf(batch: Batch): readonly Block[] {
  let blocks = BLOCKS.get(batch);
  if (blocks === undefined) BLOCKS.set(batch, blocks = batch.events.map(blockOf));
  return blocks;
}

function blockOf(text: string): Block {
  const data = `data: ${text}\n\n`;
  const [, room, digits] = MESSAGE_HEAD.exec(text) ?? [];
  if (room !== undefined) return { data, room, seq: Number(digits) };
  return SPECIAL.test(text) ? { data, seq: 0, event: JSON.parse(text) } : { data, seq: 0 };
}

/** The events that the stream has to look into. */
const SPECIAL_TYPES = [
  "joined",
  "ping",
  "bye",
  "error",
] as const satisfies readonly Event["type"][];
type SpecialEvent = Extract<Event, { type: (typeof SPECIAL_TYPES)[number] }>;
const SPECIAL = typesPattern(SPECIAL_TYPES);
const ENCODER = new TextEncoder();
const ENCODED = new WeakMap<Batch, { epoch: string; bytes: Uint8Array<ArrayBuffer> }>();
const BLOCKS = new WeakMap<Batch, readonly Block[]>();
