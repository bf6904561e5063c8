/**
 * Shows a sentence for a while, or until it is closed. Screen readers read it out.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, byId, create, icon } from "./dom.ts";
import { strings } from "./strings.ts";

/** What can be done about what a toast says. */
export interface ToastAction {
  readonly label: string;
  readonly run: () => void;
}

/** How long a sentence stays, in milliseconds: long enough to be read twice. */
const SHOWN_MS = 6_000;
/** How long it stays if something can be done about it: long enough to reach the button with the keyboard. */
const SHOWN_WITH_ACTION_MS = 10_000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a sentence in place of the one before. It stays while the pointer or the focus is in it. */
export function toast(sentence: string, action?: ToastAction): void {
  const element = byId("toast", HTMLElement);
  const close = () => {
    clearTimeout(timer);
    element.hidden = true;
    element.replaceChildren();
  };
  const closeLater = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (element.matches(":hover, :focus-within")) closeLater();
      else close();
    }, action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
  };
  const cross = button("quiet", close, icon("cross"));
  cross.setAttribute("aria-label", strings.closePanel);
  const act = action && button("plain", () => {
    close();
    action.run();
  }, action.label);
  element.replaceChildren(create("span", {}, sentence), ...(act ? [act] : []), cross);
  element.hidden = false;
  closeLater();
}
