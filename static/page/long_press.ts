/**
 * `onLongPress` tells when a finger rests on something. The browser's own answers to that are suppressed
 * there: the menu, the selection of a word, and the click when the finger goes.
 *
 * @module
 */

/// <reference lib="dom" />

/** How long a press is a long one, in milliseconds. It is shorter than the browser's own. */
const LONG_PRESS_MS = 450;
/** How far a finger that rests may move, in pixels. */
const STILL_PX = 10;

/**
 * Calls `act` with what a finger has rested on.
 *
 * @param find returns the part of the area that was touched, if something can be done to it.
 */
export function onLongPress(
  area: HTMLElement,
  find: (target: EventTarget | null) => HTMLElement | undefined,
  act: (pressed: HTMLElement) => void,
): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** What the finger rests on. */
  let pressed: HTMLElement | undefined;
  let pressedAt: readonly [number, number] = [0, 0];
  /** Whether the finger that is down, or was last, has rested for so long. */
  let wasLong = false;

  function end(): void {
    clearTimeout(timer);
    pressed = undefined;
  }

  function fire(): void {
    const it = pressed;
    end();
    if (!it?.isConnected) return;
    wasLong = true;
    act(it);
  }

  area.addEventListener("pointerdown", (event) => {
    end();
    if (event.pointerType !== "touch" || !event.isPrimary) return;
    pressed = find(event.target);
    pressedAt = [event.clientX, event.clientY];
    if (pressed) timer = setTimeout(fire, LONG_PRESS_MS);
  });
  area.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (Math.hypot(clientX - pressedAt[0], clientY - pressedAt[1]) > STILL_PX) end();
  });
  for (const type of ["pointerup", "pointercancel"]) area.addEventListener(type, end);
  // What comes up may lie under the finger: then these are about that.
  addEventListener("pointerdown", () => wasLong = false, { capture: true });
  addEventListener("contextmenu", (event) => {
    if (pressed) fire(); // the browser is set to a shorter time
    if (wasLong) event.preventDefault();
  });
  area.addEventListener("selectstart", (event) => {
    if (pressed || wasLong) event.preventDefault();
  });
  addEventListener("click", (event) => {
    if (!wasLong) return;
    wasLong = false;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });
}
