/**
 * `Connection` is what WebSockets and event streams have in common: an outbox that gathers a turn's
 * batches into one write, the high-water mark above which the client is behind, and an end that comes
 * once, whatever the runtime reports afterwards.
 *
 * The runtime may throw where a connection writes, closes or asks how much is queued, because the peer
 * has just gone. Those three calls are guarded here: a throw ends this connection, and never leaves the
 * loop over connections that made the call.
 *
 * @module
 */
import { Batch } from "../broker/page.ts";
import { reason as reasonOf } from "../log.ts";
import { type Kind, type Outcome, outcomeOf } from "../metrics.ts";
import { CLOSE, type CloseCode } from "../protocol/tables.ts";
import type { Hub } from "../rooms/hub.ts";
import type { Session } from "../rooms/session.ts";
import type { ClientConnection } from "../rooms/subscriber.ts";
import type { Outbox } from "../rooms/outboxes.ts";
import type { Drainable, DrainMonitor } from "./drain_monitor.ts";

/** What all connections of a server share. */
export interface ConnectionContext {
  readonly hub: Hub;
  /** Returns what the log calls the next connection. */
  nextId(): string;
  readonly drainMonitor: DrainMonitor;
  /** Called once, when the connection neither sends nor receives any more. */
  ended(connection: Connection): void;
  /** Called once, when the peer has let go of its socket. That comes later, or never if it is stuck. */
  released(connection: Connection): void;
}

/** Batches from this size on are not joined with others: copying them for each client costs too much. */
const LARGE_CHARS = 16_384;
/** A UTF-16 code unit takes at most 3 bytes in UTF-8. */
const MAX_BYTES_PER_CHAR = 3;

export abstract class Connection implements ClientConnection, Outbox, Drainable {
  /** The subclass sets it in its constructor. */
  protected abstract readonly session: Session;
  protected readonly context: ConnectionContext;
  readonly id: string;
  /** How it is counted. */
  abstract readonly kind: Kind;
  #outcome: Outcome = "left";
  /** What is to be written at the end of this turn: mostly one batch, shared by all of a room. */
  #batch: Batch | undefined;
  #moreBatches: Batch[] | undefined;
  #gatheredChars = 0;
  /** The batch that is being written, and its next piece. */
  #writing: Batch | undefined;
  #piece = 0;
  /**
   * A bound of the bytes that are queued. Reading `bufferedAmount` is slow, so it is read only when
   * this bound exceeds the high-water mark.
   */
  #queuedUpperBound = 0;
  /** A bound of the bytes of answers that were queued while the queue was above the high-water mark. */
  #repliedBytes = 0;
  #isBlocked = false;
  #hasEnded = false;
  #isReleased = false;
  /** Where the heartbeat keeps this connection. */
  heartbeatSlot = 0;

  constructor(context: ConnectionContext) {
    this.context = context;
    this.id = context.nextId();
  }

  /** Asks the runtime how many bytes the peer has not taken yet. */
  protected abstract readQueuedBytes(): number;
  /**
   * Hands a batch to the runtime, or one piece of it, counted from 0.
   *
   * @returns whether there is another piece.
   */
  protected abstract write(batch: Batch, piece: number): boolean;
  /** Closes the socket or the stream. */
  protected abstract shut(code: CloseCode, reason: string): void;

  /** Bytes that were handed to the runtime and that the peer has not taken yet. */
  get queuedBytes(): number {
    try {
      return this.readQueuedBytes();
    } catch (thrown) {
      this.#fail(thrown);
      return 0;
    }
  }

  /** How it ended, if it has: the peer left, unless something else came first. */
  get outcome(): Outcome {
    return this.#outcome;
  }

  protected get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Joins the batches of one turn into as few as is worth it. */
  protected gather(batches: readonly Batch[]): Iterable<Batch> {
    return joinSmall(batches);
  }

  get ready(): boolean {
    if (this.#hasEnded || this.#isBlocked) return false;
    const max = this.context.hub.context.options.highWaterBytes;
    if (this.#queuedUpperBound <= max) return true;
    const queued = this.queuedBytes + this.#gatheredChars;
    if (this.#hasEnded) return false; // the runtime threw
    if (queued <= max) {
      this.#queuedUpperBound = queued;
      return true;
    }
    this.#isBlocked = true;
    this.context.drainMonitor.add(this);
    return false;
  }

  send(batch: Batch): void {
    if (this.#hasEnded) return;
    this.#gatheredChars += batch.size;
    this.#queuedUpperBound += batch.size * MAX_BYTES_PER_CHAR;
    if (this.#batch !== undefined) {
      (this.#moreBatches ??= []).push(batch);
      return;
    }
    this.#batch = batch;
    this.context.hub.tick.flushSoon(this);
  }

  reply(batch: Batch): void {
    const max = this.context.hub.context.options.highWaterBytes;
    const queued = this.queuedBytes + this.#gatheredChars;
    if (queued <= max) this.#repliedBytes = 0;
    // One message of the application may be longer than the mark: that is not the client's doing.
    this.#repliedBytes += batch.size * MAX_BYTES_PER_CHAR;
    if (queued > 2 * max && this.#repliedBytes > max) return this.close(CLOSE.tooSlow);
    this.send(batch);
  }

  flush(): boolean {
    if (this.#hasEnded) return false;
    try {
      if (this.#writing === undefined) this.#takeGathered();
      const batch = this.#writing;
      this.#writing = undefined; // the write may end this connection
      if (batch === undefined || !this.write(batch, this.#piece++) || this.#hasEnded) return false;
      this.#writing = batch;
      return true;
    } catch (thrown) {
      this.#fail(thrown);
      return false;
    }
  }

  /** Writes what was gathered, and closes. */
  close(code: CloseCode, reason = ""): void {
    if (this.#hasEnded) return;
    while (this.flush());
    if (this.#hasEnded) return; // the write has ended it
    this.#outcome = outcomeOf(code);
    try {
      this.shut(code, reason);
    } catch (thrown) {
      this.#fail(thrown);
    }
    // For a peer that is stuck, the runtime's close event never comes. So this does not wait for it.
    this.end();
  }

  /** Gives back everything that the connection holds, except its socket. May be called more than once. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#batch = undefined;
    this.#moreBatches = undefined;
    this.#writing = undefined;
    this.context.drainMonitor.delete(this);
    this.session.end();
    this.context.ended(this);
  }

  /** Ends the connection because the runtime threw. */
  #fail(thrown: unknown): void {
    if (this.#hasEnded) return;
    this.#outcome = "failed";
    this.end();
    const facts = { connection: this.id, reason: reasonOf(thrown) };
    this.context.hub.context.log.warn("connection failed", facts);
    try {
      this.shut(CLOSE.goingAway, "");
    } catch {
      // The runtime has nothing left to close.
    }
  }

  /** Reports that the socket itself is gone. May be called more than once. */
  protected release(): void {
    this.end();
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.context.released(this);
  }

  /** Sends the heartbeat. If something is still queued, the drain monitor watches it from now on. */
  ping(batch: Batch): void {
    if (this.queuedBytes > 0) this.context.drainMonitor.add(this);
    if (this.ready) this.send(batch);
  }

  /** Goes on sending: what was queued has drained. */
  unblock(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    this.session.drained();
  }

  /** Begins to write what was gathered. Of several batches, all but the last are written at once. */
  #takeGathered(): void {
    const batch = this.#batch;
    const more = this.#moreBatches;
    this.#batch = undefined;
    this.#moreBatches = undefined;
    this.#gatheredChars = 0;
    this.#piece = 0;
    this.#writing = batch;
    if (batch === undefined || more === undefined) return;
    const gathered = [...this.gather([batch, ...more])];
    this.#writing = gathered.pop();
    for (const whole of gathered) for (let piece = 0; this.write(whole, piece); piece++);
  }
}

/** Joins batches that follow each other, and passes large ones through. */
function* joinSmall(batches: readonly Batch[]): Generator<Batch> {
  let small: Batch[] = [];
  for (const batch of batches) {
    if (batch.size < LARGE_CHARS) {
      small.push(batch);
      continue;
    }
    if (small.length > 0) yield Batch.join(small);
    yield batch;
    small = [];
  }
  if (small.length > 0) yield Batch.join(small);
}
