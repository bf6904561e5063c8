/**
 * `ScrollPosition` keeps the user's place in a list that grows at both ends: at the latest message, or
 * at the messages that are being read.
 *
 * @module
 */

/// <reference lib="dom" />

/** How near to the end counts as the end, in pixels. */
const NEAR_PX = 40;

/** The place in one list. */
export class ScrollPosition {
  /** Whether the list follows its end. */
  isAtEnd = true;
  readonly #list: HTMLElement;
  readonly #messages: HTMLElement;
  #scrollTop = 0;
  /** What `isAtEnd` was when the list was last scrolled. */
  #wasAtEnd = true;

  /**
   * @param list the element that scrolls.
   * @param messages the element in it that holds the groups.
   */
  constructor(list: HTMLElement, messages: HTMLElement) {
    this.#list = list;
    this.#messages = messages;
  }

  /**
   * Notes that the list was scrolled.
   *
   * @returns whether `isAtEnd` has changed since the last time, also by what was called meanwhile.
   */
  update(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    // Only scrolling up leaves the end: messages that arrive below do not.
    if (isNear || scrollTop < this.#scrollTop - 2) this.isAtEnd = isNear;
    this.#scrollTop = scrollTop;
    const wasAtEnd = this.#wasAtEnd;
    this.#wasAtEnd = this.isAtEnd;
    return this.isAtEnd !== wasAtEnd;
  }

  /** Scrolls to the end after any change of size, if the list follows it. */
  follow(): void {
    if (this.#list.hidden || !this.isAtEnd) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    // To scroll to where it is already would have the browser look at all again.
    if (scrollHeight - clientHeight - scrollTop >= 1) this.#scrollTo(scrollHeight);
    // A list that was shortened was scrolled by the browser, and not by the user.
    else this.#scrollTop = scrollTop;
  }

  /** Scrolls to an element of the list, unless it is in sight at the end of the list. */
  show(element: HTMLElement): void {
    const { top } = this.#list.getBoundingClientRect();
    if (element.getBoundingClientRect().top >= top) return;
    element.scrollIntoView({ block: "start" });
    this.#scrollTop = this.#list.scrollTop;
    this.isAtEnd = false;
  }

  /** Scrolls to an element of the list, into the middle. */
  center(element: HTMLElement): void {
    element.scrollIntoView({ block: "center" });
    this.#scrollTop = this.#list.scrollTop;
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  /** Scrolls back to the same place when the list is shown again. */
  restore(): void {
    if (!this.isAtEnd) this.#list.scrollTop = this.#scrollTop;
  }

  /**
   * Changes the messages, and keeps those in sight where they are on the screen.
   *
   * @param edge the end of the list that stays where it is if no message is in sight.
   */
  keepDuring(change: () => void, edge: "first" | "last"): void {
    if (this.isAtEnd) return change();
    const { top } = this.#list.getBoundingClientRect();
    const isInSight = (element: Element) => element.getBoundingClientRect().bottom > top;
    const block = [...this.#messages.children].find(isInSight) ??
      this.#messages[`${edge}ElementChild`];
    const anchor = [...block?.querySelectorAll(".group") ?? []].find(isInSight) ?? block;
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (!anchor?.isConnected) return;
    this.#scrollTo(this.#list.scrollTop + anchor.getBoundingClientRect().top - before);
  }

  #scrollTo(scrollTop: number): void {
    this.#list.scrollTop = scrollTop;
    this.#scrollTop = this.#list.scrollTop; // as the browser rounds and bounds it
  }
}
