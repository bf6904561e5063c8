/**
 * An event stream as a test reads it: every block as it came, and the events to be asked for. It
 * reconnects only when told to, so that a test decides when and from where.
 *
 * @module
 */
import type { Event } from "../../server/mod.ts";
import { type EventOf, patiently } from "./harness.ts";

/** What stands between two empty lines (HTML Living Standard §9.2.6). */
export interface Block {
  readonly comment?: string;
  readonly event?: string;
  readonly id?: string;
  readonly retry?: number;
  readonly data?: string;
}

export interface StreamOptions {
  readonly room?: string;
  /** Several rooms in one stream, in place of `room`. */
  readonly rooms?: readonly string[];
  /** The cursors of `rooms`, in their order. */
  readonly after?: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly lastEventId?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Stream implements AsyncDisposable {
  readonly blocks: Block[] = [];
  readonly #events: Event[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #reading: Promise<void>;
  #wake: (() => void) | undefined;
  #ended = false;
  #lastEventId: string;
  #retry: number | undefined;

  private constructor(body: ReadableStream<Uint8Array>, id: string) {
    this.#reader = body.getReader();
    this.#lastEventId = id;
    this.#reading = this.#read();
  }

  static async open(
    server: { readonly url: string },
    { room = "lobby", rooms, after = [], query = {}, lastEventId = "", headers = {} }:
      StreamOptions = {},
  ): Promise<Stream> {
    const search = new URLSearchParams(query);
    for (const name of rooms ?? []) search.append("room", name);
    for (const cursor of after) search.append("after", cursor);
    const where = rooms === undefined ? `/rooms/${encodeURIComponent(room)}/events` : "/events";
    const path = `${where}?${search}`;
    const response = await fetch(server.url + path, {
      headers: { ...(lastEventId && { "last-event-id": lastEventId }), ...headers },
    });
    if (response.status !== 200 || response.body === null) {
      throw new Error(`No stream: ${response.status} ${await response.text()}`);
    }
    return new Stream(response.body, lastEventId);
  }

  /** What an EventSource would send when it comes back … */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** … and how long it would wait before. */
  get retry(): number | undefined {
    return this.#retry;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The next event of that type; what comes before it is passed over. */
  async next<T extends Event["type"]>(
    type: T,
    test: (event: EventOf<T>) => boolean = () => true,
  ): Promise<EventOf<T>> {
    for (;;) {
      const event = await this.event();
      if (event === undefined) throw new Error(`The stream ended while waiting for ${type}`);
      if (isOf(event, type) && test(event)) return event;
    }
  }

  async take<T extends Event["type"]>(type: T, count: number): Promise<EventOf<T>[]> {
    const taken: EventOf<T>[] = [];
    while (taken.length < count) taken.push(await this.next(type));
    return taken;
  }

  /** The next event, or `undefined` at the end. */
  async event(): Promise<Event | undefined> {
    while (this.#events.length === 0 && !this.#ended) {
      await patiently(new Promise<void>((resolve) => this.#wake = resolve), "an event");
    }
    return this.#events.shift();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel().catch(() => {}); // it was cut already
    await this.#reading;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        text += decoder.decode(value, { stream: true });
        const blocks = text.split("\n\n");
        text = blocks.pop() ?? "";
        for (const block of blocks) this.#take(parse(block));
        this.#wake?.();
      }
    } catch {
      // Cut, or let go of.
    }
    this.#ended = true;
    this.#wake?.();
  }

  #take(block: Block): void {
    this.blocks.push(block);
    this.#lastEventId = block.id ?? this.#lastEventId;
    this.#retry = block.retry ?? this.#retry;
    if (block.data !== undefined) this.#events.push(JSON.parse(block.data));
  }
}

function isOf<T extends Event["type"]>(event: Event, type: T): event is EventOf<T> {
  return event.type === type;
}

function parse(block: string): Block {
  const fields: Record<string, string> = {};
  for (const line of block.split("\n")) {
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    fields[name === "" ? "comment" : name] = value;
  }
  const { retry, ...rest } = fields;
  return { ...rest, ...(retry !== undefined && { retry: Number(retry) }) };
}
