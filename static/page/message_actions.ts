/**
 * `MessageActions` says what can be done to a message, in the bar of the page: the pointer or the keyboard
 * brings it up beside a line, a long press at the bottom of the screen.
 *
 * @module
 */

/// <reference lib="dom" />

import type { ChatEvent } from "../client/mod.ts";
import type { Action, ActionBar, BarStyle } from "./action_bar.ts";
import { onLongPress } from "./long_press.ts";
import { isShortcut } from "./shortcuts.ts";
import { strings } from "./strings.ts";

/** The reactions that are at hand. */
const REACTIONS = ["👍", "❤️", "😂", "🎉"];

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
  /** What can be done to the one who has said it; in a bar, one action that brings up the others. */
  readonly toSender: (message: ChatEvent, line: HTMLElement, style: BarStyle) => readonly Action[];
}

/** The actions on the messages of all rooms. */
export class MessageActions {
  readonly #bar: ActionBar;
  readonly #deeds: MessageDeeds;

  /** @param list holds the lists of all rooms. */
  constructor(list: HTMLElement, bar: ActionBar, deeds: MessageDeeds) {
    this.#bar = bar;
    this.#deeds = deeds;
    list.addEventListener("pointerover", (event) => {
      if (event.pointerType === "touch" || bar.isHeld) return;
      const line = lineOf(event.target);
      if (line) this.#show(line, "beside");
    });
    list.addEventListener("pointerleave", ({ relatedTarget }) => {
      const isNear = relatedTarget instanceof Node && bar.element.contains(relatedTarget);
      if (!isNear && !bar.isHeld) bar.hide();
    });
    list.addEventListener("scroll", () => bar.moved(), { passive: true, capture: true });
    list.addEventListener("keydown", (event) => this.#listKey(event));
    onLongPress(list, lineOf, (line) => this.#show(line, "sheet"));
  }

  hide(): void {
    this.#bar.hide();
  }

  #show(line: HTMLElement, style: BarStyle): void {
    if (line === this.#bar.anchor) return;
    const message = this.#deeds.messageOf(line);
    const actions = !message || message.deleted
      ? []
      : [...this.#actions(message), ...this.#deeds.toSender(message, line, style)];
    this.#bar.show(line, strings.messageActions, actions, style);
  }

  #actions(message: ChatEvent): Action[] {
    const { seq } = message;
    const deeds = this.#deeds;
    const actions: Action[] = [];
    if (deeds.mayWrite()) {
      const mine = deeds.mineOf(seq);
      for (const reaction of REACTIONS) {
        const isOn = mine.includes(reaction);
        const label = strings.reactWith(reaction);
        const run = () => deeds.react(seq, reaction, !isOn);
        actions.push({ label, symbol: reaction, isOn, run });
      }
      actions.push({ label: strings.reply, symbol: "reply", run: () => deeds.reply(message) });
    }
    if (deeds.mayEdit(message)) {
      actions.push({ label: strings.edit, symbol: "pencil", run: () => deeds.edit(message) });
    }
    // On a phone a long press selects no text any more.
    actions.push(
      { label: strings.copyText, symbol: "copy", run: () => deeds.copy(message) },
      { label: strings.copyMessageLink, symbol: "link", run: () => deeds.link(seq) },
    );
    if (deeds.mayRemove(message)) {
      const question = strings.reallyRemove;
      actions.push({
        label: strings.remove,
        symbol: "bin",
        question,
        run: () => deeds.remove(seq),
      });
    }
    return actions;
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
      this.#show(line, "beside");
      this.#bar.focus();
    } else if (isShortcut(event, "newestMessage")) lines.at(-1)?.focus();
    else if (line && isShortcut(event, "olderMessage")) lines[index - 1]?.focus();
    else if (line && isShortcut(event, "newerMessage")) lines[index + 1]?.focus();
    else if (line && isShortcut(event, "backToList")) list.focus();
    else return;
    event.preventDefault();
  }
}

function lineOf(target: EventTarget | null): HTMLElement | undefined {
  return target instanceof Element
    ? target.closest<HTMLElement>(".line[data-seq]") ?? undefined
    : undefined;
}
