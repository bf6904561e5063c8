/**
 * `MessageActions` is the toolbar of one message: the pointer or the keyboard brings it up beside a line,
 * a long press at the bottom of the screen. There is one for all lines, outside of the list, so that no
 * line moves when it comes.
 *
 * @module
 */

/// <reference lib="dom" />

import type { ChatEvent } from "../client/mod.ts";
import { button, create, icon } from "./dom.ts";
import { isShortcut } from "./shortcuts.ts";
import { strings } from "./strings.ts";

/** The reactions that are at hand. */
const REACTIONS = ["👍", "❤️", "😂", "🎉"];
/** How long a press is a long one, in milliseconds. */
const LONG_PRESS_MS = 450;
/** How far a finger that rests may move, in pixels. */
const STILL_PX = 10;

/** What can be done to a message, and by whom. */
export interface MessageDeeds {
  /** The message of a line. */
  readonly messageOf: (line: Element) => ChatEvent | undefined;
  readonly mineOf: (seq: number) => readonly string[];
  readonly mayWrite: () => boolean;
  readonly mayEdit: (message: ChatEvent) => boolean;
  readonly mayRemove: (message: ChatEvent) => boolean;
  readonly react: (seq: number, reaction: string, on: boolean) => void;
  readonly reply: (message: ChatEvent) => void;
  readonly edit: (message: ChatEvent) => void;
  readonly remove: (seq: number) => void;
  readonly copy: (message: ChatEvent) => void;
  readonly link: (seq: number) => void;
}

/** The toolbar of one room's messages. */
export class MessageActions {
  readonly element = create("div", {
    class: "actions",
    role: "toolbar",
    "aria-label": strings.messageActions,
  });
  readonly #deeds: MessageDeeds;
  #line: HTMLElement | undefined;
  #pressedAt: readonly [number, number] = [0, 0];
  #pressTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param list holds the lists of all rooms. */
  constructor(list: HTMLElement, deeds: MessageDeeds) {
    this.#deeds = deeds;
    this.element.hidden = true;
    list.addEventListener("pointerover", (event) => {
      if (event.pointerType === "touch" || this.#isHeld()) return;
      const line = lineOf(event.target);
      if (line) this.#show(line);
    });
    list.addEventListener("pointerleave", ({ relatedTarget }) => {
      const isNear = relatedTarget instanceof Node && this.element.contains(relatedTarget);
      if (!isNear && !this.#isHeld()) this.hide();
    });
    this.element.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch" && !this.#isHeld()) this.hide();
    });
    list.addEventListener("scroll", () => this.hide(), { passive: true, capture: true });
    list.addEventListener("pointerdown", (event) => this.#press(event));
    for (const type of ["pointerup", "pointercancel"]) {
      list.addEventListener(type, () => clearTimeout(this.#pressTimer));
    }
    list.addEventListener("pointermove", ({ clientX, clientY }) => {
      const [x, y] = this.#pressedAt;
      if (Math.hypot(clientX - x, clientY - y) > STILL_PX) clearTimeout(this.#pressTimer);
    });
    list.addEventListener("contextmenu", (event) => {
      if (this.element.classList.contains("sheet")) event.preventDefault();
    });
    list.addEventListener("keydown", (event) => this.#listKey(event));
    this.element.addEventListener("keydown", (event) => this.#barKey(event));
    addEventListener("pointerdown", ({ target }) => {
      if (!(target instanceof Node) || !this.element.contains(target)) this.hide();
    }, { capture: true });
  }

  hide(): void {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.#line?.classList.remove("chosen");
    this.#line = undefined;
  }

  /** Whether the toolbar has the focus, or lies at the bottom of the screen: then it stays. */
  #isHeld(): boolean {
    return !this.element.hidden &&
      (this.element.classList.contains("sheet") || this.element.contains(document.activeElement));
  }

  #press({ target, pointerType, clientX, clientY }: PointerEvent): void {
    clearTimeout(this.#pressTimer);
    this.#pressedAt = [clientX, clientY];
    const line = lineOf(target);
    if (pointerType !== "touch" || !line) return;
    this.#pressTimer = setTimeout(() => this.#show(line, true), LONG_PRESS_MS);
  }

  #show(line: HTMLElement, isSheet = false): void {
    if (line === this.#line && !this.element.hidden) return;
    this.hide();
    const message = this.#deeds.messageOf(line);
    if (!message || message.deleted) return;
    this.#line = line;
    this.element.replaceChildren(...this.#buttons(message));
    this.element.classList.toggle("sheet", isSheet);
    line.classList.toggle("chosen", isSheet);
    this.element.hidden = false;
    const { top, right } = line.getBoundingClientRect();
    const list = line.closest(".list")?.getBoundingClientRect();
    const y = Math.max(top - this.element.offsetHeight * 0.6, list?.top ?? 0);
    this.element.style.top = isSheet ? "" : `${y}px`;
    this.element.style.right = isSheet ? "" : `${document.documentElement.clientWidth - right}px`;
  }

  #buttons(message: ChatEvent): HTMLElement[] {
    const { seq } = message;
    const deeds = this.#deeds;
    const mine = deeds.mineOf(seq);
    const act = (symbol: string, label: string, action: () => void) => {
      const one = button("quiet", () => {
        this.#leave();
        action();
      }, icon(symbol));
      one.title = label;
      one.setAttribute("aria-label", label);
      return one;
    };
    const buttons: HTMLElement[] = [];
    if (deeds.mayWrite()) {
      for (const reaction of REACTIONS) {
        const on = !mine.includes(reaction);
        const one = button("quiet", () => {
          this.#leave();
          deeds.react(seq, reaction, on);
        }, reaction);
        one.setAttribute("aria-label", strings.reactWith(reaction));
        one.setAttribute("aria-pressed", String(!on));
        buttons.push(one);
      }
      buttons.push(act("reply", strings.reply, () => deeds.reply(message)));
    }
    if (deeds.mayEdit(message)) {
      buttons.push(act("pencil", strings.edit, () => deeds.edit(message)));
    }
    // On a phone a long press selects no text any more.
    buttons.push(act("copy", strings.copyText, () => deeds.copy(message)));
    buttons.push(act("link", strings.copyMessageLink, () => deeds.link(seq)));
    if (deeds.mayRemove(message)) {
      // The second press of the same button deletes: what it says has changed by then.
      const remove = button("quiet", () => {
        if (remove.classList.contains("sure")) {
          this.#leave();
          deeds.remove(seq);
          return;
        }
        remove.classList.add("sure");
        remove.setAttribute("aria-label", strings.reallyRemove);
        remove.title = strings.reallyRemove;
        remove.replaceChildren(strings.reallyRemove);
      }, icon("bin"));
      remove.setAttribute("aria-label", strings.remove);
      remove.title = strings.remove;
      buttons.push(remove);
    }
    return buttons;
  }

  /** Hides the toolbar, and gives the focus back to the line if the toolbar had it. */
  #leave(): void {
    const line = this.element.contains(document.activeElement) ? this.#line : undefined;
    this.hide();
    line?.focus();
  }

  #listKey(event: KeyboardEvent): void {
    const { target } = event;
    if (!(target instanceof HTMLElement) || !target.matches(".list, .line")) return;
    const list = target.closest<HTMLElement>(".list");
    const line = target.matches(".line") ? target : undefined;
    if (!list) return;
    const lines = [...list.querySelectorAll<HTMLElement>(".line[data-seq]")];
    const index = line ? lines.indexOf(line) : -1;
    if (line && isShortcut(event, "actOnMessage")) {
      this.#show(line);
      this.element.querySelector("button")?.focus();
    } else if (isShortcut(event, "newestMessage")) lines.at(-1)?.focus();
    else if (line && isShortcut(event, "olderMessage")) lines[index - 1]?.focus();
    else if (line && isShortcut(event, "newerMessage")) lines[index + 1]?.focus();
    else if (line && isShortcut(event, "backToList")) list.focus();
    else return;
    event.preventDefault();
  }

  #barKey(event: KeyboardEvent): void {
    const buttons = [...this.element.querySelectorAll("button")];
    const index = buttons.findIndex((one) => one === document.activeElement);
    if (event.key === "Escape") this.#leave();
    else if (event.key === "ArrowRight") buttons[(index + 1) % buttons.length]?.focus();
    else if (event.key === "ArrowLeft") buttons.at(index - 1)?.focus();
    else return;
    event.preventDefault();
  }
}

function lineOf(target: EventTarget | null): HTMLElement | undefined {
  return target instanceof Element
    ? target.closest<HTMLElement>(".line[data-seq]") ?? undefined
    : undefined;
}
