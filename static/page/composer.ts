/**
 * `Composer` is where the user writes. It owns the text being written, with a draft for each room, and
 * checks its length.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, byId, create } from "./dom.ts";
import { MentionCompletion } from "./mention_completion.ts";
import { isShortcut } from "./shortcuts.ts";
import { strings } from "./strings.ts";

/** The message that is edited or answered. */
export interface About {
  readonly kind: "edit" | "reply";
  readonly seq: number;
  /** What is said of it above the text. */
  readonly label: string;
}

/** What the composer calls and needs. */
export interface ComposerOptions {
  readonly send: (text: string, about: About | undefined) => void;
  /** Called when the user wants to edit the last message. */
  readonly editLast: () => void;
  /** Returns the names that may be mentioned, the likeliest first. */
  readonly names: () => readonly string[];
  /** Called when the text changed; `active` is false once it is empty again. */
  readonly typing: (active: boolean) => void;
  /** Returns how many bytes of UTF-8 a message may have in JSON. */
  readonly maxBytes: () => number;
}

/** The form at the bottom of the page. */
export class Composer {
  readonly #options: ComposerOptions;
  readonly #text = byId("say", HTMLTextAreaElement);
  readonly #over = byId("over", HTMLElement);
  readonly #send = byId("send", HTMLButtonElement);
  readonly #aboutLine = byId("about", HTMLElement);
  #about: About | undefined;
  /** What was written before a message was edited. */
  #before = "";
  #room = "";
  /** What the user wrote before the page's script ran. */
  #early = this.#text.value;

  constructor(options: ComposerOptions) {
    this.#options = options;
    new MentionCompletion(this.#text, options.names);
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
      // With an input method, Enter chooses a word and must not send. Safari tells this only by the
      // key code 229.
      if (event.isComposing || event.keyCode === 229) return;
      if (isShortcut(event, "cancel") && this.#about) return this.cancel();
      if (isShortcut(event, "editLast") && !this.#text.value && !this.#about) {
        event.preventDefault();
        return options.editLast();
      }
      if (!isShortcut(event, "send")) return;
      event.preventDefault();
      this.#submit();
    });
  }

  /** Changes to a room, and to the draft there. */
  setRoom(room: string): void {
    const about = this.#end();
    if (about?.kind === "edit") {
      this.#text.value = this.#before;
      this.#changed();
    }
    this.#room = room;
    this.#text.value = [loadDraft(room), this.#early].filter(Boolean).join("\n");
    this.#early = "";
    this.#text.setAttribute("aria-label", strings.message(room));
    this.#changed();
  }

  focus(): void {
    this.#text.focus();
  }

  /** Begins to edit a message, or to answer one. */
  begin(about: About, text?: string): void {
    if (this.#about) this.cancel();
    this.#about = about;
    this.#aboutLine.hidden = false;
    this.#aboutLine.replaceChildren(
      create("span", {}, about.label),
      button("plain", () => this.cancel(), strings.cancel),
    );
    if (text !== undefined) {
      this.#before = this.#text.value;
      this.#text.value = text;
      this.#changed();
    }
    this.focus();
  }

  /** Says something else of the message that is answered, if it is this one: it was edited or deleted. */
  relabel(room: string, seq: number, label: string): void {
    const about = this.#about;
    if (room !== this.#room || about?.kind !== "reply" || about.seq !== seq) return;
    this.#about = { ...about, label };
    const shown = this.#aboutLine.querySelector("span");
    if (shown) shown.textContent = label;
  }

  /** Ends that. What was written before comes back. */
  cancel(): void {
    const wasEdit = this.#end()?.kind === "edit";
    if (wasEdit) this.#text.value = this.#before;
    this.#changed();
    this.focus();
  }

  #end(): About | undefined {
    const about = this.#about;
    this.#about = undefined;
    this.#aboutLine.hidden = true;
    return about;
  }

  #submit(): void {
    const text = this.#text.value.trim();
    if (!text || this.#excessBytes() > 0) return this.focus();
    const about = this.#end();
    this.#text.value = about?.kind === "edit" ? this.#before : "";
    this.#changed();
    this.#options.send(text.toWellFormed().replaceAll("\0", ""), about);
    this.focus();
  }

  #changed(): void {
    const { value } = this.#text;
    if (this.#about?.kind !== "edit") saveDraft(this.#room, value);
    const over = this.#excessBytes();
    this.#over.textContent = over > 0 ? strings.tooLong(over) : "";
    this.#send.disabled = over > 0;
    this.#send.classList.toggle("idle", value.trim() === "");
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }

  #excessBytes(): number {
    const { value } = this.#text;
    if (value.length * 3 < this.#options.maxBytes() / 2) return 0; // far from the limit, so it need not count
    return new TextEncoder().encode(JSON.stringify(value.trim())).length - this.#options.maxBytes();
  }
}

function loadDraft(room: string): string {
  try {
    return sessionStorage.getItem(`parley.draft ${room}`) ?? "";
  } catch {
    return "";
  }
}

function saveDraft(room: string, text: string): void {
  try {
    if (text) sessionStorage.setItem(`parley.draft ${room}`, text);
    else sessionStorage.removeItem(`parley.draft ${room}`);
  } catch {
    // Storage is blocked or full: the draft is lost with the page, which the user need not be told.
  }
}
