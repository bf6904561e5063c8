/**
 * `Progress` is how far a subscriber has come that is behind, and what waits until it is not.
 *
 * @module
 */
import { Batch } from "../broker/page.ts";
import { revisedAnswer } from "../protocol/encode.ts";
import { CLOSE } from "../protocol/tables.ts";
import type { HeldMessages, Pending } from "./pending.ts";
import type { RoomLog } from "./room_log.ts";
import type { Start } from "./start.ts";
import type { ClientConnection } from "./subscriber.ts";

/**
 * How many answers may wait for one subscriber, and how many characters of messages they may hold. A client
 * that asks for more without reading is closed.
 */
const MAX_ANSWERS = 1000;
const MAX_ANSWER_CHARS = 4_194_304;

/** The answer to a revision. */
export interface Answer {
  /** The `revised` event, which many answers may share. */
  readonly event: string;
  readonly mine: readonly string[];
  readonly ref: string | undefined;
}

/** Encodes an answer. */
export function answerBatch({ event, mine, ref }: Answer): Batch {
  return Batch.of(revisedAnswer(event, mine, ref));
}

export class Progress {
  /** The last `seq` that it was sent. */
  seq: number;
  /** It was sent every message as of this `rev`, or newer. */
  rev: number;
  /** True until its first page: it had no cursor, so that page may start at any `seq`. */
  isFresh = false;
  /** Whether it has to start again, because the log has moved on too far. */
  isStartDue = false;
  /** Whether the retained events have yet to be sent. */
  isRetainedDue = false;
  /** A page is being read for it, or it is not let in yet. */
  isBusy = false;
  /** What it said before it was let in; `undefined` from then on. */
  held: HeldMessages | undefined;
  #answers: Answer[] = [];
  #answerChars = 0;

  private constructor(seq: number, rev: number) {
    this.seq = seq;
    this.rev = rev;
  }

  /** Makes that of a subscriber that was live until now. */
  static after(seq: number, rev: number): Progress {
    return new Progress(seq, rev);
  }

  /** Makes that of a subscriber that starts. @param previous where it was behind before, if it was. */
  static atStart(previous: Progress | undefined): Progress {
    const progress = new Progress(0, 0);
    progress.isFresh = true;
    if (previous === undefined) return progress;
    progress.held = previous.held;
    progress.#answers = previous.#answers;
    progress.#answerChars = previous.#answerChars;
    return progress;
  }

  /** Sets where the subscriber begins to read. @param recent where it begins without a cursor. */
  start({ seq, rev }: Start, recent: number): void {
    this.seq = seq ?? recent;
    this.rev = rev;
    this.isFresh = seq === undefined;
    this.isStartDue = false;
    this.isRetainedDue = true;
  }

  /** Lets the subscriber in: `queue` takes what it said before. */
  release(queue: (pending: Pending) => void): void {
    const { held } = this;
    this.held = undefined;
    held?.release(queue);
  }

  /** Whether the subscriber has everything. */
  isAtHeadOf({ head, rev }: RoomLog): boolean {
    return this.seq >= head && this.rev >= rev;
  }

  /**
   * Reads the next of what is due: a page of messages, or at the head what became of them.
   *
   * @returns sends it, goes on to there, and returns the number of messages. Do not call it if the
   * subscriber is not behind any more.
   */
  async readNext(log: RoomLog): Promise<(connection: ClientConnection) => number> {
    const { head } = log;
    if (this.seq >= head) {
      const { batch, rev } = await log.readRevisions(this.rev);
      return (connection) => {
        if (batch !== undefined) connection.send(batch);
        this.rev = rev;
        return 0; // of revisions only those that are new are counted
      };
    }
    const page = await log.read(this.seq);
    return (connection) => {
      if (!this.isFresh && page?.first !== this.seq + 1) {
        this.isStartDue = true; // the log was pruned past its cursor
        return 0;
      }
      if (page !== undefined) connection.send(page.batch);
      // Without a page there is nothing up to `head`. The log may have grown since `head` was read.
      this.seq = page?.last ?? head;
      this.isFresh = false;
      return page === undefined ? 0 : page.last - page.first + 1;
    };
  }

  /**
   * Keeps the answer to a revision until the subscriber has heard everything before it. Sent sooner, the
   * client would take its `rev` for its cursor, and never hear of the revisions before it.
   */
  keepAnswer(answer: Answer, connection: ClientConnection): void {
    const isShared = this.#answers.some(({ event }) => event === answer.event);
    if (!isShared) this.#answerChars += answer.event.length;
    this.#answers.push(answer);
    const isTooMuch = this.#answers.length > MAX_ANSWERS || this.#answerChars > MAX_ANSWER_CHARS;
    if (isTooMuch) connection.close(CLOSE.tooSlow);
  }

  /** Sends the next answer that was kept. @returns whether there was one. */
  giveAnswer(connection: ClientConnection): boolean {
    const answer = this.#answers.shift();
    if (answer === undefined) {
      this.#answerChars = 0;
      return false;
    }
    connection.send(answerBatch(answer));
    return true;
  }
}
