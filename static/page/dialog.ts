/**
 * Makes the dialogs of the page: modal, closed with Escape or a click beside them. The browser gives the
 * focus back to where it was.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, byId, create, icon } from "./dom.ts";

/** Creates a dialog that is not open, and puts it on the page. */
export function createDialog(
  className: string,
  labels: Readonly<Record<string, string>>,
  ...children: readonly (Node | string)[]
): HTMLDialogElement {
  const dialog = create("dialog", { class: `dialog ${className}`, ...labels }, ...children);
  dialog.addEventListener("pointerdown", ({ clientX, clientY }) => {
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    const isInside = clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
    if (!isInside) dialog.close();
  });
  // A panel behind it, which Escape closes too, stays open.
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.stopPropagation();
  });
  document.body.append(dialog);
  return dialog;
}

/** Puts a button on the page that opens a dialog. */
export function addOpener(id: string, symbol: string, label: string, open: () => void): void {
  const opener = button("quiet", open, icon(symbol));
  opener.id = id;
  opener.title = label;
  opener.setAttribute("aria-label", label);
  opener.setAttribute("aria-haspopup", "dialog");
  byId(`${id}-place`, HTMLElement).append(opener);
}

/** Whether a dialog lies over the page. */
export function isDialogOpen(): boolean {
  return document.querySelector("dialog[open]") !== null;
}
