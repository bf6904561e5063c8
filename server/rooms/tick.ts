/**
 * The tick commits together and sends together what arrives in one turn of the event loop: one
 * transaction, then one frame for each connection. While a commit is in flight, the next batch gathers;
 * so batches grow with the load, and the cost of a message falls.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { FullError } from "../broker/broker.ts";
import { reason } from "../log.ts";
import { Answers, unavailable } from "./answers.ts";
import type { NodeContext } from "./context.ts";
import { MessageQueue } from "./message_queue.ts";
import { type Outbox, Outboxes } from "./outboxes.ts";
import type { Pending } from "./pending.ts";
import type { ReadMarks } from "./read_marks.ts";
import { Regrouping } from "./regrouping.ts";
import { StoredMessages } from "./stored_messages.ts";
import { Unprepared } from "./unprepared.ts";

/**
 * The text that one tick commits for one open room, in characters. The rest waits for the next tick. It
 * is never more than half of the high-water mark, so that one tick does not make everybody behind.
 */
const TICK_CHARS = 131_072;
/** With many open rooms a tick may commit up to this many times as much. */
const MAX_TICK_ROOMS = 8;
/**
 * A turn with this many frames from batched clients is crowded. The runtime reads at most 128 sockets
 * in a turn, so more frames are probably waiting.
 */
const CROWDED_FRAMES = 100;
/** A crowded turn waits GATHER_MS for more if it has fewer messages than this for each room. */
const FEW_MESSAGES = 8;
const GATHER_MS = 10;
/**
 * Where another thread commits, so many frames are written in one turn. So what arrives meanwhile is
 * committed while the other frames are written. With less than 61 the runtime may not look for what arrives.
 */
const TURN_PIECES = 64;
/** Text that may wait while the broker is slow. Above it, senders are told to try again later. */
const MAX_QUEUE_CHARS = 16_777_216;
/** A commit that takes longer is logged. */
const SLOW_COMMIT_MS = 1000;

export class Tick {
  readonly #context: NodeContext;
  readonly #marks: ReadMarks;
  readonly #openRooms: { readonly size: number };
  readonly #unprepared: Unprepared;
  readonly #stored: StoredMessages | undefined;
  readonly #answers: Answers;
  readonly #charsPerRoom: number;
  readonly #queue = new MessageQueue();
  readonly #outboxes = new Outboxes();
  /** How many pieces are written in one turn. */
  readonly #maxPieces: number;
  /** Whether more pieces are to be written in the next turn. */
  #isWriting = false;
  #isScheduled = false;
  /** Frames that batched clients sent in this turn. */
  #frames = 0;
  /** Set while a crowded turn waits for more. */
  #gatherTimer: ReturnType<typeof setTimeout> | undefined;
  #committing: Promise<void> | undefined;
  /** Set if another thread commits. */
  readonly #regrouping: Regrouping | undefined;
  #isClosed = false;

  constructor(context: NodeContext, openRooms: { readonly size: number }, marks: ReadMarks) {
    this.#context = context;
    this.#marks = marks;
    this.#openRooms = openRooms;
    this.#charsPerRoom = Math.min(TICK_CHARS, context.options.highWaterBytes / 2);
    const { application, broker, log, now } = context;
    if (broker.commitsElsewhere) this.#regrouping = new Regrouping(now, () => this.#schedule());
    this.#maxPieces = broker.commitsElsewhere ? TURN_PIECES : Infinity;
    this.#stored = application?.onStored && new StoredMessages(application.onStored, log);
    this.#answers = new Answers(log, this.#stored);
    this.#unprepared = new Unprepared({
      broker,
      requeue: (pending) => this.#requeue(pending),
      refuse: (pending) => this.#answers.refuse(pending),
    });
  }

  /**
   * Puts a message into the next batch.
   *
   * @throws {Refusal} `unavailable` if too much is waiting already, or the server is stopping;
   * `forbidden` if the room keeps no messages.
   */
  queue(pending: Pending): void {
    this.#context.rules.assertStored(pending.room);
    if (this.#isClosed || this.#queue.chars > MAX_QUEUE_CHARS) throw unavailable();
    this.#queue.push(pending);
    this.#schedule();
  }

  /** Counts a frame from a batched client. Many in one turn mean that the tick should wait for more. */
  countFrame(): void {
    this.#frames++;
  }

  /** Flushes an outbox at the end of this turn. */
  flushSoon(outbox: Outbox): void {
    this.#outboxes.add(outbox);
    this.#schedule();
  }

  /** Settles after the next tick. If the tick has stopped, it never settles. */
  next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.flushSoon({
      flush() {
        resolve();
        return false;
      },
    });
    return promise;
  }

  /** Settles when all that was queued before the call is stored or refused. */
  async settled(): Promise<void> {
    await this.#unprepared.settled();
    const last = this.#queue.last();
    do {
      await this.#beginCommit();
      await this.#unprepared.settled();
    } while (last !== undefined && this.#queue.includes(last));
    await this.#committing;
  }

  /** Takes no more messages, and settles when all that were taken are committed and written. */
  async drain(): Promise<void> {
    this.#isClosed = true;
    do {
      await this.#beginCommit();
      await this.#unprepared.settled();
    } while (this.#queue.length > 0 || this.#committing !== undefined);
    this.#flush();
  }

  /** Takes no more messages, and does not wait for those that were taken. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#gatherTimer);
    this.#regrouping?.close();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    // While frames are written, more messages arrive anyway.
    const isCrowded = this.#frames >= CROWDED_FRAMES && !this.#isWriting;
    this.#frames = 0;
    if (isCrowded && this.#gatherTimer === undefined && this.#hasFewForEachRoom()) {
      this.#gatherTimer = setTimeout(() => this.#run(), GATHER_MS);
      return;
    }
    this.#isScheduled = false;
    this.#gatherTimer = undefined;
    if (this.#queue.length > 0 && !this.#isRegrouping()) void this.#beginCommit();
    this.#flush();
  }

  /** Says whether the next commit waits for those that the last one has answered. */
  #isRegrouping(): boolean {
    if (this.#committing !== undefined || this.#isClosed || this.#isFull()) return false;
    return this.#regrouping?.isWaiting(this.#queue.length) ?? false;
  }

  /** Says whether the batch would be small for each of its rooms. */
  #hasFewForEachRoom(): boolean {
    return this.#queue.length < FEW_MESSAGES * this.#queue.countRooms();
  }

  /** Commits what is queued. If a commit is in flight, that one schedules the next when it ends. */
  #beginCommit(): Promise<void> {
    return this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
      // A whole batch waits already: another thread commits it while this one writes the one before.
      if (this.#regrouping !== undefined && this.#isFull()) void this.#beginCommit();
      this.#flush();
      this.#stored?.tell();
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  async #commit(): Promise<void> {
    const { broker, log, now, metrics } = this.#context;
    let batch = this.#queue.take(this.#maxChars());
    const begunAt = now();
    try {
      batch = this.#unprepared.sift(batch);
      if (batch.length === 0) return;
      // The broker has called `committed` for the whole batch when this settles.
      const receipts = await broker.publish(batch, (draft) => this.#answers.refuse(draft));
      this.#marks.committed(batch);
      metrics.countCommit(batch, receipts, begunAt, now());
      for (const receipt of receipts) this.#answers.take(receipt);
    } catch (thrown) {
      metrics.failedCommits++;
      log.error("commit failed", { messages: batch.length, reason: reason(thrown) });
      const sentence = thrown instanceof FullError ? thrown.message : undefined;
      for (const pending of batch) this.#answers.refuse(pending, sentence);
    }
    const tookMs = now() - begunAt;
    this.#regrouping?.committed(batch.length, this.#queue.length, tookMs);
    const milliseconds = Math.round(tookMs);
    if (milliseconds > SLOW_COMMIT_MS) {
      log.warn("slow commit", { messages: batch.length, milliseconds });
    }
  }

  /** The text that one tick may commit, in characters. */
  #maxChars(): number {
    const rooms = Math.min(MAX_TICK_ROOMS, Math.max(1, this.#openRooms.size));
    return this.#charsPerRoom * rooms;
  }

  /** Puts messages back into the queue. */
  #requeue(pending: readonly Pending[]): void {
    if (pending.length === 0) return;
    this.#queue.putBack(pending);
    this.#schedule();
  }

  /** Says whether a whole batch is queued. */
  #isFull(): boolean {
    return this.#queue.chars >= this.#maxChars();
  }

  /** Writes what one turn may write, or all at the end. */
  #flush(): void {
    this.#isWriting = this.#outboxes.write(this.#isClosed ? Infinity : this.#maxPieces);
    if (this.#isWriting) this.#schedule();
  }
}
