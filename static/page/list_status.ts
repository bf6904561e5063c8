/**
 * `ListStatus` shows what stands above the messages of a room, or in their place: that they are being
 * loaded, that there are none, or that they begin here. Each takes the place of the one before as a new
 * element: the same one, which would be elsewhere then, would seem to move.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, create, spokenOnly } from "./dom.ts";
import { strings } from "./strings.ts";

/** What it can show. */
export type Status = "loading" | "empty" | "beginning" | "older" | "olderFailed";

/** The status of one list. */
export class ListStatus {
  #element = create("div", { class: "top" });
  #shown: Status | undefined;
  readonly #content: Readonly<Record<Status, () => HTMLElement[]>>;

  /** @param retry loads the older messages again, when that has failed. */
  constructor(room: string, retry: () => void) {
    this.#content = {
      loading: () => [spokenOnly(strings.loading), ...Array.from({ length: 4 }, bone)],
      empty: () => [
        create("p", { class: "large" }, strings.empty),
        create("p", {}, strings.emptyHint),
      ],
      beginning: () => [create("p", {}, strings.beginning(room))],
      older: () => [create("p", {}, strings.older)],
      olderFailed: () => {
        const again = button("plain", retry, strings.tryAgain);
        return [create("p", {}, strings.olderFailed, " ", again)];
      },
    };
  }

  /** The element, until another status is shown. */
  get element(): HTMLElement {
    return this.#element;
  }

  show(status: Status): void {
    if (status === this.#shown) return;
    this.#replace(`top ${status}`, this.#content[status]());
    this.#shown = status;
    this.#setBusy(status === "loading");
  }

  clear(): void {
    if (this.#shown === undefined) return;
    this.#replace("top", []);
    this.#shown = undefined;
    this.#setBusy(false);
  }

  #replace(className: string, content: readonly HTMLElement[]): void {
    const next = create("div", { class: className }, ...content);
    this.#element.replaceWith(next);
    this.#element = next;
  }

  /** Tells screen readers whether the list is still to come. */
  #setBusy(isBusy: boolean): void {
    this.#element.closest(".list")?.setAttribute("aria-busy", String(isBusy));
  }
}

function bone(): HTMLElement {
  return create("span", { class: "bone" });
}
