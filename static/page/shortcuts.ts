/**
 * All shortcuts of the page, in one table: who handles a key asks it, and the sheet of shortcuts shows it.
 *
 * @module
 */

/// <reference lib="dom" />

import { isDialogOpen } from "./dialog.ts";
import { strings } from "./strings.ts";

/** Where a shortcut works. */
export type ShortcutPlace = "anywhere" | "writing" | "messages";

/** One shortcut. */
export interface Shortcut {
  /** The keys, such as `Mod+k`: one is enough. `Mod` is Command on Apple's keyboards, and Control on others. */
  readonly keys: readonly string[];
  readonly place: ShortcutPlace;
  readonly says: string;
}

const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

/** The shortcuts, in the order of the sheet. */
export const SHORTCUTS = {
  palette: { keys: ["Mod+k"], place: "anywhere", says: strings.palette },
  sheet: { keys: ["?"], place: "anywhere", says: strings.shortcuts },
  previousRoom: { keys: ["Alt+ArrowUp"], place: "anywhere", says: strings.previousRoom },
  nextRoom: { keys: ["Alt+ArrowDown"], place: "anywhere", says: strings.nextRoom },
  close: { keys: ["Escape"], place: "anywhere", says: strings.closePanel },
  send: { keys: ["Enter", "Mod+Enter"], place: "writing", says: strings.send },
  newLine: { keys: ["Shift+Enter"], place: "writing", says: strings.newLine },
  editLast: { keys: ["ArrowUp"], place: "writing", says: strings.editLast },
  cancel: { keys: ["Escape"], place: "writing", says: strings.cancel },
  newestMessage: { keys: ["Enter"], place: "messages", says: strings.newestMessage },
  olderMessage: { keys: ["ArrowUp"], place: "messages", says: strings.olderMessage },
  newerMessage: { keys: ["ArrowDown"], place: "messages", says: strings.newerMessage },
  actOnMessage: { keys: ["Enter"], place: "messages", says: strings.actOnMessage },
  backToList: { keys: ["Escape"], place: "messages", says: strings.backToList },
} as const satisfies Readonly<Record<string, Shortcut>>;

/** The name of a shortcut. */
export type ShortcutName = keyof typeof SHORTCUTS;

/** Whether these are the keys of a shortcut. Where it works is for the one who asks to know. */
export function isShortcut(event: KeyboardEvent, name: ShortcutName): boolean {
  const pressed = keysOf(event);
  return SHORTCUTS[name].keys.some((keys) => keys === pressed);
}

/** Calls the actions of shortcuts that work anywhere, until the signal is aborted. */
export function startShortcuts(
  actions: readonly (readonly [name: ShortcutName, action: () => void])[],
  signal: AbortSignal,
): void {
  addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented || isForTyping(event)) return;
    const found = actions.find(([name]) => isShortcut(event, name));
    // Over a dialog only the palette comes and goes.
    if (!found || isDialogOpen() && found[0] !== "palette") return;
    event.preventDefault();
    found[1]();
  }, { signal });
}

/** Whether the key is for the text that the user writes. */
function isForTyping(event: KeyboardEvent): boolean {
  const { target } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (event.key.startsWith("Arrow")) {
    // While the user writes, a Mac moves the cursor by paragraphs with Alt and these keys.
    return target instanceof HTMLTextAreaElement && target.value !== "";
  }
  const isText = target.isContentEditable || target.matches("input, textarea, select");
  return isText && !event.ctrlKey && !event.metaKey;
}

/** Returns the keys that are pressed, as the table has them. */
function keysOf(event: KeyboardEvent): string {
  const { altKey, ctrlKey, metaKey, shiftKey, code } = event;
  // A Chinese keyboard has a wide question mark, and a Greek one no K.
  let key = event.key.normalize("NFKC");
  if (key.length === 1 && key > "~" && code.startsWith("Key")) key = code.slice(3);
  if (key.length === 1) key = key.toLowerCase();
  const isMod = isApple ? metaKey : ctrlKey;
  const isOther = isApple ? ctrlKey : metaKey;
  const parts = [
    ...(isMod ? ["Mod"] : []),
    ...(isOther ? ["Other"] : []),
    ...(altKey ? ["Alt"] : []),
    ...(shiftKey && key.length > 1 ? ["Shift"] : []), // with Shift a letter is another one already
    key,
  ];
  return parts.join("+");
}

/** What is written on the keys, where that is not their name. */
const CAPS: Readonly<Record<string, string>> = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  Mod: isApple ? "⌘" : "Ctrl",
  Alt: isApple ? "⌥" : "Alt",
  Shift: isApple ? "⇧" : "Shift",
};

/** Returns what is written on keys such as `Mod+k`. */
export function capsOf(keys: string): readonly string[] {
  return keys.split("+").map((key) => CAPS[key] ?? (key.length === 1 ? key.toUpperCase() : key));
}
