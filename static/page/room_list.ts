/** The rooms in the sidebar: which there are, what is unread in them, adding and leaving one. */

/// <reference lib="dom" />

import { byId, h, icon } from "./dom.ts";
import { strings } from "./strings.ts";

/** What a row of the list shows. */
export interface RoomRow {
  readonly name: string;
  readonly unread: number;
  readonly current: boolean;
}

/** What can be done with the list. */
export interface RoomListOptions {
  readonly open: (room: string) => void;
  readonly leave: (room: string) => void;
}

export class RoomList {
  readonly #options: RoomListOptions;
  readonly #list = byId("rooms", HTMLUListElement);

  constructor(options: RoomListOptions) {
    this.#options = options;
    const name = byId("add-name", HTMLInputElement);
    byId("add", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const room = name.value.trim().replace(/^#\s*/, "");
      if (!room) return;
      name.value = "";
      options.open(room);
    });
  }

  show(rooms: readonly RoomRow[]): void {
    const focused = document.activeElement?.closest<HTMLElement>("li[data-room]")?.dataset.room;
    this.#list.replaceChildren(...rooms.map((room) => this.#row(room, rooms.length > 1)));
    // The row that had the focus was made anew: the keyboard stays where it was.
    if (focused === undefined) return;
    const row = [...this.#list.children].find((row) =>
      row instanceof HTMLElement && row.dataset.room === focused
    );
    row?.querySelector("a")?.focus();
  }

  #row({ name, unread, current }: RoomRow, mayLeave: boolean): HTMLElement {
    const link = h("a", { href: roomAddress(name) }, h("bdi", {}, name));
    if (current) link.setAttribute("aria-current", "page");
    if (unread) {
      link.append(
        h("span", { class: "unread", "aria-hidden": "true" }, unread > 99 ? "99+" : String(unread)),
        h("span", { class: "heard-only" }, strings.unread(unread)),
      );
    }
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return; // a tab of its own
      event.preventDefault();
      this.#options.open(name);
    });
    const row = h("li", { "data-room": name }, link);
    if (mayLeave) {
      const label = strings.leaveRoom(name);
      const leave = h("button", { class: "quiet leave", type: "button", "aria-label": label });
      leave.title = label;
      leave.append(icon("cross"));
      leave.addEventListener("click", () => this.#options.leave(name));
      row.append(leave);
    }
    return row;
  }
}

/** The address of a room's page, which is also what invites to it. */
export function roomAddress(room: string): string {
  const url = new URL(location.href);
  url.search = `?${new URLSearchParams({ room })}`;
  url.hash = "";
  return url.href;
}
