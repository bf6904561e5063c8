/**
 * `UnsentLines` shows the user's own messages that are not stored yet, below all others, and those edits,
 * deletions and reactions that no line can show.
 *
 * @module
 */
import type { User } from "../client/mod.ts";
import { create, setHidden } from "./dom.ts";
import type { KnownNames } from "./known_names.ts";
import type { Lines } from "./lines.ts";
import { markFailed, type Remedy, revisionLine, sendingLine } from "./message_line.ts";
import { groupHead } from "./message_writer.ts";
import { strings } from "./strings.ts";
import type { Revision } from "./waiting_revisions.ts";

/** What is not stored yet of one room. */
export class UnsentLines {
  readonly element = create("div", { class: "group own unsent" });
  readonly #lines = new Map<string, HTMLElement>();
  /** The `seq` of each that is stored, and whose own line is not there yet. */
  readonly #stored = new Map<string, number>();
  /** All messages up to this `seq` have their own lines. */
  #shown = 0;
  /** The revisions that wait. One is shown here while its message has no line that could show it. */
  readonly #revisions = new Set<Revision>();
  readonly #storedLines: Lines;
  readonly #names: KnownNames;
  readonly #changed: () => void;

  /**
   * @param names the names that may be mentioned.
   * @param storedLines the lines of the messages that are stored.
   * @param changed is called when a line was added or removed.
   */
  constructor(names: KnownNames, storedLines: Lines, changed: () => void) {
    this.#names = names;
    this.#storedLines = storedLines;
    this.#changed = changed;
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  /** Shows a message until it is stored, or given up. */
  add(ref: string, payload: string): void {
    this.#add(ref, sendingLine(payload, this.#names));
  }

  /** Shows a revision until it is stored, whenever its message has no line. */
  addRevision(revision: Revision): void {
    this.#revisions.add(revision);
    this.#changed();
  }

  #add(ref: string, line: HTMLElement): void {
    this.#append(ref, line);
    this.#changed();
  }

  #append(ref: string, line: HTMLElement): void {
    this.#lines.get(ref)?.remove();
    this.#lines.set(ref, line);
    this.element.append(line);
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
    this.#changed();
  }

  #remove(ref: string): void {
    this.#drop(ref);
    this.#stored.delete(ref);
    this.#changed();
  }

  #drop(ref: string): void {
    this.#lines.get(ref)?.remove();
    this.#lines.delete(ref);
  }

  /** Removes a revision that is answered. */
  removeRevision(revision: Revision): void {
    if (this.#revisions.delete(revision)) this.#remove(revision.ref);
  }

  /** Shows that a message was not stored, and why. */
  fail(ref: string, reason: string, retry: () => void): void {
    const line = this.#lines.get(ref);
    const remedy = { label: strings.retry, run: retry };
    if (line) markFailed(line, `${strings.notSent} ${reason}`, remedy, () => this.#remove(ref));
  }

  /** Shows an edit that was refused, and why, until the user discards it. */
  addFailedEdit(edit: Revision, sentence: string, remedy: Remedy): void {
    const line = revisionLine(edit, this.#names);
    markFailed(line, sentence, remedy, () => this.#remove(edit.ref));
    this.#add(edit.ref, line);
  }

  /** Shows what the list of messages does not, and above it the head of the group unless it continues the last. */
  show(user: User | undefined, continuesGroup: boolean): void {
    for (const revision of this.#revisions) {
      const { ref, seq } = revision;
      if (this.#storedLines.find(seq)) this.#drop(ref);
      else if (!this.#lines.has(ref)) this.#append(ref, revisionLine(revision, this.#names));
    }
    setHidden(this.element, this.isEmpty);
    for (const part of this.element.querySelectorAll(".face, .head")) part.remove();
    this.element.classList.toggle("continues", continuesGroup);
    if (user && !continuesGroup && !this.isEmpty) this.element.prepend(...groupHead(user));
  }
}
