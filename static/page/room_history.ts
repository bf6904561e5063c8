/**
 * `RoomHistory` keeps the browser's history: each room that is opened is an entry. Going back never
 * enters a room that was left, and never stays where it was.
 *
 * @module
 */

/// <reference lib="dom" />

import { addressOf } from "./room_list.ts";

/** What it calls. */
export interface RoomHistoryOptions {
  /** Shows a room, if the user is in it and another one is shown. Returns whether it did. */
  readonly show: (room: string | undefined) => boolean;
  /** Returns the room that is shown. */
  readonly current: () => string;
}

/** The history of one tab. */
export class RoomHistory {
  /** The place of the current entry among those of this page. */
  #index = indexOf(history.state) ?? 0;

  constructor({ show, current }: RoomHistoryOptions) {
    history.replaceState({ index: this.#index }, "");
    addEventListener("popstate", ({ state }) => {
      const index = indexOf(state);
      // A link to a place in the page makes an entry too.
      if (index === undefined) return history.replaceState({ index: ++this.#index }, "");
      const isBack = index < this.#index;
      this.#index = index;
      if (show(roomOfAddress())) return;
      // The room was left or refused, or is shown already: this entry is passed over.
      this.replace(current());
      if (isBack && index > 0) history.back();
    });
  }

  /** Adds an entry for a room that is opened. */
  push(room: string): void {
    history.pushState({ index: ++this.#index }, "", addressOf(room));
  }

  /** Changes the current entry to a room. */
  replace(room: string): void {
    history.replaceState({ index: this.#index }, "", addressOf(room));
  }
}

/** Returns the room that the address names. */
export function roomOfAddress(): string | undefined {
  return new URLSearchParams(location.search).get("room")?.trim() || undefined;
}

function indexOf(state: unknown): number | undefined {
  if (typeof state !== "object" || state === null || !("index" in state)) return undefined;
  return typeof state.index === "number" ? state.index : undefined;
}
