/**
 * What WebSockets and event streams have in common: an outbox that gathers a turn's frames into one
 * write, the high-water mark above which a connection is behind, the watch over those that are stuck,
 * and an end that comes once, whatever the runtime says or fails to say afterwards.
 *
 * The runtime may throw where a connection writes, closes or asks how much is queued, because the peer
 * has just gone. Those three calls are guarded here, so that a throw ends this connection and never
 * leaves the loop over connections that made the call.
 *
 * @module
 */
import { Batch } from "../broker/page.ts";
import { reason as reasonOf } from "../log.ts";
import { CLOSE, type CloseCode } from "../protocol/tables.ts";
import type { Hub, Outbox } from "../rooms/hub.ts";
import type { Session, SessionConnection } from "../rooms/session.ts";
import type { Pinged } from "./heartbeat.ts";
import type { Drainable, DrainMonitor } from "./drain_monitor.ts";

/** What all connections of a server share. */
export interface ConnectionContext {
  readonly hub: Hub;
  readonly drainMonitor: DrainMonitor;
  /** The connection says and hears nothing more. Called once. */
  ended(connection: Connection): void;
  /** The peer has let go of its socket: later, and for one that is stuck never. Called once. */
  released(connection: Connection): void;
}

const LARGE_CHARS = 16_384;
/** At the most, in UTF-8. */
const BYTES_A_CHAR = 3;

export abstract class Connection implements SessionConnection, Outbox, Pinged, Drainable {
  /** Set by the subclass's factory as soon as both exist. */
  protected abstract readonly session: Session;
  protected readonly context: ConnectionContext;
  /** What this turn brought: mostly one frame, which all members of a room share. */
  #frame: Batch | undefined;
  #more: Batch[] | undefined;
  #pending = 0;
  /** What is being written piece by piece, and the next piece of it. */
  #writing: Batch | undefined;
  #piece = 0;
  /** More cannot be queued: the runtime, which is slow to tell, is asked only when this is too much. */
  #atMost = 0;
  #blocked = false;
  #ended = false;
  #released = false;
  /** Its place on the wheel of the heartbeat. */
  slot = 0;

  constructor(context: ConnectionContext) {
    this.context = context;
  }

  /** Asks the runtime how many bytes it was handed that the peer has not taken yet. */
  protected abstract readQueuedBytes(): number;
  /**
   * Hands a turn's frame to the runtime, or that piece of it, counted from 0.
   *
   * @returns whether there is another piece.
   */
  protected abstract write(frame: Batch, piece: number): boolean;
  /** Says goodbye with that code. */
  protected abstract shut(code: CloseCode, reason: string): void;

  /** Bytes handed to the runtime that the peer has not taken yet. */
  get queuedBytes(): number {
    try {
      return this.readQueuedBytes();
    } catch (thrown) {
      this.#fail(thrown);
      return 0;
    }
  }

  /** Whether it says and hears nothing more. */
  protected get hasEnded(): boolean {
    return this.#ended;
  }

  /** Makes as few frames as is worth it of several of one turn. */
  protected gather(frames: readonly Batch[]): Iterable<Batch> {
    return join(frames);
  }

  get ready(): boolean {
    if (this.#ended || this.#blocked) return false;
    const most = this.context.hub.context.options.highWaterBytes;
    if (this.#atMost <= most) return true;
    const queued = this.queuedBytes + this.#pending;
    if (queued <= most) {
      this.#atMost = queued;
      return true;
    }
    this.#blocked = true;
    this.context.drainMonitor.add(this);
    return false;
  }

  send(frame: Batch): void {
    if (this.#ended) return;
    this.#pending += frame.size;
    this.#atMost += frame.size * BYTES_A_CHAR;
    if (this.#frame !== undefined) {
      (this.#more ??= []).push(frame);
      return;
    }
    this.#frame = frame;
    this.context.hub.flushSoon(this);
  }

  reply(frame: Batch): void {
    const most = 2 * this.context.hub.context.options.highWaterBytes;
    // It asks and asks, and does not read the answers.
    if (this.queuedBytes + this.#pending > most) return this.close(CLOSE.tooSlow);
    this.send(frame);
  }

  flush(): boolean {
    if (this.#ended) return false;
    try {
      if (this.#writing === undefined) this.#take();
      const frame = this.#writing;
      this.#writing = undefined; // the write may end this connection
      if (frame === undefined || !this.write(frame, this.#piece++) || this.#ended) return false;
      this.#writing = frame;
      return true;
    } catch (thrown) {
      this.#fail(thrown);
      return false;
    }
  }

  close(code: CloseCode, reason = ""): void {
    if (this.#ended) return;
    while (this.flush());
    if (this.#ended) return; // the peer was found to be gone while it was written to
    try {
      this.shut(code, reason);
    } catch (thrown) {
      this.#fail(thrown);
    }
    // Not left to the runtime's close event: for a peer that is stuck it never comes.
    this.end();
  }

  /** Everything of this connection's is given back. May be called more than once. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#frame = undefined;
    this.#more = undefined;
    this.#writing = undefined;
    this.context.drainMonitor.delete(this);
    this.session.end();
    this.context.ended(this);
  }

  /** The runtime threw: ends this connection, unless that is why it threw. */
  #fail(thrown: unknown): void {
    if (this.#ended) return;
    this.end();
    this.context.hub.context.log.warn("connection failed", { reason: reasonOf(thrown) });
    try {
      this.shut(CLOSE.goingAway, "");
    } catch {
      // It was tried: the runtime has nothing left to close.
    }
  }

  /** The socket itself is gone. May be called more than once. */
  protected release(): void {
    this.end();
    if (this.#released) return;
    this.#released = true;
    this.context.released(this);
  }

  /** A beat of the heart: whatever is still queued from before is watched from now on. */
  ping(frame: Batch): void {
    if (this.queuedBytes > 0) this.context.drainMonitor.add(this);
    if (this.ready) this.send(frame);
  }

  /** Takes up what the turn brought: one frame, as a rule; of several, all but the last go out at once. */
  #take(): void {
    const frame = this.#frame;
    const more = this.#more;
    this.#frame = undefined;
    this.#more = undefined;
    this.#pending = 0;
    this.#piece = 0;
    this.#writing = frame;
    if (frame === undefined || more === undefined) return;
    const gathered = [...this.gather([frame, ...more])];
    this.#writing = gathered.pop();
    for (const whole of gathered) for (let piece = 0; this.write(whole, piece); piece++);
  }

  /** What was queued has drained: the session may be given more. */
  unblock(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.session.drained();
  }
}

/** Frames of a turn as one, but for large ones: to copy those for each reader costs more than it saves. */
function* join(frames: readonly Batch[]): Generator<Batch> {
  let small: Batch[] = [];
  for (const frame of frames) {
    if (frame.size < LARGE_CHARS) {
      small.push(frame);
      continue;
    }
    if (small.length > 0) yield Batch.join(small);
    yield frame;
    small = [];
  }
  if (small.length > 0) yield Batch.join(small);
}
