/**
 * `FieldError` says beside a field why what is in it was refused. It goes when the field is changed.
 *
 * @module
 */

/// <reference lib="dom" />

import { create } from "./dom.ts";

/** The sentence below one field. */
export class FieldError {
  readonly element: HTMLElement;
  readonly #input: HTMLInputElement;

  /** Puts the sentence after the form that the field is in. */
  constructor(input: HTMLInputElement) {
    this.#input = input;
    this.element = create("p", { class: "field-error", role: "alert", id: `${input.id}-error` });
    input.form?.append(this.element);
    input.addEventListener("input", () => this.clear());
  }

  /** Shows a sentence, and leads to the field, unless the user is writing something else. */
  show(sentence: string): void {
    this.element.textContent = sentence;
    this.#input.setAttribute("aria-invalid", "true");
    this.#input.setAttribute("aria-describedby", this.element.id);
    const active = document.activeElement;
    if (!(active instanceof HTMLTextAreaElement && active.value)) this.#input.focus();
  }

  clear(): void {
    if (!this.element.textContent) return;
    this.element.textContent = "";
    this.#input.removeAttribute("aria-invalid");
    this.#input.removeAttribute("aria-describedby");
  }
}
