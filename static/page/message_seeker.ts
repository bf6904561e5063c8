/**
 * `MessageSeeker` goes to one message of a list, and marks it. Older messages may have to be loaded first.
 *
 * @module
 */
import type { Lines } from "./lines.ts";
import type { OlderMessages } from "./older_messages.ts";
import type { ScrollPosition } from "./scroll_position.ts";
import { strings } from "./strings.ts";
import { toast } from "./toast.ts";

/** Seeks in one list. */
export class MessageSeeker {
  readonly #lines: Lines;
  readonly #older: OlderMessages;
  readonly #position: ScrollPosition;
  #sought: number | undefined;

  constructor(lines: Lines, older: OlderMessages, position: ScrollPosition) {
    this.#lines = lines;
    this.#older = older;
    this.#position = position;
  }

  /** Says which message the list shall go to; `undefined`: to none any more. */
  seek(seq: number | undefined): void {
    this.#sought = seq;
  }

  /**
   * Goes to the message if it is shown, or loads the next page.
   *
   * @param isComplete whether all that was missed is shown. A message that is not there then will not come.
   * @returns whether the list has gone there now.
   */
  step(isComplete: boolean): boolean {
    const seq = this.#sought;
    if (seq === undefined || !this.#older.first) return false;
    const line = this.#lines.find(seq);
    if (!line) {
      if (seq < this.#older.first) this.#older.loadMore();
      else if (isComplete) this.#giveUp();
      return false;
    }
    this.#sought = undefined;
    this.#position.center(line);
    line.classList.remove("found");
    void line.offsetWidth; // so that the animation begins again
    line.classList.add("found");
    line.focus({ preventScroll: true });
    return true;
  }

  #giveUp(): void {
    this.#sought = undefined;
    toast(strings.noSuchMessage);
  }
}
