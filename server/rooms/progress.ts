/**
 * `Progress` is how far a subscriber has come that is behind, and what waits until it is not.
 *
 * @module
 */
import { Batch } from "../broker/page.ts";
import type { HeldMessages } from "./pending.ts";
import type { ClientConnection } from "./subscriber.ts";

/** Answers that may wait for one subscriber, in characters. Above it, they are sent out of turn. */
const MAX_ANSWER_CHARS = 262_144;

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
  #answers: string[] = [];
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

  /**
   * Keeps the answer to a revision until the subscriber is live. It holds the newest `rev`: sent sooner, the
   * client would take it for its cursor, and never hear of the revisions before it.
   */
  keepAnswer(event: string, connection: ClientConnection): void {
    this.#answers.push(event);
    this.#answerChars += event.length;
    if (this.#answerChars > MAX_ANSWER_CHARS) this.giveAnswers(connection);
  }

  /** Sends the answers that were kept. */
  giveAnswers(connection: ClientConnection): void {
    if (this.#answers.length === 0) return;
    connection.reply(Batch.fromEvents(this.#answers));
    this.#answers = [];
    this.#answerChars = 0;
  }
}
