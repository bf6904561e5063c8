/**
 * Shows a sentence for a while, or until it is closed. Screen readers read it out.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, byId, create, icon } from "./dom.ts";
import { strings } from "./strings.ts";

/** How long a sentence stays, in milliseconds: long enough to be read twice. */
const SHOWN_MS = 6_000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a sentence in place of the one before. */
export function toast(sentence: string): void {
  const element = byId("toast", HTMLElement);
  const close = () => {
    clearTimeout(timer);
    element.hidden = true;
    element.replaceChildren();
  };
  clearTimeout(timer);
  const cross = button("quiet", close, icon("cross"));
  cross.setAttribute("aria-label", strings.closePanel);
  element.replaceChildren(create("span", {}, sentence), cross);
  element.hidden = false;
  timer = setTimeout(close, SHOWN_MS);
}
