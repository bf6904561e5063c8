/**
 * `RightNotice` says in place of the composer why the user cannot write in the room that is shown. Whoever had
 * the focus in one of the two has it in the other: focus_keeper.ts.
 *
 * @module
 */

/// <reference lib="dom" />

import { announce } from "./announcer.ts";
import { button, byId, create, setHidden } from "./dom.ts";
import { clockTime, fullTime, isolated, strings } from "./strings.ts";

/** What the user may do in a room, if that is not everything. */
export interface Standing {
  /** With `none`, the user is not in the room any more. */
  readonly right: "none" | "read";
  /** Whether this was taken from the user, who could do more before. */
  readonly wasTaken: boolean;
  /** When it ends, in milliseconds since 1970. */
  readonly until?: number;
  /** Why, in the words of the server or of a moderator. */
  readonly reason?: string;
}

/** A time that is further away than this is shown with its date, in milliseconds. */
const SAME_DAY_MS = 12 * 3_600_000;

/** The place of the composer. */
export class RightNotice {
  readonly #main = byId("main", HTMLElement);
  readonly #box = byId("box", HTMLElement);
  readonly #notice = byId("notice", HTMLElement);
  readonly #text = create("span");
  readonly #again: HTMLButtonElement;

  /** @param enter is called when the user wants to enter the room again. */
  constructor(enter: () => void) {
    this.#again = button("plain", enter, strings.enterAgain);
    this.#notice.append(this.#text, this.#again);
    this.#notice.tabIndex = -1;
  }

  /** Shows the composer, or what the user's standing in the room is in its place. */
  show(room: string, standing: Standing | undefined): void {
    this.#main.classList.toggle("read-only", standing !== undefined);
    setHidden(this.#box, standing !== undefined);
    setHidden(this.#notice, standing === undefined);
    setHidden(this.#again, standing?.right !== "none");
    const sentence = standing === undefined ? "" : sentenceOf(room, standing);
    if (sentence === this.#text.textContent) return;
    this.#text.textContent = sentence;
    if (sentence) announce(sentence);
  }
}

function sentenceOf(room: string, { right, wasTaken, until, reason }: Standing): string {
  const time = until === undefined
    ? undefined
    : until - Date.now() < SAME_DAY_MS
    ? clockTime(until)
    : fullTime(until);
  const sentence = right === "none"
    ? wasTaken ? strings.removed(isolated(room), time) : strings.forbidden(isolated(room))
    : wasTaken
    ? strings.muted(time)
    : strings.readOnly;
  return reason ? `${sentence} ${reason}` : sentence;
}
