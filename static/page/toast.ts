/** A sentence that is shown for a while, and read out. */

/// <reference lib="dom" />

import { byId } from "./dom.ts";

/** How long a sentence stays: long enough to be read twice. */
const SHOWN_MS = 6_000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function toast(sentence: string): void {
  const element = byId("toast", HTMLElement);
  clearTimeout(timer);
  element.hidden = false;
  element.textContent = sentence;
  timer = setTimeout(() => {
    element.hidden = true;
    element.textContent = "";
  }, SHOWN_MS);
}
