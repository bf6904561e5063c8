/**
 * `RoomFinder` is the place below the user's rooms where other rooms are found: a button, and what it
 * opens. The rooms are read when it is opened, each time, and not before.
 *
 * @module
 */

/// <reference lib="dom" />

import { Choices } from "./choices.ts";
import { button, byId, create, icon } from "./dom.ts";
import type { ListedRooms } from "./listed_rooms.ts";
import { ListedStatus } from "./listed_status.ts";
import { strings } from "./strings.ts";

/** What it needs. */
export interface RoomFinderOptions {
  readonly listed: ListedRooms;
  /** Whether the user is in a room. */
  readonly isIn: (room: string) => boolean;
  readonly open: (room: string) => void;
}

/** The place in the sidebar. */
export class RoomFinder {
  readonly #options: RoomFinderOptions;
  readonly #toggle: HTMLButtonElement;
  readonly #panel = create("div", { id: "finder-panel", class: "finder-panel" });
  readonly #status: ListedStatus;
  readonly #choices: Choices;

  constructor(options: RoomFinderOptions) {
    this.#options = options;
    const labels = { field: strings.filterRooms, list: strings.otherRooms };
    this.#choices = new Choices("finder", labels, () => this.show());
    this.#status = new ListedStatus(() => options.listed.read());
    options.listed.watch(() => this.show());
    this.#toggle = button(
      "quiet",
      () => this.#panel.hidden ? this.#open() : this.#close(),
      icon("search"),
      create("span", {}, strings.findRooms),
      icon("chevron"),
    );
    this.#toggle.id = "find-rooms";
    this.#toggle.setAttribute("aria-controls", this.#panel.id);
    this.#toggle.setAttribute("aria-expanded", "false");
    this.#panel.hidden = true;
    this.#panel.append(this.#choices.input, this.#status.element, this.#choices.list);
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation();
      this.#close();
      this.#toggle.focus();
    });
    byId("finder-place", HTMLElement).append(this.#toggle, this.#panel);
  }

  /** Shows the rooms that were read, without those that the user is in by now. */
  show(): void {
    if (this.#panel.hidden) return;
    const { listed, isIn, open } = this.#options;
    const others = listed.rooms.filter(({ name }) => !isIn(name));
    const choices = others.map(({ name, memberCount }) => ({
      key: name,
      label: name,
      detail: strings.members(memberCount),
      choose: () => open(name),
    }));
    const count = this.#choices.show([{ label: strings.otherRooms, choices }]);
    this.#status.show(listed.state, others.length, count);
  }

  #open(): void {
    this.#panel.hidden = false;
    this.#toggle.setAttribute("aria-expanded", "true");
    this.#choices.clear();
    this.#options.listed.read();
    // On a phone the keyboard would come up over the rooms.
    if (matchMedia("(hover: hover)").matches) this.#choices.input.focus();
  }

  #close(): void {
    this.#panel.hidden = true;
    this.#toggle.setAttribute("aria-expanded", "false");
  }
}
