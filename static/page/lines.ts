/**
 * `Lines` makes the lines of one room's messages, and makes one again when its message was revised. Of a
 * message it keeps the state with the higher `rev`, whichever comes first.
 *
 * @module
 */
import type { ChatEvent, Message } from "../client/mod.ts";
import type { KnownNames } from "./known_names.ts";
import { storedLine } from "./message_line.ts";

/** How many revisions are kept of messages that are not shown yet. */
const MAX_KEPT = 200;

/** The lines of one room. */
export class Lines {
  readonly #flow: HTMLElement;
  readonly #names: KnownNames;
  readonly #react: (seq: number, reaction: string, on: boolean) => void;
  readonly #jump: (seq: number) => void;
  readonly #messages = new WeakMap<Element, ChatEvent>();
  /** What became of messages that are not shown yet. */
  readonly #kept = new Map<number, ChatEvent>();
  /** What became of messages since the last frame. */
  readonly #revised = new Map<number, ChatEvent>();
  readonly #mine = new Map<number, readonly string[]>();

  /**
   * @param flow the element that holds the lines.
   * @param names the names that may be mentioned.
   * @param react is called when the user presses a reaction.
   * @param jump is called when the user presses the quote of a message.
   */
  constructor(
    flow: HTMLElement,
    names: KnownNames,
    react: (seq: number, reaction: string, on: boolean) => void,
    jump: (seq: number) => void,
  ) {
    this.#flow = flow;
    this.#names = names;
    this.#react = react;
    this.#jump = jump;
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

  /** Returns the message that a line shows. */
  messageOf(line: Element): ChatEvent | undefined {
    return this.#messages.get(line);
  }

  /** Returns the user's last message that is shown and not deleted. */
  lastOwn(): ChatEvent | undefined {
    const lines = [...this.#flow.querySelectorAll(".own > .line[data-seq]")];
    return lines.map((line) => this.messageOf(line)).findLast((message) => !message?.deleted);
  }

  /** Returns the user's own reactions to a message. */
  mineOf(seq: number): readonly string[] {
    return this.#mine.get(seq) ?? [];
  }

  /** Takes what the server says of the user's own reactions. */
  setMine(mine: Readonly<Record<string, readonly string[]>>): void {
    for (const [seq, reactions] of Object.entries(mine)) {
      this.#mine.set(Number(seq), reactions);
      const line = this.find(Number(seq));
      const message = line && this.messageOf(line);
      if (line && message) this.#replace(line, message);
    }
  }

  /** Notes what became of a message, until {@linkcode showRevised}. */
  revise(message: Message): void {
    if (message.type !== "chat") return;
    this.#revised.set(message.seq, newer(message, this.#revised.get(message.seq)));
  }

  /** Whether there is something for {@linkcode showRevised} to show. */
  get areRevised(): boolean {
    return this.#revised.size > 0;
  }

  /** Shows what became of messages. While a line is pressed it waits: a button that is replaced is not clicked. */
  showRevised(): void {
    for (const [seq, message] of this.#revised) {
      if (this.find(seq)?.matches(":active")) continue;
      this.#revised.delete(seq);
      this.#showRevised(message);
    }
  }

  #showRevised(message: ChatEvent): void {
    const line = this.find(message.seq);
    const shown = line && this.messageOf(line);
    if (line && shown) {
      if (newer(shown, message) === message) this.#replace(line, message);
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
      const message = this.messageOf(line);
      if (message) this.#replace(line, message);
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
    const line = storedLine(message, isOwn, {
      names: this.#names,
      mine: this.mineOf(seq),
      react: (reaction, on) => this.#react(seq, reaction, on),
      answered: answered && this.messageOf(answered),
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
