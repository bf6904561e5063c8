/**
 * `MentionCompletion` offers names while the user writes an `@`. The focus stays in the text: the arrows go
 * through the names, Enter, Tab or a touch takes one, Escape closes the list, which lies above the text, so
 * that nothing moves.
 *
 * @module
 */

/// <reference lib="dom" />

import { announce } from "./announcer.ts";
import { byId, create } from "./dom.ts";
import { isWord } from "./parse_line.ts";
import { strings } from "./strings.ts";

/** How many names are offered at once. */
const MAX_OFFERED = 6;
/** How long a name may be, in UTF-16 units. No name is looked for further behind an `@`. */
const MAX_NAME = 128;

/** The names that are offered in one text field. */
export class MentionCompletion {
  readonly #text: HTMLTextAreaElement;
  readonly #names: () => readonly string[];
  readonly #list = byId("mentions", HTMLUListElement);
  #offered: readonly string[] = [];
  #chosen = 0;
  /** Where the `@` is that is completed. */
  #at = -1;
  /** Where the `@` is for which no names are offered any more. */
  #closedAt = -1;

  /** @param names returns the names that may be offered, the likeliest first. */
  constructor(text: HTMLTextAreaElement, names: () => readonly string[]) {
    this.#text = text;
    this.#names = names;
    text.addEventListener("input", (event) => {
      // With an input method, a word is offered when it is written.
      if (event instanceof InputEvent && event.isComposing) return;
      // Another @ may stand where one was in the message before.
      if (text.value.charAt(text.selectionStart - 1) === "@") this.#closedAt = -1;
      this.#update();
    });
    for (const type of ["compositionend", "click"]) {
      text.addEventListener(type, () => this.#update());
    }
    text.addEventListener("keyup", ({ key }) => {
      if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(key)) this.#update();
    });
    text.addEventListener("blur", () => this.#close());
    // In the capturing phase: what is a choice here does not send the message.
    text.addEventListener("keydown", (event) => this.#key(event), { capture: true });
    // The text keeps the focus, and a phone its keyboard.
    this.#list.addEventListener("mousedown", (event) => event.preventDefault());
    this.#list.addEventListener("click", ({ target }) => {
      const option = target instanceof Element ? target.closest("li") : null;
      const index = option ? [...this.#list.children].indexOf(option) : -1;
      if (index >= 0) this.#take(index);
    });
  }

  #key(event: KeyboardEvent): void {
    if (!this.#offered.length || event.isComposing || event.keyCode === 229) return;
    const { key } = event;
    if (event.altKey || event.ctrlKey || event.metaKey) return this.#close();
    if (event.shiftKey) return;
    const { length } = this.#offered;
    if (key === "ArrowDown") this.#choose((this.#chosen + 1) % length);
    else if (key === "ArrowUp") this.#choose((this.#chosen + length - 1) % length);
    else if (key === "Enter" || key === "Tab") this.#take(this.#chosen);
    else if (key === "Escape") {
      this.#closedAt = this.#at;
      this.#close();
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  #update(): void {
    const { value, selectionStart, selectionEnd } = this.#text;
    const begin = Math.max(0, selectionStart - MAX_NAME);
    const at = value.slice(begin, selectionStart).lastIndexOf("@") + begin;
    const isMention = selectionStart === selectionEnd && value.charAt(at) === "@" &&
      at < selectionStart && !isWord(value.slice(0, at).slice(-1));
    if (!isMention || at !== this.#closedAt) this.#closedAt = -1;
    const query = value.slice(at + 1, selectionStart);
    if (!isMention || at === this.#closedAt) return this.#close();
    const offered = matching(query, this.#names());
    if (!offered.length) return this.#close();
    this.#at = at;
    this.#show(offered);
  }

  #show(offered: readonly string[]): void {
    const isOpened = !this.#offered.length;
    this.#offered = offered;
    this.#list.replaceChildren(
      ...offered.map((name, i) =>
        create("li", { role: "option", id: `mention-${i}` }, create("bdi", {}, name))
      ),
    );
    this.#list.hidden = false;
    this.#choose(0);
    if (isOpened) announce(strings.offered(offered.length));
  }

  #choose(index: number): void {
    this.#chosen = index;
    for (const [i, option] of [...this.#list.children].entries()) {
      option.setAttribute("aria-selected", String(i === index));
      if (i === index) option.scrollIntoView({ block: "nearest" });
    }
    this.#text.setAttribute("aria-activedescendant", `mention-${index}`);
  }

  #take(index: number): void {
    const name = this.#offered[index];
    if (name === undefined) return;
    const at = this.#at;
    const { value, selectionStart } = this.#text;
    this.#closedAt = at;
    this.#close();
    this.#text.focus();
    this.#text.setSelectionRange(at, selectionStart);
    const blank = value.charAt(selectionStart) === " " ? "" : " ";
    write(this.#text, `@${name}${blank}`);
    const end = at + 1 + name.length + 1;
    this.#text.setSelectionRange(end, end);
  }

  #close(): void {
    if (!this.#offered.length) return;
    this.#offered = [];
    this.#list.hidden = true;
    this.#list.replaceChildren();
    this.#text.removeAttribute("aria-activedescendant");
  }
}

/** Returns the names that begin with what is written, then those of which another word does. */
function matching(query: string, names: readonly string[]): string[] {
  const wanted = query.toLowerCase();
  const first: string[] = [];
  const second: string[] = [];
  for (const name of names) {
    const text = name.toLowerCase();
    if (text.startsWith(wanted)) first.push(name);
    else if (text.includes(` ${wanted}`)) second.push(name);
  }
  const offered = [...first, ...second].slice(0, MAX_OFFERED);
  // It is written already: Enter sends it.
  return offered.length === 1 && offered[0] === query ? [] : offered;
}

/** Writes over what is selected. */
function write(text: HTMLTextAreaElement, written: string): void {
  // Deprecated, but there is no other way that the user can undo.
  if (document.execCommand("insertText", false, written)) return;
  text.setRangeText(written);
  text.dispatchEvent(new InputEvent("input", { bubbles: true }));
}
