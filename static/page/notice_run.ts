/**
 * `NoticeRun` shows what happened to members between two messages: a sentence for each of a few, and of
 * more only how many came in, left, or changed their names. So it never covers the conversation.
 *
 * @module
 */
import { create, setText } from "./dom.ts";
import { strings } from "./strings.ts";

/** How many sentences are shown before they are folded into one. */
const MAX_SENTENCES = 3;
/** How many users are told apart. Those before them are only counted. */
const MAX_USERS = 1_000;

/** What happened to a member. */
export interface Notice {
  readonly userId: string;
  readonly kind: "joined" | "left" | "renamed";
  readonly sentence: string;
}

/** The notices between two messages. */
export class NoticeRun {
  readonly element = create("div", { class: "notices" });
  /** The last that happened to each user. */
  readonly #last = new Map<string, Notice>();
  readonly #counts = { joined: 0, left: 0, renamed: 0 };

  /** Adds what happened to a user. It replaces what happened to the same user before. */
  add(notice: Notice): void {
    const { userId, kind } = notice;
    const before = this.#last.get(userId);
    if (before) this.#counts[before.kind]--;
    this.#last.delete(userId);
    this.#last.set(userId, notice);
    this.#counts[kind]++;
    const oldest = this.#last.keys().next().value;
    if (this.#last.size > MAX_USERS && oldest !== undefined) this.#last.delete(oldest);
    const sentences = this.#last.size > MAX_SENTENCES
      ? [this.#summary()]
      : [...this.#last.values()].map((it) => it.sentence);
    for (const [i, sentence] of sentences.entries()) {
      const line = this.element.children[i] ?? create("p", { class: "notice" });
      setText(line, sentence);
      if (!line.isConnected) this.element.append(line);
    }
    while (this.element.children.length > sentences.length) this.element.lastElementChild?.remove();
  }

  #summary(): string {
    const { joined, left, renamed } = this.#counts;
    return [
      joined ? strings.manyJoined(joined) : "",
      left ? strings.manyLeft(left) : "",
      renamed ? strings.manyRenamed(renamed) : "",
    ].filter(Boolean).join(" · ");
  }
}
