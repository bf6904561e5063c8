/**
 * What a list of messages needs, and its element: a log that can be scrolled with the keyboard.
 *
 * @module
 */
import type { HistoryPage, User } from "../client/mod.ts";
import { copySource } from "./copy_source.ts";
import { create } from "./dom.ts";
import type { LinesOptions } from "./lines.ts";
import { strings } from "./strings.ts";

/** What the list needs. */
export interface MessageListOptions extends LinesOptions {
  readonly room: string;
  /** Returns the user, whose own messages look different, and are never new. */
  readonly user: () => User | undefined;
  readonly readOlder: (before: number, limit: number) => Promise<HistoryPage>;
  /** The latest `seq` that was read on an earlier visit. */
  readonly readSeq: number | undefined;
  /** Called when `mark` or `isAtLatest` changed. */
  readonly changed: () => void;
}

/** Creates the element of a room's list. */
export function listElement(room: string, parts: readonly HTMLElement[]): HTMLElement {
  const list = create(
    "div",
    {
      class: "list",
      role: "log",
      "aria-live": "off", // announcer.ts reads out what is new, and nothing else
      "aria-label": strings.messagesIn(room),
      tabindex: "0",
    },
    create("div", { class: "column" }, ...parts),
  );
  list.addEventListener("copy", copySource);
  return list;
}
