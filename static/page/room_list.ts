/**
 * `RoomList` shows the rooms in the sidebar, with what is unread in them. Rooms are added and left here.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, byId, create, icon, spokenOnly } from "./dom.ts";
import { strings } from "./strings.ts";

/** What a row of the list shows. */
export interface RoomRow {
  readonly name: string;
  readonly unread: number;
  readonly isCurrent: boolean;
}

/** What the list calls when the user chooses a room. */
export interface RoomListOptions {
  readonly open: (room: string) => void;
  readonly leave: (room: string) => void;
}

/** The list of rooms. */
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
    const rows = rooms.map((room) => this.#row(room, rooms.length > 1));
    this.#list.replaceChildren(...rows);
    if (focused === undefined) return;
    // The row that had the focus was replaced, so its successor gets it.
    rows.find(({ dataset }) => dataset.room === focused)?.querySelector("a")?.focus();
  }

  #row({ name, unread, isCurrent }: RoomRow, canLeave: boolean): HTMLElement {
    const link = create("a", { href: addressOf(name) }, create("bdi", {}, name));
    if (isCurrent) link.setAttribute("aria-current", "page");
    if (unread) {
      const badge = unread > 99 ? "99+" : String(unread);
      link.append(
        create("span", { class: "unread", "aria-hidden": "true" }, badge),
        spokenOnly(strings.unread(unread)),
      );
    }
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return; // it opens another tab
      event.preventDefault();
      this.#options.open(name);
    });
    const row = create("li", { "data-room": name }, link);
    if (canLeave) {
      const leave = button("quiet leave", () => this.#options.leave(name), icon("cross"));
      leave.title = strings.leaveRoom(name);
      leave.setAttribute("aria-label", leave.title);
      row.append(leave);
    }
    return row;
  }
}

/** Returns the address of the page with a room, which also invites others to it. */
export function addressOf(room: string): string {
  const url = new URL(location.href);
  url.search = `?${new URLSearchParams({ room })}`;
  url.hash = "";
  return url.href;
}
