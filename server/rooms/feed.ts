/**
 * The feed brings each subscriber of a room to the head of the log and keeps it there. A subscriber is
 * live, and is written to as messages are committed; or behind, and is sent the log page by page until it
 * has reached the head. Joining, resuming and catching up are the same act, and `#catchUp` is its code.
 *
 * @module
 */
import type { LogState } from "../broker/broker.ts";
import { Batch, type Page } from "../broker/page.ts";
import type { RevisedMessage } from "../broker/revisions.ts";
import { reason } from "../log.ts";
import type { Cursor } from "../protocol/messages.ts";
import type { FeedContext } from "./feed_context.ts";
import { Live } from "./live.ts";
import { HeldMessages } from "./pending.ts";
import { type Answer, Progress } from "./progress.ts";
import { type Position, RoomLog } from "./room_log.ts";
import { type Start, startBatch, startOf } from "./start.ts";
import type { Subscriber } from "./subscriber.ts";

/** How long to wait when the log could not be read. */
const RETRY_MS = 1000;

export class Feed {
  readonly #room: string;
  readonly #context: FeedContext;
  readonly #live: Live;
  readonly #behind = new Map<Subscriber, Progress>();
  readonly #log: RoomLog;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(room: string, context: FeedContext) {
    this.#room = room;
    this.#context = context;
    this.#log = new RoomLog(room, context.broker, context.options.tailBytes);
    this.#live = new Live({
      log: this.#log,
      metrics: context.metrics,
      fellBehind: (subscriber, seq, rev) => {
        this.#behind.set(subscriber, Progress.after(seq, rev));
        context.metrics.catchUps.slow++;
      },
      answer: (subscriber, answer) => this.answer(subscriber, answer),
    });
  }

  /** The number of subscribers. */
  get size(): number {
    return this.#live.size + this.#behind.size;
  }

  /** The number of subscribers that are behind. */
  get behind(): number {
    return this.#behind.size;
  }

  /** The epoch and the head of the log; `undefined` before it is open. */
  get position(): Position | undefined {
    return this.#log.epoch === "" ? undefined : this.#log;
  }

  has(subscriber: Subscriber): boolean {
    return this.#live.has(subscriber) || this.#behind.has(subscriber);
  }

  /**
   * Sends a subscriber `joined`, then what it missed or the recent messages, then each new message. One
   * that has joined already starts again from the cursor.
   */
  add(subscriber: Subscriber, since: Cursor | undefined, ref: string | undefined): void {
    const progress = Progress.atStart(this.#behind.get(subscriber));
    progress.held ??= new HeldMessages();
    progress.isBusy = true;
    this.#live.delete(subscriber);
    this.#behind.set(subscriber, progress);
    this.#context.metrics.catchUps.join++;
    void this.#admit(subscriber, progress, since, ref);
  }

  /**
   * Removes a subscriber. What it said before it was let in is still stored.
   *
   * @returns whether it was there.
   */
  delete(subscriber: Subscriber): boolean {
    const progress = this.#behind.get(subscriber);
    const wasThere = this.#live.delete(subscriber) || this.#behind.delete(subscriber);
    progress?.release((pending) => this.#context.queue(pending));
    return wasThere;
  }

  /** Returns what collects a subscriber's messages while it is not let in yet. */
  heldFor(subscriber: Subscriber): HeldMessages | undefined {
    return this.#behind.get(subscriber)?.held;
  }

  /** Sends new messages to all who are live. */
  deliver(page: Page): void {
    const { head } = this.#log;
    if (page.last <= head) return;
    this.#log.push(page);
    this.#live.send(page.batch, page.last - page.first + 1, head);
  }

  /** Tells those who are live what became of messages. Those who are behind read it in their turn. */
  revise(messages: readonly RevisedMessage[]): void {
    const { rev: known } = this.#log;
    const news = messages.filter(({ rev }) => rev > known);
    if (news.length === 0) return;
    this.#log.revise(news);
    this.#live.revise(news, known);
  }

  /** Goes on from further on in the log. Those who are live read what is between. */
  skipTo(head: number, rev: number): void {
    this.#live.fallBehind();
    this.#log.skipTo(head, rev);
    for (const subscriber of this.#behind.keys()) this.drained(subscriber);
  }

  /** Starts all subscribers afresh: the log was lost, or goes on elsewhere. */
  replaceLog(state: LogState): void {
    this.#live.tell();
    this.#log.replace(state);
    for (const subscriber of [...this.#live.clear(), ...this.#behind.keys()]) {
      this.#context.metrics.catchUps.replaced++;
      const progress = Progress.atStart(this.#behind.get(subscriber));
      progress.isStartDue = true;
      this.#behind.set(subscriber, progress);
      void this.#catchUp(subscriber, progress);
    }
  }

  /** Sends an event that is not stored to all who were sent `joined` and are ready, live or behind. */
  relay(event: string, exceptUserId?: string): void {
    const behind = this.#behind.entries().filter(([, { held }]) => held === undefined);
    this.#live.relay(Batch.of(event), exceptUserId, behind.map(([subscriber]) => subscriber));
  }

  /** Goes on with a subscriber whose connection takes more again. */
  drained(subscriber: Subscriber): void {
    const progress = this.#behind.get(subscriber);
    if (progress !== undefined) void this.#catchUp(subscriber, progress);
  }

  /**
   * Answers a subscriber that sent a message again with the original. One that was not sent the original yet
   * gets it in its turn: it is behind, or this node has not received the original.
   */
  repeat(subscriber: Subscriber, seq: number, event: string): void {
    const { seq: sent = this.#log.head } = this.#behind.get(subscriber) ?? {};
    if (sent >= seq) subscriber.connection.reply(Batch.of(event));
  }

  /**
   * Answers a subscriber that has revised a message. It is behind while it does not take the answer: an
   * answer is as long as its message, and many may be asked for at once.
   */
  answer(subscriber: Subscriber, answer: Answer): void {
    if (this.#live.has(subscriber)) return this.#live.answer(subscriber, answer);
    this.#behind.get(subscriber)?.keepAnswer(answer, subscriber.connection);
  }

  /** Tells at once what is told a little later otherwise. */
  tellGathered(): void {
    this.#live.tell();
  }

  close(): void {
    clearTimeout(this.#retryTimer);
    this.#live.close();
  }

  async #admit(
    subscriber: Subscriber,
    progress: Progress,
    since: Cursor | undefined,
    ref: string | undefined,
  ): Promise<void> {
    try {
      await this.#log.open();
      const start = await startOf(this.#log, subscriber.user.id, since, this.#context);
      if (this.#behind.get(subscriber) !== progress) return;
      this.#start(subscriber, progress, start);
    } catch (thrown) {
      this.#context.log.warn("join failed", { room: this.#room, reason: reason(thrown) });
      if (this.#behind.get(subscriber) !== progress) return;
      const { held } = progress;
      progress.held = undefined;
      this.#context.joinFailed(subscriber, ref);
      held?.refuse();
      return;
    }
    progress.isBusy = false;
    await this.#catchUp(subscriber, progress);
  }

  /**
   * Sends `joined` and what became of older messages, and sets the subscriber to its cursor or before the
   * recent messages.
   */
  #start(subscriber: Subscriber, progress: Progress, start: Start): void {
    const { recentMessages } = this.#context.options;
    progress.start(start, Math.max(0, this.#log.head - recentMessages));
    const right = subscriber.rightIn(this.#room);
    subscriber.connection.reply(startBatch(this.#log, start, right, this.#context));
    progress.release((pending) => this.#context.queue(pending));
  }

  /** Sends what is due to a subscriber that is behind, until it is live or takes no more for now. */
  async #catchUp(subscriber: Subscriber, progress: Progress): Promise<void> {
    if (progress.isBusy) return;
    progress.isBusy = true;
    try {
      while (this.#behind.get(subscriber) === progress && subscriber.connection.ready) {
        if (progress.isStartDue) {
          const start = await startOf(this.#log, subscriber.user.id, undefined, this.#context);
          if (this.#behind.get(subscriber) !== progress) return;
          this.#start(subscriber, progress, start);
          continue;
        }
        if (progress.isRetainedDue) {
          progress.isRetainedDue = false;
          this.#context.retained.giveTo(subscriber.connection);
        }
        if (progress.isAtHeadOf(this.#log)) {
          if (progress.giveAnswer(subscriber.connection)) continue;
          this.#behind.delete(subscriber);
          this.#live.add(subscriber);
          return;
        }
        const send = await progress.readNext(this.#log);
        if (this.#behind.get(subscriber) !== progress) return;
        this.#context.metrics.deliveries += send(subscriber.connection);
      }
    } catch (thrown) {
      this.#context.log.warn("history unreadable", { room: this.#room, reason: reason(thrown) });
      // If the subscriber left meanwhile, or the server is stopping, nothing waits for another try.
      if (this.#behind.get(subscriber) !== progress) return;
      this.#retryTimer ??= setTimeout(() => this.#retry(), RETRY_MS);
    } finally {
      progress.isBusy = false;
    }
  }

  #retry(): void {
    this.#retryTimer = undefined;
    for (const [subscriber, progress] of this.#behind) void this.#catchUp(subscriber, progress);
  }
}
