/**
 * Shows a sentence for a while. Screen readers read it out.
 *
 * @module
 */

/// <reference lib="dom" />

import { byId } from "./dom.ts";

/** How long a sentence stays, in milliseconds: long enough to be read twice. */
const SHOWN_MS = 6_000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a sentence in place of the one before. */
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
