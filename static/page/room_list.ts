/**
 * `RoomList` shows the rooms in the sidebar, with what is unread in them. Rooms are added and left here.
 * A row is kept as long as its room, and only what changed of it is written: a row that was replaced
 * between the press and the release of a button would not be clicked.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, byId, create, icon, setHidden, spokenOnly } from "./dom.ts";
import { FieldError } from "./field_error.ts";
import { isRailShown } from "./panels.ts";
import { strings } from "./strings.ts";

/** What a row of the list shows. */
export interface RoomRow {
  readonly name: string;
  readonly unread: number;
  /** Whether one of the unread messages mentions the user. */
  readonly isMentioned: boolean;
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
  readonly #input = byId("add-name", HTMLInputElement);
  readonly #error = new FieldError(this.#input);
  readonly #rows = new Map<string, Row>();
  /** The room that was added last, until it is entered. */
  #added: string | undefined;

  constructor(options: RoomListOptions) {
    this.#options = options;
    byId("add", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const room = this.#input.value.trim().replace(/^#\s*/, "");
      if (!room) return;
      this.#input.value = "";
      this.#error.clear();
      this.#added = room;
      options.open(room);
    });
  }

  /** Shows the rooms in this order. */
  show(rooms: readonly RoomRow[]): void {
    const names = new Set(rooms.map(({ name }) => name));
    let hadFocus = false;
    for (const [name, { element }] of this.#rows) {
      if (names.has(name)) continue;
      hadFocus ||= element.contains(document.activeElement);
      element.remove();
      this.#rows.delete(name);
    }
    for (const [i, room] of rooms.entries()) {
      const row = this.#rows.get(room.name) ?? this.#add(room.name);
      if (this.#list.children[i] !== row.element) {
        this.#list.insertBefore(row.element, this.#list.children[i] ?? null);
      }
      row.show(room, rooms.length > 1);
    }
    // The focus would be lost with the row of a room that was left with the keyboard.
    if (hadFocus) this.#list.querySelector<HTMLElement>("[aria-current]")?.focus();
  }

  /**
   * Shows why a room cannot be entered, if the user has just written its name.
   *
   * @returns whether it is shown.
   */
  refused(room: string, sentence: string): boolean {
    if (room !== this.#added) return false;
    this.#added = undefined;
    if (!isRailShown()) return false;
    if (!this.#input.value) this.#input.value = room;
    this.#error.show(sentence);
    return true;
  }

  #add(name: string): Row {
    const row = new Row(name, this.#options);
    this.#rows.set(name, row);
    return row;
  }
}

/** The row of one room. */
class Row {
  readonly element: HTMLElement;
  readonly #link: HTMLElement;
  readonly #leave: HTMLElement;
  readonly #badge = create("span", { class: "unread", "aria-hidden": "true" });
  readonly #spoken = spokenOnly("");
  readonly #mention = create("span", { class: "mentioned", "aria-hidden": "true" }, "@");
  readonly #spokenMention = spokenOnly(` ${strings.mentioned}`);
  #unread = 0;
  #isCurrent = false;

  constructor(name: string, options: RoomListOptions) {
    this.#link = create("a", { href: addressOf(name) }, create("bdi", {}, name));
    this.#link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return; // it opens another tab
      event.preventDefault();
      options.open(name);
    });
    this.#leave = button("quiet leave", () => options.leave(name), icon("cross"));
    this.#leave.title = strings.leaveRoom(name);
    this.#leave.setAttribute("aria-label", this.#leave.title);
    this.element = create("li", { "data-room": name }, this.#link, this.#leave);
  }

  show({ unread, isMentioned, isCurrent }: RoomRow, canLeave: boolean): void {
    setHidden(this.#leave, !canLeave);
    if (isMentioned !== this.#mention.isConnected) {
      if (isMentioned) this.#link.append(this.#mention, this.#spokenMention);
      else for (const part of [this.#mention, this.#spokenMention]) part.remove();
    }
    if (unread !== this.#unread) {
      this.#badge.textContent = unread > 99 ? "99+" : String(unread);
      this.#spoken.textContent = strings.unread(unread);
      if (!unread) { for (const part of [this.#badge, this.#spoken]) part.remove(); }
      else if (!this.#unread) this.#link.append(this.#badge, this.#spoken);
      this.#unread = unread;
    }
    if (isCurrent === this.#isCurrent) return;
    this.#isCurrent = isCurrent;
    if (isCurrent) {
      this.#link.setAttribute("aria-current", "page");
      this.element.scrollIntoView({ block: "nearest" });
    } else this.#link.removeAttribute("aria-current");
  }
}

/** Returns the address of the page with a room, which also invites others to it. */
export function addressOf(room: string, seq?: number): string {
  const url = new URL(location.href);
  const message = seq === undefined ? {} : { message: String(seq) };
  url.search = `?${new URLSearchParams({ room, ...message })}`;
  url.hash = "";
  return url.href;
}
