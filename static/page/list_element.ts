/**
 * What a list of messages needs, and its element: a log that can be scrolled with the keyboard.
 *
 * @module
 */
import type { Message, User } from "../client/mod.ts";
import { copySource } from "./copy_source.ts";
import { create } from "./dom.ts";
import type { KnownNames } from "./known_names.ts";
import { strings } from "./strings.ts";

/** What the list needs. */
export interface MessageListOptions {
  readonly room: string;
  /** Returns the user, whose own messages look different, and are never new. */
  readonly user: () => User | undefined;
  /** The names that may be mentioned. */
  readonly names: KnownNames;
  readonly readOlder: (before: number, limit: number) => Promise<readonly Message[]>;
  /** The latest `seq` that was read on an earlier visit. */
  readonly readSeq: number | undefined;
  /** Called when the user presses a reaction. */
  readonly react: (seq: number, reaction: string, on: boolean) => void;
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
