/** The pieces that a room's messages are shown with, each made from what it shows. */
import type { ChatEvent, User } from "../../server/protocol/messages.ts";
import { face, h, icon, tint } from "./dom.ts";
import { richText } from "./rich_text.ts";
import { clockTime, dayName, fullTime, strings } from "./strings.ts";

/** What one person said within a few minutes; lines are appended to it. */
export function newGroup(from: User, at: number | undefined, own: boolean): HTMLElement {
  const name = h("b", {}, h("bdi", {}, from.name));
  tint(name, from.id);
  const head = h("div", { class: "head" }, name);
  if (at !== undefined) head.append(time(at));
  return h("div", { class: own ? "group own" : "group" }, face(from), head);
}

/** One stored message. */
export function line(message: ChatEvent, own: boolean): HTMLElement {
  const element = h("div", { class: "line", "data-seq": String(message.seq) });
  element.append(time(message.at, "at"), text(message.payload));
  if (own) element.append(mark("check", strings.sent));
  return element;
}

/** One message of one's own on its way. */
export function sendingLine(payload: string): HTMLElement {
  return h("div", { class: "line sending" }, text(payload), mark("clock", strings.sending));
}

/** Lines of one person go together if no more than this lies between them, in milliseconds. */
const GROUP_MS = 5 * 60_000;
/** A group is what is laid out or skipped as a whole, so it stays small. */
const GROUP_LINES = 25;

/** Writes messages one under the other: days apart, and what one person says together. */
export class Writer {
  readonly #into: HTMLElement;
  #day = "";
  #from: User | undefined;
  #at = 0;
  #group: HTMLElement | undefined;

  constructor(into: HTMLElement) {
    this.#into = into;
  }

  /** Whose group is open, so that this person's next line would continue it. */
  get from(): User | undefined {
    return this.#group && this.#from;
  }

  /** The day of the last message, as {@linkcode isoDay}. */
  get day(): string {
    return this.#day;
  }

  write(message: ChatEvent, own: boolean): void {
    const { from, at } = message;
    if (isoDay(at) !== this.#day) {
      if (this.#day) renewDays(this.#into);
      this.#day = isoDay(at);
      this.#into.append(daySeparator(at));
      this.#group = undefined;
    }
    const group = this.#follows(message) ? this.#group : undefined;
    this.#group = group ?? newGroup(from, at, own);
    if (!group) this.#into.append(this.#group);
    this.#from = from;
    this.#at = at;
    this.#group.append(line(message, own));
    // How high it is about, for as long as it is out of sight and not laid out.
    this.#group.style.setProperty("--lines", String(this.#group.childElementCount - 2));
  }

  /** Puts something else between the messages. */
  interrupt(element: HTMLElement): void {
    this.#into.append(element);
    this.#group = undefined;
  }

  #follows({ from, at }: ChatEvent): boolean {
    return this.#from?.id === from.id && this.#from.name === from.name &&
      at - this.#at < GROUP_MS && (this.#group?.childElementCount ?? 0) < GROUP_LINES;
  }
}

/** Turns a line into one that was not sent, and offers what can be done. */
export function markFailed(
  element: HTMLElement,
  why: string,
  can: { retry?: () => void; discard: () => void },
): void {
  element.className = "line failed";
  element.querySelector(".mark")?.remove();
  const says = h("span", {}, icon("alert"), `${strings.notSent} ${why}`);
  const discard = h("button", { type: "button", class: "plain" }, strings.discard);
  discard.addEventListener("click", can.discard);
  const row = h("div", { class: "failure" }, says);
  if (can.retry) {
    const retry = h("button", { type: "button", class: "plain" }, strings.retry);
    retry.addEventListener("click", can.retry);
    row.append(retry);
  }
  row.append(discard);
  element.append(row);
}

/** The line between two days. */
export function daySeparator(at: number): HTMLElement {
  const label = h("time", { datetime: isoDay(at) }, dayName(at));
  return h("div", { class: "day", "data-at": String(at) }, label);
}

/** Says "today" only of today: the labels of separators made on another day are made again. */
export function renewDays(within: HTMLElement): void {
  for (const separator of within.querySelectorAll<HTMLElement>(".day")) {
    const label = separator.querySelector("time");
    if (label) label.textContent = dayName(Number(separator.dataset.at));
  }
}

/** The line over what is new. */
export function newSeparator(): HTMLElement {
  return h("div", { class: "new" }, h("span", {}, strings.newMessages));
}

/** A day by the reader's own calendar, as 2026-06-03. */
export function isoDay(at: number): string {
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function text(payload: string): HTMLElement {
  return h("div", { class: "text", dir: "auto" }, ...richText(payload));
}

function time(at: number, name = "time"): HTMLElement {
  const datetime = new Date(at).toISOString();
  return h("time", { class: name, datetime, title: fullTime(at) }, clockTime(at));
}

function mark(symbol: string, label: string): HTMLElement {
  const says = h("span", { class: "heard-only" }, label);
  return h("span", { class: "mark", title: label }, icon(symbol), says);
}
