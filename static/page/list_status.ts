/**
 * `ListStatus` shows what stands above the messages of a room, or in their place: that they are being
 * loaded, that there are none, or that they begin here.
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
  readonly element = create("div", { class: "top" });
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

  show(status: Status): void {
    this.element.className = `top ${status}`;
    this.element.replaceChildren(...this.#content[status]());
    this.#setBusy(status === "loading");
  }

  clear(): void {
    this.element.replaceChildren();
    this.#setBusy(false);
  }

  /** Tells screen readers whether the list is still to come. */
  #setBusy(isBusy: boolean): void {
    this.element.closest(".list")?.setAttribute("aria-busy", String(isBusy));
  }
}

function bone(): HTMLElement {
  return create("span", { class: "bone" });
}
