/**
 * Opens and closes the two side panels on screens that are too narrow to show them always. A panel lies
 * over the room; Escape, a choice in it, or a touch beside it closes it. What lies behind is inert.
 *
 * @module
 */

/// <reference lib="dom" />

import { byId } from "./dom.ts";
import { isShortcut } from "./shortcuts.ts";

const PANELS = [["open-rail", "rail"], ["open-people", "people-panel"]] as const;

/** Whether the panel with the rooms can be seen now. */
export function isRailShown(): boolean {
  return matchMedia("(min-width: 720px)").matches ||
    byId("rail", HTMLElement).classList.contains("open");
}

/** The panels. */
export interface Panels {
  /** Opens a panel, if it is not always shown. */
  open(id: "rail" | "people-panel"): void;
  /** Closes the open panel. */
  close(): void;
}

/** Makes the buttons work. */
export function startPanels(): Panels {
  const main = byId("main", HTMLElement);
  const rail = byId("rail", HTMLElement);
  const scrim = byId("scrim", HTMLElement);
  let opener: HTMLElement | undefined;

  function close(): void {
    if (!opener) return;
    const button = opener;
    opener = undefined;
    for (const behind of [main, rail]) behind.inert = false;
    scrim.hidden = true;
    for (const [buttonId, panelId] of PANELS) {
      byId(buttonId, HTMLElement).setAttribute("aria-expanded", "false");
      byId(panelId, HTMLElement).classList.remove("open");
    }
    button.focus();
  }

  for (const [buttonId, panelId] of PANELS) {
    const button = byId(buttonId, HTMLElement);
    const panel = byId(panelId, HTMLElement);
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-controls", panelId);
    button.addEventListener("click", () => {
      close();
      opener = button;
      for (const behind of [main, rail]) behind.inert = behind !== panel;
      scrim.hidden = false;
      button.setAttribute("aria-expanded", "true");
      panel.classList.add("open");
      panel.querySelector<HTMLElement>("[data-close]")?.focus();
    });
    panel.querySelector("[data-close]")?.addEventListener("click", close);
  }
  scrim.addEventListener("click", close);
  addEventListener("keydown", (event) => {
    if (isShortcut(event, "close")) close();
  });
  // The screen became wide or narrow: a panel that is always shown must not stay open.
  matchMedia("(min-width: 1080px)").addEventListener("change", close);
  matchMedia("(min-width: 720px)").addEventListener("change", close);
  return {
    close,
    open(id) {
      const button = byId(id === "rail" ? "open-rail" : "open-people", HTMLElement);
      if (button.checkVisibility()) button.click();
    },
  };
}
