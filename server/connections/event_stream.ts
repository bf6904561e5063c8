/**
 * A connection over a server-sent event stream: one room, outwards only. To the session and the room
 * it is a connection like any other; what a client cannot say here, its request has said for it.
 *
 * @module
 */
import type { Source } from "../access/source.ts";
import type { Frame } from "../broker/broker.ts";
import { type CloseCode, type Cursor, Refusal } from "../protocol.ts";
import { Session } from "../rooms/session.ts";
import { Connection, type ConnectionContext } from "./connection.ts";
import { retryLine, SseWriter } from "./sse.ts";

/** What a request for a stream says. */
export interface StreamRequest {
  readonly room: string;
  readonly token: string | undefined;
  readonly name: string | undefined;
  readonly since: Cursor | undefined;
}

/**
 * How long a browser waits when the stream breaks unannounced: each its own time between the two,
 * because `EventSource` has no back-off and all of a node's would come back in the same moment.
 */
const RETURN_MS = [500, 2500] as const;

export class EventStreamConnection extends Connection {
  protected override readonly session: Session;
  /** What the client is sent. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #writer: SseWriter;
  /** Undefined once the stream is closed, broken off, or cancelled by the peer's going. */
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;

  /** @param completed settles when the response is sent, or cannot be any more. */
  constructor(
    room: string,
    completed: Promise<void>,
    context: ConnectionContext,
    source: Source,
  ) {
    super(context);
    const { recentMessages } = context.hub.context.options;
    this.session = new Session(context.hub, this, source, false);
    this.#writer = new SseWriter(room, recentMessages);
    this.body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.#controller = undefined;
        this.end();
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: 0 }));
    void completed.catch(() => {}).finally(() => this.release());
  }

  /**
   * Enters the room.
   *
   * @throws {Refusal} if it may not; then nothing was written yet.
   */
  open({ room, ...rest }: StreamRequest): void {
    this.session.open(room, rest);
    const [least, most] = RETURN_MS;
    this.#controller?.enqueue(
      new TextEncoder().encode(retryLine(least + Math.random() * (most - least)) + "\n"),
    );
  }

  protected override readQueuedBytes(): number {
    return -(this.#controller?.desiredSize ?? 0);
  }

  protected override write(frame: Frame): boolean {
    // A peer that has just gone cancels the stream from inside `enqueue`, and `desiredSize` is then 0,
    // not null: the next `enqueue` or `close` throws. So the controller is let go of in `cancel`.
    this.#controller?.enqueue(this.#writer.encode(frame));
    // It was not let in after all. It cannot ask again here: it has to come back.
    if (this.#writer.over) this.close(1001);
    return false;
  }

  protected override shut(code: CloseCode): void {
    const controller = this.#controller;
    this.#controller = undefined;
    if (code !== 1013) return controller?.close();
    // Too slow: what it did not take is let go of, rather than kept for as long as it stays.
    controller?.error(new Refusal("unavailable", "The reader is too slow."));
  }
}
