/**
 * A connection over a server-sent event stream: some rooms, outwards only. To the session and the room
 * it is a connection like any other; what a client cannot say here, its request has said for it.
 *
 * @module
 */
import type { Source } from "../access/source.ts";
import type { Batch } from "../broker/page.ts";
import { CLOSE, type CloseCode } from "../protocol/tables.ts";
import { Refusal } from "../protocol/refusal.ts";
import { Session } from "../rooms/session.ts";
import { Connection, type ConnectionContext } from "./connection.ts";
import { type Followed, retryLine, returnMs, SseWriter } from "./sse.ts";

/** What a request for a stream says beside the rooms. */
export interface StreamRequest {
  readonly token: string | undefined;
  readonly name: string | undefined;
  /** Ends the stream after so long, for a client behind something that holds it back until its end. */
  readonly seconds: number | undefined;
}

export class EventStreamConnection extends Connection {
  protected override readonly session: Session;
  /** What the client is sent. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #rooms: readonly Followed[];
  readonly #writer: SseWriter;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Undefined once the stream is closed, broken off, or cancelled by the peer's going. */
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;

  /**
   * @param rooms at least one.
   * @param completed settles when the response is sent, or cannot be any more.
   */
  constructor(
    rooms: readonly Followed[],
    completed: Promise<void>,
    context: ConnectionContext,
    source: Source,
  ) {
    super(context);
    this.session = new Session(context.hub, this, source, false);
    this.#rooms = rooms;
    this.#writer = new SseWriter(rooms, context.hub.context.options);
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
   * Enters the rooms. One that is refused is told of by an `error` that names it, and the stream goes on.
   *
   * @throws {Refusal} if the only room is refused; then nothing was written yet.
   */
  open({ token, name, seconds }: StreamRequest): void {
    this.session.introduce(token, name);
    for (const { room, since } of this.#rooms) {
      try {
        this.session.follow(room, since);
      } catch (thrown) {
        if (!(thrown instanceof Refusal) || this.#rooms.length === 1) throw thrown;
        this.session.refuse(thrown, undefined, room);
      }
    }
    if (seconds !== undefined) {
      this.#timer = setTimeout(() => this.close(CLOSE.goingAway), seconds * 1000);
    }
    const { returnSeconds } = this.context.hub.context.options;
    const retry = retryLine(returnMs(returnSeconds)) + "\n";
    this.#controller?.enqueue(new TextEncoder().encode(retry));
  }

  override end(): void {
    clearTimeout(this.#timer);
    super.end();
  }

  /** Frames are written as they come: what is shared with other streams is then encoded only once. */
  protected override gather(frames: readonly Batch[]): readonly Batch[] {
    return frames;
  }

  protected override readQueuedBytes(): number {
    return -(this.#controller?.desiredSize ?? 0);
  }

  protected override write(frame: Batch): boolean {
    // A peer that has just gone cancels the stream from inside `enqueue`, and `desiredSize` is then 0,
    // not null: the next `enqueue` or `close` throws. So the controller is let go of in `cancel`.
    this.#controller?.enqueue(this.#writer.encode(frame));
    // It was not let in after all. It cannot ask again here: it has to come back.
    if (this.#writer.over) this.close(CLOSE.goingAway);
    return false;
  }

  protected override shut(code: CloseCode): void {
    const controller = this.#controller;
    this.#controller = undefined;
    if (code !== CLOSE.tooSlow) return controller?.close();
    // Too slow: what it did not take is let go of, rather than kept for as long as it stays.
    controller?.error(new Refusal("unavailable", "The reader is too slow."));
  }
}
