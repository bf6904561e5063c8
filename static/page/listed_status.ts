/**
 * `ListedStatus` says in place of the server's rooms why there are none to choose from.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, create } from "./dom.ts";
import type { ListedRooms } from "./listed_rooms.ts";
import { strings } from "./strings.ts";

/** One sentence, which screen readers read out when it changes. */
export class ListedStatus {
  readonly element = create("p", { class: "listed-status", role: "status" });
  readonly #retry: () => void;

  /** @param retry reads the rooms again, when that has failed. */
  constructor(retry: () => void) {
    this.#retry = retry;
  }

  /**
   * Shows what is to be said, or nothing.
   *
   * @param count how many rooms there are to choose from.
   * @param shown how many of them match what was typed.
   */
  show(state: ListedRooms["state"], count: number, shown: number): void {
    const sentence = state === "failed"
      ? strings.roomsFailed
      : shown
      ? ""
      : count
      ? strings.noSuchRoom
      : state === "loading"
      ? strings.findingRooms
      : strings.noOtherRooms;
    if (this.element.dataset.says === sentence) return;
    this.element.dataset.says = sentence;
    this.element.replaceChildren(sentence);
    if (state !== "failed") return;
    this.element.append(" ", button("plain", this.#retry, strings.tryAgain));
  }
}
