/**
 * `UnsentLines` shows the user's own messages that are not stored yet, below all others.
 *
 * @module
 */
import type { User } from "../client/mod.ts";
import { create, setHidden } from "./dom.ts";
import type { KnownNames } from "./known_names.ts";
import { markFailed, sendingLine } from "./message_line.ts";
import { groupHead } from "./message_writer.ts";

/** The unsent messages of one room. */
export class UnsentLines {
  readonly element = create("div", { class: "group own unsent" });
  readonly #lines = new Map<string, HTMLElement>();
  /** The `seq` of each that is stored, and whose own line is not there yet. */
  readonly #stored = new Map<string, number>();
  /** All messages up to this `seq` have their own lines. */
  #shown = 0;
  readonly #names: KnownNames;
  readonly #changed: () => void;

  /**
   * @param names the names that may be mentioned.
   * @param changed is called when a line was added or removed.
   */
  constructor(names: KnownNames, changed: () => void) {
    this.#names = names;
    this.#changed = changed;
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  /** Shows a message until it is stored, or given up. */
  add(ref: string, payload: string): void {
    this.#lines.get(ref)?.remove();
    const line = sendingLine(payload, this.#names);
    this.#lines.set(ref, line);
    this.element.append(line);
    this.#changed();
  }

  /** Notes that a message is stored. It stays until its own line is there, so that it is always in sight. */
  stored(ref: string, seq: number): void {
    this.#stored.set(ref, seq);
    this.shown(this.#shown);
  }

  /**
   * Removes the messages whose own lines are there.
   *
   * @param seq all messages up to this one are shown.
   */
  shown(seq: number): void {
    this.#shown = seq;
    for (const [ref, one] of this.#stored) if (one <= seq) this.#remove(ref);
  }

  /** Notes that the list begins anew with a log up to `head`. What is not in it will have no line. */
  beginAnew(head: number): void {
    this.#shown = 0;
    for (const [ref, one] of this.#stored) if (one > head) this.#remove(ref);
  }

  #remove(ref: string): void {
    this.#lines.get(ref)?.remove();
    this.#lines.delete(ref);
    this.#stored.delete(ref);
    this.#changed();
  }

  /** Shows that a message was not stored, and why. */
  fail(ref: string, reason: string, retry: () => void): void {
    const line = this.#lines.get(ref);
    if (line) markFailed(line, reason, retry, () => this.#remove(ref));
  }

  /** Shows the head of the group, unless the lines continue the user's own group above them. */
  showHead(user: User | undefined, continuesGroup: boolean): void {
    setHidden(this.element, this.isEmpty);
    for (const part of this.element.querySelectorAll(".face, .head")) part.remove();
    this.element.classList.toggle("continues", continuesGroup);
    if (user && !continuesGroup && !this.isEmpty) this.element.prepend(...groupHead(user));
  }
}
