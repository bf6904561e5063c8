/**
 * `Lines` makes the lines of one room's messages, and makes one again when its message was revised. Of a
 * message it keeps the state with the higher `rev`, whichever comes first.
 *
 * @module
 */
import type { ChatEvent, Message, RevisedEvent } from "../client/mod.ts";
import type { KnownNames } from "./known_names.ts";
import { storedLine } from "./message_line.ts";
import { Press } from "./press.ts";
import { afterReaction, type Revision, WaitingRevisions } from "./waiting_revisions.ts";

/** How many revisions are kept of messages that are not shown yet. */
const MAX_KEPT = 200;

/** What lines need. */
export interface LinesOptions {
  /** The names that may be mentioned. */
  readonly names: KnownNames;
  /** Called when the user presses a reaction. */
  readonly react: (seq: number, reaction: string, on: boolean) => void;
}

/** The lines of one room. */
export class Lines {
  readonly #flow: HTMLElement;
  readonly #options: LinesOptions;
  readonly #jump: (seq: number) => void;
  readonly #changed: () => void;
  /** The messages as they are stored. */
  readonly #messages = new WeakMap<Element, ChatEvent>();
  /** What became of messages that are not shown yet. */
  readonly #kept = new Map<number, ChatEvent>();
  /** What became of messages since the last frame. */
  readonly #revised = new Map<number, ChatEvent>();
  readonly #mine = new Map<number, readonly string[]>();
  readonly #waiting = new WaitingRevisions();
  /** The messages whose lines are to be made again with the next frame. */
  readonly #outdated = new Set<number>();
  readonly #press: Press;

  /**
   * @param flow the element that holds the lines.
   * @param jump is called when the user presses the quote of a message.
   * @param changed is called when there is something for {@linkcode showRevised} to show.
   */
  constructor(
    flow: HTMLElement,
    options: LinesOptions,
    jump: (seq: number) => void,
    changed: () => void,
  ) {
    this.#flow = flow;
    this.#options = options;
    this.#jump = jump;
    this.#changed = changed;
    this.#press = new Press(flow, () => this.areRevised && changed());
  }

  /** Forgets the messages of a log that was replaced, and what became of them. Revisions that wait still do. */
  beginAnew(): void {
    for (const known of [this.#kept, this.#revised, this.#mine, this.#outdated]) known.clear();
  }

  /** Makes the line of a message. */
  make(message: ChatEvent, isOwn: boolean): HTMLElement {
    const newest = newer(message, this.#kept.get(message.seq));
    this.#kept.delete(message.seq);
    return this.#line(newest, isOwn);
  }

  /** Returns the line of a message, if it is shown. */
  find(seq: number): HTMLElement | undefined {
    return this.#flow.querySelector<HTMLElement>(`.line[data-seq="${seq}"]`) ?? undefined;
  }

  /** Returns the message that a line shows, as it is when all revisions that wait are stored. */
  messageOf(line: Element): ChatEvent | undefined {
    const message = this.#messages.get(line);
    if (!message || this.#waiting.of(message.seq).length === 0) return message;
    const isRemoved = this.#waiting.isRemoved(message.seq);
    return { ...this.#waiting.edited(message), ...(isRemoved && { deleted: true }) };
  }

  /** Returns the last of the user's messages that are shown, not deleted, and pass the test. */
  lastOwn(passes: (message: ChatEvent) => boolean): ChatEvent | undefined {
    const lines = [...this.#flow.querySelectorAll(".own > .line[data-seq]")];
    return lines.map((line) => this.messageOf(line))
      .findLast((message) => message && !message.deleted && passes(message));
  }

  /** Returns the user's own reactions to a message, as they are when all that wait are stored. */
  mineOf(seq: number): readonly string[] {
    return this.#waiting.reacted(seq, this.#mine.get(seq) ?? []);
  }

  /** Takes what the server says of the user's own reactions. */
  setMine(mine: Readonly<Record<string, readonly string[]>>): void {
    for (const [seq, reactions] of Object.entries(mine)) {
      this.#mine.set(Number(seq), reactions);
      if (this.find(Number(seq))) this.#renewSoon(Number(seq));
    }
  }

  /** Notes what became of a message, until {@linkcode showRevised}. */
  revise(message: Message): void {
    if (message.type !== "chat") return;
    this.#revised.set(message.seq, newer(message, this.#revised.get(message.seq)));
    this.#changed();
  }

  /** Shows from now on that a message is to be revised. */
  await(revision: Revision): void {
    this.#waiting.add(revision);
    this.#renewSoon(revision.seq);
  }

  /**
   * Shows that no more.
   *
   * @param answer what became of the message; undefined if the revision was refused.
   */
  answered(revision: Revision, answer?: RevisedEvent): void {
    const { seq } = revision;
    this.#waiting.remove(revision);
    this.#renewSoon(seq);
    if (answer) {
      // Over HTTP the answer does not tell the user's reactions.
      const mine = answer.mine ?? afterReaction(this.#mine.get(seq) ?? [], revision);
      this.#mine.set(seq, mine);
      this.revise(answer.message);
    }
  }

  #renewSoon(seq: number): void {
    this.#outdated.add(seq);
    this.#changed();
  }

  /** Whether there is something for {@linkcode showRevised} to show. */
  get areRevised(): boolean {
    return this.#revised.size + this.#outdated.size > 0;
  }

  /** Shows what became of messages, and is to become of them. A line that is pressed waits for the release. */
  showRevised(): void {
    const revised = [...this.#revised.values()];
    this.#revised.clear();
    for (const message of revised) this.#showRevised(message);
    const outdated = [...this.#outdated];
    this.#outdated.clear();
    for (const seq of outdated) this.#renew(`[data-seq="${seq}"]`);
  }

  #showRevised(message: ChatEvent): void {
    const line = this.find(message.seq);
    const shown = line && this.#messages.get(line);
    if (line && shown) {
      if (this.#press.isIn(line)) this.#revised.set(message.seq, message);
      else if (newer(shown, message) === message) this.#replace(line, message);
      this.#renew(`[data-reply="${message.seq}"]`); // quotes never show what was edited or deleted
      return;
    }
    this.#kept.set(message.seq, newer(message, this.#kept.get(message.seq)));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  /** Writes the quotes of messages that were not shown when they were quoted, and are now. */
  completeQuotes(): void {
    this.#renew("[data-incomplete]");
  }

  #renew(selector: string): void {
    for (const line of this.#flow.querySelectorAll<HTMLElement>(`.line${selector}`)) {
      const message = this.#messages.get(line);
      if (!message) continue;
      if (this.#press.isIn(line)) this.#outdated.add(message.seq);
      else this.#replace(line, message);
    }
  }

  #replace(line: HTMLElement, message: ChatEvent): void {
    const focused = line.contains(document.activeElement) ? document.activeElement : undefined;
    const isOwn = line.parentElement?.classList.contains("own") ?? false;
    const next = this.#line(message, isOwn);
    line.replaceWith(next);
    if (!focused) return;
    const { reaction } = focused instanceof HTMLElement ? focused.dataset : {};
    const same = [...next.querySelectorAll<HTMLElement>("[data-reaction]")]
      .find(({ dataset }) => dataset.reaction === reaction);
    (reaction === undefined ? next : same ?? next).focus();
  }

  #line(message: ChatEvent, isOwn: boolean): HTMLElement {
    const { seq, replyTo } = message;
    const answered = replyTo === undefined ? undefined : this.find(replyTo);
    const line = storedLine(this.#waiting.edited(message), isOwn, {
      names: this.#options.names,
      mine: this.mineOf(seq),
      waiting: this.#waiting.of(seq),
      react: (reaction, on) => this.#options.react(seq, reaction, on),
      answered: answered && this.#messages.get(answered),
      jump: () => replyTo !== undefined && this.#jump(replyTo),
    });
    this.#messages.set(line, message);
    return line;
  }
}

/** Returns the newer of two states of a message. */
function newer(one: ChatEvent, other: ChatEvent | undefined): ChatEvent {
  return other !== undefined && (other.rev ?? 0) > (one.rev ?? 0) ? other : one;
}
