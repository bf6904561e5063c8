/**
 * `Press` knows what the user presses in an area. A button that is replaced between press and release is
 * not clicked, so whoever would replace it waits until it is released.
 *
 * @module
 */

/// <reference lib="dom" />

/** What ends a press. The click comes after it, if it comes. */
const ENDS = ["pointerup", "pointercancel", "keyup", "dragend", "blur"];
/** How long the click may come after that, in milliseconds. After the touch of a finger it comes a little later. */
const CLICK_MS = 200;

/** What is pressed in one area. */
export class Press {
  readonly #released: () => void;
  #pressed: Node | undefined;
  /** Removes the listeners that wait for the release. */
  #listening = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param released is called after the release. */
  constructor(area: HTMLElement, released: () => void) {
    this.#released = released;
    area.addEventListener("pointerdown", (event) => event.button === 0 && this.#begin(event));
    area.addEventListener("keydown", (event) => {
      if (event.key === " ") this.#begin(event); // the release of Enter does nothing
    });
  }

  /** Whether an element is pressed, or something in it. */
  isIn(element: Element): boolean {
    return this.#pressed !== undefined && element.contains(this.#pressed);
  }

  #begin({ target }: Event): void {
    this.#stopListening();
    this.#pressed = target instanceof Node ? target : undefined;
    const { signal } = this.#listening = new AbortController();
    for (const type of ENDS) addEventListener(type, () => this.#endSoon(), { signal });
    addEventListener("click", () => this.#end(), { capture: true, signal });
  }

  #endSoon(): void {
    this.#timer ??= setTimeout(() => this.#end(), CLICK_MS);
  }

  #end(): void {
    this.#stopListening();
    this.#pressed = undefined;
    this.#released();
  }

  #stopListening(): void {
    this.#listening.abort();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
