/**
 * `ActionBar` shows what can be done to a message or to a user: beside it, or as a sheet at the bottom of
 * the screen. There is one, outside of all lists, so that no line moves when it comes.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, create, icon } from "./dom.ts";

/** Something that can be done. */
export interface Action {
  readonly label: string;
  /** What the button shows: one of the symbols of index.html, or a reaction. */
  readonly symbol: string;
  /** Whether it is a reaction that the user has given, or not; undefined if it is none. */
  readonly isOn?: boolean;
  /** The question before what cannot be undone. The second press of the button answers it. */
  readonly question?: string;
  readonly run: () => void;
}

/** How the bar is shown. */
export type BarStyle = "beside" | "menu" | "sheet";

/** The one bar of the page. */
export class ActionBar {
  readonly element = create("div", { class: "actions", role: "toolbar" });
  /** What the actions are for, while the bar is shown. */
  #anchor: HTMLElement | undefined;
  /** Where on the screen that was when the bar was placed. */
  #top = 0;
  /** The lines of a list that is too short to scroll move when another comes. */
  readonly #resizes = new ResizeObserver(() => this.moved());

  constructor() {
    this.element.hidden = true;
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType !== "touch" && !this.isHeld) this.hide();
    });
    this.element.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !this.element.contains(relatedTarget)) this.hide();
    });
    addEventListener("pointerdown", ({ target }) => {
      if (!(target instanceof Node) || !this.element.contains(target)) this.hide();
    }, { capture: true });
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#anchor) this.hide();
    });
  }

  /** What the actions are for, while the bar is shown. */
  get anchor(): HTMLElement | undefined {
    return this.#anchor;
  }

  /** Whether it stays although the pointer goes: it has the focus, or was asked for. */
  get isHeld(): boolean {
    return !this.element.hidden &&
      (!this.element.classList.contains("beside") || this.element.contains(document.activeElement));
  }

  /** Shows the actions for an element. */
  show(anchor: HTMLElement, label: string, actions: readonly Action[], style: BarStyle): void {
    this.hide();
    if (actions.length === 0) return;
    this.#anchor = anchor;
    this.element.setAttribute("aria-label", label);
    this.element.className = `actions ${style}`;
    this.element.replaceChildren(...actions.map((action) => this.#button(action)));
    // In the landmark of what it is for: a panel that lies over the page leaves the rest inert.
    const place = anchor.closest("main, aside");
    if (place && this.element.parentElement !== place) place.append(this.element);
    anchor.classList.toggle("chosen", style !== "beside");
    this.element.hidden = false;
    this.#place(anchor);
    const lines = anchor.closest(".flow");
    if (lines) this.#resizes.observe(lines);
  }

  /** Gives the focus to the first action. */
  focus(): void {
    this.#anchor?.classList.add("chosen"); // its own ring goes with the focus
    this.element.querySelector("button")?.focus();
  }

  /** Notes that what it is for may be elsewhere on the screen now. */
  moved(): void {
    const anchor = this.#anchor && present(this.#anchor);
    if (anchor?.getBoundingClientRect().top === this.#top) return;
    if (anchor && this.isHeld) this.#place(anchor);
    else this.hide();
  }

  hide(): void {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.#resizes.disconnect();
    this.#anchor?.classList.remove("chosen");
    this.#anchor = undefined;
  }

  /** Hides the bar, and gives the focus back to what it was for if the bar had it. */
  #leave(): void {
    const hasFocus = this.element.contains(document.activeElement);
    const anchor = hasFocus && this.#anchor ? present(this.#anchor) : undefined;
    this.hide();
    (anchor?.querySelector<HTMLElement>("[data-actions]") ?? anchor)?.focus();
  }

  #place(anchor: HTMLElement): void {
    const { classList } = this.element;
    const { top, right, width } = anchor.getBoundingClientRect();
    this.#top = top;
    if (classList.contains("sheet")) return this.element.removeAttribute("style");
    const above = anchor.closest(".list, ul")?.getBoundingClientRect().top ?? 0;
    const { offsetHeight, offsetWidth } = this.element;
    const { clientWidth, clientHeight } = document.documentElement;
    // In a narrow window it would lie over the quote that an answer begins with, which can be pressed.
    const raised = offsetWidth < width / 2 ? 0.6 : 1;
    const y = Math.max(top - offsetHeight * (classList.contains("beside") ? raised : 0), above);
    this.element.style.top = `${Math.min(y, clientHeight - offsetHeight)}px`;
    this.element.style.right = `${clientWidth - right}px`;
  }

  #button({ label, symbol, isOn, question, run }: Action): HTMLElement {
    const shown = isOn === undefined ? icon(symbol) : symbol;
    const words = create("span", { class: "words" }, isOn === undefined ? label : "");
    const one = button(
      "quiet",
      () => {
        if (question !== undefined && !one.classList.contains("sure")) {
          one.classList.add("sure");
          one.setAttribute("aria-label", question);
          one.title = question;
          words.textContent = question;
          return;
        }
        this.#leave();
        run();
      },
      shown,
      words,
    );
    one.title = label;
    one.setAttribute("aria-label", label);
    if (isOn !== undefined) {
      one.classList.add("reaction");
      one.setAttribute("aria-pressed", String(isOn));
    }
    return one;
  }

  #key(event: KeyboardEvent): void {
    const buttons = [...this.element.querySelectorAll("button")];
    const index = buttons.findIndex((one) => one === document.activeElement);
    const { key } = event;
    if (key === "Escape") this.#leave();
    else if (key === "ArrowRight" || key === "ArrowDown") {
      buttons[(index + 1) % buttons.length]?.focus();
    } else if (key === "ArrowLeft" || key === "ArrowUp") buttons.at(index - 1)?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation(); // Escape would close the panel too
  }
}

/** Returns an element, or the one that has taken its place: a line is made again when it is revised. */
function present(anchor: HTMLElement): HTMLElement | undefined {
  if (anchor.isConnected) return anchor;
  const { seq, id = "" } = anchor.dataset;
  const selector = seq === undefined
    ? `#people-list [data-id="${CSS.escape(id)}"]`
    : `.list:not([hidden]) .line[data-seq="${seq}"]`;
  return document.querySelector<HTMLElement>(selector) ?? undefined;
}
