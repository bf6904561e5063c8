/**
 * The lines of the list of messages: stored messages, and the user's own on their way.
 *
 * @module
 */
import type { ChatEvent } from "../client/mod.ts";
import { button, create, icon, spokenOnly } from "./dom.ts";
import { richText } from "./rich_text.ts";
import { clockTime, fullTime, strings } from "./strings.ts";

/** From how many lines or characters on a message is folded. */
const LONG_LINES = 30;
const LONG_CHARACTERS = 4_000;

/** Creates the line of a stored message. */
export function storedLine(message: ChatEvent, isOwn: boolean): HTMLElement {
  const line = create("div", { class: "line", "data-seq": String(message.seq) });
  line.append(timeOf(message.at, "at"), text(message.payload));
  if (isLong(message.payload)) fold(line);
  if (isOwn) line.append(mark("check", strings.sent));
  return line;
}

/** Creates the line of a message that is being sent. */
export function sendingLine(payload: string): HTMLElement {
  return create("div", { class: "line sending" }, text(payload), mark("clock", strings.sending));
}

/** Marks a line as not sent, and says why. The user can send it again, or discard it. */
export function markFailed(
  line: HTMLElement,
  reason: string,
  retry: () => void,
  discard: () => void,
): void {
  line.className = "line failed";
  line.querySelector(".mark")?.remove();
  line.append(create(
    "div",
    { class: "failure" },
    create("span", {}, icon("alert"), `${strings.notSent} ${reason}`),
    button("plain", retry, strings.retry),
    button("plain", discard, strings.discard),
  ));
}

/** Creates the time of a message, which tells the date when the pointer rests on it. */
export function timeOf(at: number, className = "time"): HTMLElement {
  const datetime = new Date(at).toISOString();
  return create("time", { class: className, datetime, title: fullTime(at) }, clockTime(at));
}

function text(payload: string): HTMLElement {
  return create("div", { class: "text", dir: "auto" }, ...richText(payload));
}

function isLong(payload: string): boolean {
  return payload.length > LONG_CHARACTERS ||
    payload.split("\n", LONG_LINES + 1).length > LONG_LINES;
}

/** Shows only the beginning of a line, with a button that shows the rest. */
function fold(line: HTMLElement): void {
  const toggle = button("plain", () => set(!line.classList.contains("folded")));
  function set(isFolded: boolean): void {
    line.classList.toggle("folded", isFolded);
    toggle.setAttribute("aria-expanded", String(!isFolded));
    toggle.textContent = isFolded ? strings.showAll : strings.showLess;
  }
  // A link in the hidden part can be reached with the keyboard, and is then shown.
  line.querySelector(".text")?.addEventListener("focusin", () => set(false));
  set(true);
  line.append(toggle);
}

function mark(symbol: string, label: string): HTMLElement {
  return create("span", { class: "mark", title: label }, icon(symbol), spokenOnly(label));
}
