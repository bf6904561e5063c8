/**
 * `ShortcutSheet` is a dialog that lists the shortcuts of the page.
 *
 * @module
 */

/// <reference lib="dom" />

import { createDialog } from "./dialog.ts";
import { button, create, icon } from "./dom.ts";
import { capsOf, type Shortcut, type ShortcutPlace, SHORTCUTS } from "./shortcuts.ts";
import { strings } from "./strings.ts";

const PLACES: readonly (readonly [place: ShortcutPlace, heading: string])[] = [
  ["anywhere", strings.anywhere],
  ["writing", strings.whileWriting],
  ["messages", strings.inMessages],
];

/** Creates the sheet, and returns a function that opens it. */
export function createShortcutSheet(): () => void {
  const close = button("quiet", () => dialog.close(), icon("cross"));
  close.setAttribute("aria-label", strings.closePanel);
  const title = create("h2", { id: "shortcuts-title" }, strings.shortcuts);
  const dialog = createDialog(
    "sheet-of-shortcuts",
    { "aria-labelledby": title.id },
    create("div", { class: "heading" }, title, close),
    create(
      "div",
      { class: "columns", tabindex: "0", role: "group", "aria-labelledby": title.id },
      ...PLACES.map(section),
    ),
  );
  return () => dialog.showModal();
}

function section([place, heading]: readonly [ShortcutPlace, string]): HTMLElement {
  const rows = Object.values<Shortcut>(SHORTCUTS).filter((shortcut) => shortcut.place === place);
  return create(
    "section",
    {},
    create("h3", { class: "label" }, heading),
    create(
      "dl",
      {},
      ...rows.map(({ keys, says }) =>
        create("div", {}, create("dt", {}, says), create("dd", {}, ...keyCaps(keys)))
      ),
    ),
  );
}

/** Creates the pictures of the keys. */
function keyCaps(keys: readonly string[]): readonly (Node | string)[] {
  return keys.flatMap((one, i) => [
    ...(i ? [` ${strings.or} `] : []),
    ...capsOf(one).flatMap((cap) => [create("kbd", {}, cap), " "]),
  ]);
}
