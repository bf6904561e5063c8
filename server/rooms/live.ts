/**
 * `Live` holds the subscribers of a room that are at the head of its log. They are written to as messages
 * are committed. What became of messages is gathered: the first revision after a quiet time is told at once,
 * and what follows ten times a second. So a message that a thousand people react to is sent to a thousand
 * members ten times a second, and not in every tick.
 *
 * @module
 */
import type { Batch } from "../broker/page.ts";
import type { Metrics } from "../metrics.ts";
import { revisedBatch, type RevisedMessage } from "../broker/revisions.ts";
import { type Answer, answerBatch } from "./progress.ts";
import type { RoomLog } from "./room_log.ts";
import type { Subscriber } from "./subscriber.ts";

/** What live subscribers need of their feed. */
export interface LiveContext {
  readonly log: RoomLog;
  readonly metrics: Metrics;
  /** Takes a subscriber that takes no more now: it was sent the log up to that `seq` and `rev`. */
  fellBehind(subscriber: Subscriber, seq: number, rev: number): void;
  /** Answers a subscriber, which may be behind or gone by now. */
  answer(subscriber: Subscriber, answer: Answer): void;
}

/** For how long revisions are gathered. */
const GATHER_MS = 100;
/** So much text of several messages is not gathered any longer. */
const MAX_GATHERED_CHARS = 262_144;
/** The characters of one batch of revised messages, unless a message is longer. */
const BATCH_CHARS = 65_536;

export class Live {
  readonly #context: LiveContext;
  readonly #subscribers = new Set<Subscriber>();
  /** What became of messages and was not told yet, in the order of `rev`. */
  #untold = new Map<number, RevisedMessage>();
  #untoldChars = 0;
  /** The `rev` before what was not told yet. */
  #toldRev = 0;
  /** Answers, which come after what was not told yet. */
  #answers: { readonly subscriber: Subscriber; readonly answer: Answer }[] = [];
  /** Runs while revisions are gathered. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: LiveContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#subscribers.size;
  }

  has(subscriber: Subscriber): boolean {
    return this.#subscribers.has(subscriber);
  }

  /** Adds a subscriber that has everything. The others are told what it knows already. */
  add(subscriber: Subscriber): void {
    if (this.#untold.size > 0) return this.tell(subscriber);
    this.#subscribers.add(subscriber);
  }

  /** Removes a subscriber. @returns whether it was there. */
  delete(subscriber: Subscriber): boolean {
    return this.#subscribers.delete(subscriber);
  }

  /** Removes all subscribers, who are to start again. */
  clear(): readonly Subscriber[] {
    const subscribers = [...this.#subscribers];
    this.#subscribers.clear();
    return subscribers;
  }

  /** Has all subscribers fall behind. */
  fallBehind(): void {
    this.tell();
    const { head, rev } = this.#context.log;
    for (const subscriber of this.clear()) this.#context.fellBehind(subscriber, head, rev);
  }

  /**
   * Sends new messages.
   *
   * @param events how many there are.
   * @param seq where a subscriber stops that does not take them now.
   */
  send(batch: Batch, events: number, seq: number): void {
    this.#send(batch, events, seq, this.#untold.size > 0 ? this.#toldRev : this.#context.log.rev);
  }

  /** Sends an event that is not stored to all who are ready, and to others as well. */
  relay(batch: Batch, exceptUserId: string | undefined, others: Iterable<Subscriber>): void {
    let readers = 0;
    const send = ({ user, connection }: Subscriber) => {
      if (user.id === exceptUserId || !connection.ready) return;
      connection.send(batch);
      readers++;
    };
    this.#subscribers.forEach(send);
    for (const other of others) send(other);
    this.#context.metrics.deliveries += readers;
  }

  /**
   * Tells what became of messages, now or a little later.
   *
   * @param rev the room's `rev` before.
   */
  revise(messages: readonly RevisedMessage[], rev: number): void {
    if (this.#untold.size === 0) this.#toldRev = rev;
    for (const message of messages) {
      const { seq } = message;
      this.#untoldChars += message.message.length - (this.#untold.get(seq)?.message.length ?? 0);
      this.#untold.delete(seq); // so that it comes last
      this.#untold.set(seq, message);
    }
    const isTooMuch = this.#untoldChars > MAX_GATHERED_CHARS && this.#untold.size > 1;
    if (this.#timer === undefined || isTooMuch) this.tell();
    this.#timer ??= setTimeout(() => this.#gathered(), GATHER_MS);
  }

  /**
   * Answers a live subscriber that has revised a message. Sent before other revisions, the client would take
   * the answer's `rev` for its cursor, and might never hear of those.
   */
  answer(subscriber: Subscriber, answer: Answer): void {
    if (this.#untold.size > 0) {
      this.#answers.push({ subscriber, answer });
      return;
    }
    const { connection } = subscriber;
    if (connection.ready) return connection.send(answerBatch(answer));
    const { head, rev } = this.#context.log;
    if (!this.delete(subscriber)) return; // reading `ready` has ended its session
    this.#context.fellBehind(subscriber, head, rev);
    this.#context.answer(subscriber, answer);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #gathered(): void {
    this.#timer = undefined;
    if (this.#untold.size === 0) return;
    this.tell();
    this.#timer = setTimeout(() => this.#gathered(), GATHER_MS);
  }

  /**
   * Tells what was gathered, and then gives the answers.
   *
   * @param newcomer is added in between: it has everything, but may wait for an answer.
   */
  tell(newcomer?: Subscriber): void {
    if (this.#untold.size === 0) return;
    const messages = [...this.#untold.values()];
    const answers = this.#answers;
    let rev = this.#toldRev;
    this.#untold = new Map();
    this.#untoldChars = 0;
    this.#answers = [];
    for (let from = 0; from < messages.length;) {
      let [to, chars] = [from, 0];
      for (; to < messages.length && (to === from || chars < BATCH_CHARS); to++) {
        chars += messages[to]?.message.length ?? 0;
      }
      const some = messages.slice(from, to);
      const { room, head } = this.#context.log;
      this.#send(revisedBatch(room, some), some.length, head, rev);
      rev = some.at(-1)?.rev ?? rev;
      from = to;
    }
    if (newcomer !== undefined) this.#subscribers.add(newcomer);
    for (const { subscriber, answer } of answers) this.#context.answer(subscriber, answer);
  }

  #send(batch: Batch, events: number, seq: number, rev: number): void {
    let readers = 0;
    for (const subscriber of this.#subscribers) {
      const { connection } = subscriber;
      if (connection.ready) {
        connection.send(batch);
        readers++;
      } else if (this.#subscribers.delete(subscriber)) { // unless reading `ready` has ended its session
        this.#context.fellBehind(subscriber, seq, rev);
      }
    }
    this.#context.metrics.deliveries += readers * events;
  }
}
