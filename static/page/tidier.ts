/**
 * `Tidier` keeps a list of messages short: it removes the oldest, which scrolling up loads again, and lets
 * the browser pass over what is out of sight. It waits until the browser has nothing else to do, because
 * either has the list laid out once more.
 *
 * @module
 */
import { onceIdle } from "./dom.ts";
import type { ReadMark } from "./read_mark.ts";
import type { ScrollPosition } from "./scroll_position.ts";

/** How many lines are kept while the user is at the latest message. */
export const KEPT_LINES = 500;
/** How many lines are kept while the user reads older ones. */
const MAX_LINES = 12_000;
/** How many lines are removed at once, and of very many a half: the browser may be idle but once a second. */
const REMOVED_LINES = 50;
/** How many blocks at the end are always laid out. */
const LATE_BLOCKS = 2;
/** About how high the head of a group and a line are, in rem. */
const HEAD_REM = 2.25;
const LINE_REM = 1.625;

/** Tidies one list. */
export class Tidier {
  /** Tidies the list soon. Call it when something was written there. */
  readonly tidySoon = onceIdle(() => this.#tidy());
  readonly #messages: HTMLElement;
  readonly #position: ScrollPosition;
  readonly #mark: ReadMark;
  readonly #tidied: (first?: number) => void;

  /**
   * @param messages the element that holds the blocks.
   * @param tidied is called with the `seq` of the first line that is left.
   */
  constructor(
    messages: HTMLElement,
    position: ScrollPosition,
    mark: ReadMark,
    tidied: (first?: number) => void,
  ) {
    this.#messages = messages;
    this.#position = position;
    this.#mark = mark;
    this.#tidied = tidied;
  }

  /** Returns whether there is more to do. */
  #tidy(): boolean {
    const messages = this.#messages;
    markLate(messages);
    const isAtLatest = this.#position.isAtEnd && !this.#mark.isSought;
    const surplus = messages.querySelectorAll(".line").length -
      (isAtLatest ? KEPT_LINES : MAX_LINES);
    if (surplus <= 0) return false;
    const count = Math.min(surplus, Math.max(REMOVED_LINES, surplus / 2));
    this.#position.keepDuring(() => removeOldest(messages, count), "last");
    const first = messages.querySelector<HTMLElement>(".line");
    this.#mark.trimmed();
    this.#tidied(first ? Number(first.dataset.seq) : undefined);
    return surplus > count;
  }
}

/** Marks the latest blocks, and no others. A block is late when it is made. */
export function markLate(messages: HTMLElement): void {
  const late = new Set<Element>();
  for (let block = messages.lastElementChild; block && late.size < LATE_BLOCKS;) {
    late.add(block);
    block = block.previousElementSibling;
  }
  for (const block of messages.querySelectorAll<HTMLElement>(".late")) {
    if (late.delete(block)) continue;
    block.classList.remove("late");
    const rem = block.querySelectorAll(".head").length * HEAD_REM +
      block.querySelectorAll(".line").length * LINE_REM;
    // So high it counts as before it was ever in sight.
    block.style.setProperty("contain-intrinsic-block-size", `auto ${rem}rem`);
  }
  for (const block of late) block.classList.add("late");
}

/** Removes the oldest blocks until at least so many lines are gone. */
function removeOldest(messages: HTMLElement, lines: number): void {
  let removed = 0;
  while (removed < lines && messages.firstElementChild) {
    removed += messages.firstElementChild.querySelectorAll(".line").length;
    messages.firstElementChild.remove();
  }
}
