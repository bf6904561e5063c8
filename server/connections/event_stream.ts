/**
 * An `EventStreamConnection` sends the events of some rooms as server-sent events. Sessions and rooms
 * use it like any other connection. Its client can send nothing, so the request says hello and joins
 * for it.
 *
 * @module
 */
import type { Identity } from "../access/identity.ts";
import type { Source } from "../access/source.ts";
import type { Batch } from "../broker/page.ts";
import { CLOSE, type CloseCode } from "../protocol/tables.ts";
import { Refusal } from "../protocol/refusal.ts";
import { Session } from "../rooms/session.ts";
import { Connection, type ConnectionContext } from "./connection.ts";
import { type Followed, retryLine, returnMs, SseWriter } from "./sse.ts";

/** What a request for a stream holds besides the rooms. */
export interface StreamRequest {
  readonly identity: Identity;
  readonly name: string | undefined;
  /** When the stream ends, for a client behind a proxy that passes on nothing before the end. */
  readonly seconds: number | undefined;
}

export class EventStreamConnection extends Connection {
  override readonly kind = "stream";
  protected override readonly session: Session;
  /** The body of the response. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #rooms: readonly Followed[];
  readonly #writer: SseWriter;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #ended = Promise.withResolvers<void>();
  /** `undefined` once the stream is closed, or cancelled because the peer has gone. */
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;

  /**
   * @param rooms at least one.
   * @param completed settles when the response is sent, or when that has failed. Where that is not
   * known, the connection counts until the stream ends.
   */
  constructor(
    rooms: readonly Followed[],
    completed: Promise<void> | undefined,
    context: ConnectionContext,
    source: Source,
  ) {
    super(context);
    this.session = new Session(context.hub, this, source);
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
    void (completed ?? this.#ended.promise).catch(() => {}).finally(() => this.release());
  }

  /**
   * Says hello and joins the rooms. If one of several is refused, the stream gets an `error` with that
   * room and goes on.
   *
   * @throws {Refusal} if the only room is refused.
   */
  async open({ identity, name, seconds }: StreamRequest): Promise<void> {
    const { returnSeconds } = this.context.hub.context.options;
    const retry = retryLine(returnMs(returnSeconds)) + "\n";
    this.#controller?.enqueue(new TextEncoder().encode(retry));
    // It is in no room yet, so there is nothing to wait for.
    void this.session.become(identity);
    this.session.welcome(name);
    await Promise.all(this.#rooms.map((followed) => this.#join(followed)));
    if (seconds !== undefined && !this.hasEnded) {
      this.#timer = setTimeout(() => this.close(CLOSE.goingAway), seconds * 1000);
    }
  }

  async #join({ room, since }: Followed): Promise<void> {
    try {
      await this.session.join(room, since);
    } catch (thrown) {
      if (!(thrown instanceof Refusal) || this.#rooms.length === 1) throw thrown;
      this.session.refuse(thrown, undefined, room);
    }
  }

  override end(): void {
    clearTimeout(this.#timer);
    super.end();
    this.#ended.resolve();
  }

  /** Leaves batches as they are: one that is shared with other streams is then encoded only once. */
  protected override gather(batches: readonly Batch[]): readonly Batch[] {
    return batches;
  }

  protected override readQueuedBytes(): number {
    return -(this.#controller?.desiredSize ?? 0);
  }

  protected override write(batch: Batch): boolean {
    // `enqueue` and `close` throw after the peer has gone: the stream is then cancelled from inside
    // `enqueue`, and `desiredSize` is 0, not null. So `cancel` forgets the controller.
    const bytes = this.#writer.encode(batch);
    this.context.hub.context.metrics.sentBytes.stream += bytes.byteLength;
    this.#controller?.enqueue(bytes);
    // All rooms were refused in the end. The client cannot ask again here, so it has to come back.
    if (this.#writer.isOver) this.close(CLOSE.goingAway);
    return false;
  }

  protected override shut(code: CloseCode): void {
    const controller = this.#controller;
    this.#controller = undefined;
    if (code !== CLOSE.tooSlow) return controller?.close();
    // `close` would keep what the client has not taken for as long as it stays; `error` drops it.
    controller?.error(new Refusal("unavailable", "The client reads too slowly."));
  }
}
