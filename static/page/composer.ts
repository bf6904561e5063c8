/** Where one writes. It owns the text being written, a draft for each room, and its length. */

/// <reference lib="dom" />

import { byId } from "./dom.ts";
import { strings } from "./strings.ts";

/** What the composer tells. */
export interface ComposerOptions {
  readonly send: (text: string) => void;
  /** The text changed; `active` is false once it is empty again. */
  readonly typing: (active: boolean) => void;
  /** The most bytes of UTF-8 that a message may be in JSON. */
  readonly maxBytes: () => number;
}

export class Composer {
  readonly #options: ComposerOptions;
  readonly #text = byId("say", HTMLTextAreaElement);
  readonly #over = byId("over", HTMLElement);
  readonly #send = byId("send", HTMLButtonElement);
  #room = "";

  constructor(options: ComposerOptions) {
    this.#options = options;
    const form = byId("composer", HTMLFormElement);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("input", () => {
      this.#changed();
      options.typing(this.#text.value !== "");
    });
    this.#text.addEventListener("blur", () => options.typing(false));
    this.#text.addEventListener("keydown", (event) => {
      // The Enter that ends an input method's composition chooses a word, it does not send. 229:
      // Safari says so only by the key code.
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key !== "Enter" || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.#submit();
    });
  }

  /** Goes over to a room: to what was being written there. */
  set room(room: string) {
    this.#room = room;
    this.#text.value = sessionDraft(room);
    this.#text.setAttribute("aria-label", strings.message(room));
    this.#changed();
  }

  focus(): void {
    this.#text.focus();
  }

  #submit(): void {
    const text = this.#text.value.trim();
    if (!text || this.#tooMany() > 0) return this.focus();
    this.#text.value = "";
    this.#changed();
    this.#options.send(text.toWellFormed().replaceAll("\0", ""));
    this.focus();
  }

  #changed(): void {
    const { value } = this.#text;
    keepDraft(this.#room, value);
    const over = this.#tooMany();
    this.#over.textContent = over > 0 ? strings.tooLong(over) : "";
    this.#send.disabled = over > 0;
    this.#send.classList.toggle("idle", value.trim() === "");
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }

  #tooMany(): number {
    const { value } = this.#text;
    if (value.length * 3 < this.#options.maxBytes() / 2) return 0; // far from it: no need to count
    return new TextEncoder().encode(JSON.stringify(value.trim())).length - this.#options.maxBytes();
  }
}

function sessionDraft(room: string): string {
  try {
    return sessionStorage.getItem(`parley.draft ${room}`) ?? "";
  } catch {
    return "";
  }
}

function keepDraft(room: string, text: string): void {
  try {
    if (text) sessionStorage.setItem(`parley.draft ${room}`, text);
    else sessionStorage.removeItem(`parley.draft ${room}`);
  } catch {
    // Blocked or full: a draft is not worth a word about it.
  }
}
