/**
 * `keepFocus` finds another place for the focus when what had it is hidden, disabled or removed. Without it
 * the keyboard is lost: what is typed goes nowhere, and Tab begins at the top of the page again.
 *
 * @module
 */

/// <reference lib="dom" />

/** Where the focus goes, the first of them that can have it: into the open panel, or to where one writes. */
const PLACES = [".panel.open [data-close]", "#say", "#notice"];

/** Keeps the focus from now on. Whoever moves it elsewhere in the same turn comes first. */
export function keepFocus(): void {
  addEventListener("focusout", ({ target, relatedTarget }) => {
    if (relatedTarget !== null || !(target instanceof HTMLElement)) return;
    const wasWriting = target.closest(".composer") !== null;
    setTimeout(() => {
      const { activeElement, body } = document;
      const canHaveIt = target.isConnected &&
        target.checkVisibility({ visibilityProperty: true }) &&
        !target.matches(":disabled");
      if (activeElement !== body || canHaveIt) return;
      // With the focus in a text field a phone's keyboard comes up, which only a writer expects.
      if (!wasWriting && matchMedia("(hover: none)").matches) return;
      for (const place of PLACES) {
        document.querySelector<HTMLElement>(place)?.focus();
        if (document.activeElement !== body) return;
      }
    });
  });
}
