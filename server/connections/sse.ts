/**
 * Events as a server-sent event stream (HTML Living Standard §9.2): all as plain messages, so that
 * `onmessage` and one look at `type` are all a page needs. A message in the log carries its place as
 * `id`, which a browser hands back by itself when it reconnects.
 *
 * @module
 */
import type { Frame } from "../broker/broker.ts";
import { type Cursor, type Event, messageHead, REF } from "../protocol.ts";

/** A cursor as text: `epoch:seq`. */
export function cursorId({ epoch, seq }: Cursor): string {
  return `${epoch}:${seq}`;
}

/** The opposite; `undefined` if it is none. */
export function parseCursorId(id: string): Cursor | undefined {
  const [, epoch, digits] = /^(.+):(\d{1,16})$/su.exec(id) ?? [];
  const seq = Number(digits);
  if (epoch === undefined || !REF.accepts(epoch) || !Number.isSafeInteger(seq)) return undefined;
  return { epoch, seq };
}

/** Writes one room's events for one stream. It learns the epoch from `joined`, as clients do. */
export class SseWriter {
  readonly #heads: readonly string[];
  readonly #recentMessages: number;
  #epoch = "";
  #over = false;

  /** @param recentMessages how many are shown to one who begins without a cursor. */
  constructor(room: string, recentMessages: number) {
    this.#heads = [messageHead("chat", room), messageHead("custom", room)];
    this.#recentMessages = recentMessages;
  }

  /** Whether an `error` was among the events: all that a stream had to say is refused. */
  get over(): boolean {
    return this.#over;
  }

  encode(frame: Frame): Uint8Array<ArrayBuffer> {
    // What is sent to a thousand streams is one frame, and comes out the same for all of them.
    const known = ENCODED.get(frame);
    if (known !== undefined) return known;
    const bytes = ENCODER.encode(frame.events.map((event) => this.#text(event)).join(""));
    ENCODED.set(frame, bytes);
    return bytes;
  }

  #text(event: string): string {
    const head = this.#heads.find((head) => event.startsWith(head));
    if (head !== undefined) {
      const seq = parseInt(event.slice(head.length, head.length + 16));
      return `id: ${cursorId({ epoch: this.#epoch, seq })}\ndata: ${event}\n\n`;
    }
    return RARE.test(event) ? this.#rare(event, JSON.parse(event)) : `data: ${event}\n\n`;
  }

  #rare(text: string, event: Event): string {
    switch (event.type) {
      case "joined":
        return `${this.#idOf(event)}data: ${text}\n\n`;
      case "ping":
        // A comment for what stands between, and an event for pages that want to know a dead server.
        return `: ping\nevent: ping\ndata: ${text}\n\n`;
      case "error":
        this.#over = true;
        return `${retryLine(event.retryAfterMs)}data: ${text}\n\n`;
      case "bye":
        return `${retryLine(event.retryAfterMs)}data: ${text}\n\n`;
      default:
        return `data: ${text}\n\n`;
    }
  }

  /** Whoever begins afresh is at the cursor before the messages that follow, even if there are none. */
  #idOf({ epoch, seq, recovered }: Extract<Event, { type: "joined" }>): string {
    this.#epoch = epoch;
    if (recovered) return ""; // it has its own
    return `id: ${cursorId({ epoch, seq: Math.max(0, seq - this.#recentMessages) })}\n`;
  }
}

/** Tells a browser how long to wait before it comes back. */
export function retryLine(milliseconds: number | undefined): string {
  return milliseconds === undefined ? "" : `retry: ${Math.ceil(milliseconds)}\n`;
}

/** The events with more to them than their text. An event's text begins with its type. */
const RARE = /^\{"type":"(?:joined|ping|bye|error)"/;
const ENCODER = new TextEncoder();
const ENCODED = new WeakMap<Frame, Uint8Array<ArrayBuffer>>();
