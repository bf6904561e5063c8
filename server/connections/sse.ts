/**
 * `SseWriter` writes events as a server-sent event stream (HTML Living Standard §9.2). All are plain
 * messages, so a page needs only `onmessage` and the field `type`. A message in the log carries the
 * stream's cursors as `id`, which a browser sends back by itself when it reconnects.
 *
 * @module
 */
import type { Batch } from "../broker/page.ts";
import { MESSAGE_HEAD, REVISED_HEAD, typesPattern } from "../protocol/encode.ts";
import type { Cursor, Event } from "../protocol/messages.ts";
import { cursorId } from "./cursor_id.ts";

/** A room that a stream follows, and the cursor where it goes on. */
export interface Followed {
  readonly room: string;
  readonly since: Cursor | undefined;
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
  /** The cursor of each room; undefined where there is none yet. */
  readonly #cursors: (Position | undefined)[];
  /** The room of the last id, as an index; -1 if `#before` and `#after` have to be made anew. */
  #current = -1;
  /** What stands before and after the `seq` in an id of the current room. */
  #before = "";
  #after = "";
  readonly #refused = new Set<number>();
  #canReturn = false;

  constructor(rooms: readonly Followed[], options: SseOptions) {
    this.#options = options;
    this.#indexes = new Map(rooms.map(({ room }, index) => [JSON.stringify(room), index]));
    this.#cursors = rooms.map(({ since }) => since && { rev: 0, ...since });
  }

  /** Whether all rooms were refused, and one of them only for now: the client has to come back. */
  get isOver(): boolean {
    return this.#canReturn && this.#refused.size === this.#indexes.size;
  }

  encode(batch: Batch): Uint8Array<ArrayBuffer> {
    const only = this.#indexes.size === 1 ? this.#cursors[0] : undefined;
    if (only === undefined) return ENCODER.encode(this.#write(blocksOf(batch)));
    const known = ENCODED.get(batch);
    if (known !== undefined && isAt(only, known.from)) {
      only.seq = known.seq ?? only.seq;
      if (known.rev !== undefined) this.#reach(0, only, known.rev);
      return known.bytes;
    }
    const blocks = batch.events.map(blockOf);
    const { epoch, seq, rev } = only;
    const bytes = ENCODER.encode(this.#write(blocks));
    // A batch for a thousand streams of one room has the same bytes for all of them.
    if (blocks.some(({ event }) => event !== undefined)) return bytes;
    const isRevised = blocks.some(({ rev }) => rev > 0);
    ENCODED.set(batch, {
      // The id of a message shows no earlier `seq`.
      from: { epoch, seq: isRevised ? seq : undefined, rev },
      seq: only.seq === seq ? undefined : only.seq,
      rev: only.rev === rev ? undefined : only.rev,
      bytes,
    });
    return bytes;
  }

  #write(blocks: readonly Block[]): string {
    let text = "";
    for (const block of blocks) text += this.#text(block);
    return text;
  }

  #text({ data, room, seq, rev, event }: Block): string {
    if (event !== undefined) return this.#special(data, event);
    const index = room === undefined ? undefined : this.#indexes.get(room);
    const cursor = index === undefined ? undefined : this.#cursors[index];
    if (index === undefined || cursor === undefined) return data;
    if (seq > 0) cursor.seq = seq;
    if (rev > 0) this.#reach(index, cursor, rev);
    return this.#id(index, cursor) + data;
  }

  /** Moves a cursor to a revision. */
  #reach(index: number, cursor: Position, rev: number): void {
    cursor.rev = Math.max(cursor.rev, rev);
    if (this.#current === index) this.#current = -1;
  }

  /** Writes an id line that ends with the cursor of that room. */
  #id(index: number, cursor: Position): string {
    if (this.#current !== index) {
      const texts = this.#texts();
      this.#current = index;
      this.#before = [...texts.slice(0, index), `${cursor.epoch}:`].join(",");
      this.#after = [cursor.rev === 0 ? "" : `:${cursor.rev}`, ...texts.slice(index + 1)].join(",");
    }
    return `id: ${this.#before}${cursor.seq}${this.#after}\n`;
  }

  #texts(): readonly string[] {
    return this.#cursors.map((cursor) => cursor === undefined ? "" : cursorId(cursor));
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
  #joined({ room, epoch, seq, rev, recovered }: Extract<Event, { type: "joined" }>): string {
    const index = this.#indexes.get(JSON.stringify(room));
    if (index === undefined) return "";
    this.#current = -1;
    const cursor = this.#cursors[index];
    if (recovered && cursor !== undefined) {
      cursor.epoch = epoch;
      return ""; // its own cursor goes on
    }
    const before = Math.max(0, seq - this.#options.recentMessages);
    this.#cursors[index] = { epoch, seq: before, rev };
    return `id: ${this.#texts().join(",")}\n`;
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

/** A cursor that moves. */
interface Position {
  epoch: string;
  seq: number;
  rev: number;
}

/** The bytes of a batch, for streams that are at the same place. */
interface EncodedBatch {
  /** Where a stream must be. It may be at any `seq` if that is undefined. */
  readonly from: {
    readonly epoch: string;
    readonly seq: number | undefined;
    readonly rev: number;
  };
  /** Where it is afterwards, as far as that changes. */
  readonly seq: number | undefined;
  readonly rev: number | undefined;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function isAt({ epoch, seq, rev }: Position, from: EncodedBatch["from"]): boolean {
  return epoch === from.epoch && rev === from.rev && (from.seq === undefined || from.seq === seq);
}

/** One event of a batch, prepared for all streams that it goes to. */
interface Block {
  /** The data line and the empty line after it. */
  readonly data: string;
  /** The room as JSON, if it is a message in the log, or says what became of one. */
  readonly room?: string;
  /** The `seq` of a message, or 0. */
  readonly seq: number;
  /** The `rev` of a `revised`, or 0. */
  readonly rev: number;
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
  if (room !== undefined) return { data, room, seq: Number(digits), rev: 0 };
  const [, revisedRoom, rev] = REVISED_HEAD.exec(text) ?? [];
  if (revisedRoom !== undefined) return { data, room: revisedRoom, seq: 0, rev: Number(rev) };
  const block = { data, seq: 0, rev: 0 };
  return SPECIAL.test(text) ? { ...block, event: JSON.parse(text) } : block;
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
const ENCODED = new WeakMap<Batch, EncodedBatch>();
const BLOCKS = new WeakMap<Batch, readonly Block[]>();
