/**
 * `MessageWriter` writes messages one under the other. It separates the days, and puts together what
 * one user sent within a few minutes. All that it writes is in blocks of some 12 lines, which the browser
 * lays out or skips as a whole: with thousands of parts, looking which are in sight would itself take
 * longer than a frame.
 *
 * @module
 */
import type { ChatEvent, Message, User } from "../client/mod.ts";
import { avatar, create, tint } from "./dom.ts";
import type { Lines } from "./lines.ts";
import { timeOf } from "./message_line.ts";
import { type Notice, NoticeRun } from "./notice_run.ts";
import type { ReadMark } from "./read_mark.ts";
import { dayName } from "./strings.ts";

/** The longest pause within a group, in milliseconds. */
const MAX_PAUSE_MS = 5 * 60_000;
/** How many lines a group may have. */
const MAX_GROUP_LINES = 25;
/** A block of so many lines is full. The last block is drawn again with each message, so it stays small. */
const FULL_BLOCK_LINES = 12;

/** Writes messages into an element. */
export class MessageWriter {
  readonly #container: HTMLElement;
  readonly #lines: Lines;
  #day = "";
  #last: ChatEvent | undefined;
  #block: HTMLElement | undefined;
  #blockLines = 0;
  #group: HTMLElement | undefined;
  #notices = new NoticeRun();

  constructor(container: HTMLElement, lines: Lines) {
    this.#container = container;
    this.#lines = lines;
  }

  /** The user whose next line would continue the last group. */
  get author(): User | undefined {
    return this.#group && this.#last?.from;
  }

  /** The day of the last message, as {@linkcode isoDay} writes it. */
  get day(): string {
    return this.#day;
  }

  write(message: ChatEvent, isOwn: boolean): void {
    const { from, at } = message;
    if (isoDay(at) !== this.#day) {
      if (this.#day) renewDays(this.#container);
      this.#day = isoDay(at);
      this.interrupt(daySeparator(at));
    }
    if (!this.#group || !this.#continuesGroup(message)) {
      const isAfterGroup = this.#group !== undefined;
      this.#group = create("div", { class: isOwn ? "group own" : "group" }, ...groupHead(from, at));
      // What stands between groups stays with the group below it.
      if (isAfterGroup && this.#blockLines >= FULL_BLOCK_LINES) this.#block = undefined;
      this.#append(this.#group);
      if (isOwn) {
        this.forgetNewest();
        this.#group.classList.add("newest");
      }
    }
    this.#last = message;
    this.#group.append(this.#lines.make(message, isOwn));
    this.#blockLines++;
  }

  /**
   * Writes a page of history.
   *
   * @param next the `seq` of the message below it.
   */
  writePage(
    page: readonly Message[],
    mark: ReadMark,
    userId: string | undefined,
    next: number,
  ): void {
    let last = page[0] ? page[0].seq - 1 : 0;
    for (const message of page) {
      this.interrupt(mark.lineBetween(last, message.seq));
      last = message.seq;
      if (message.type === "chat") this.write(message, message.from.id === userId);
    }
    this.interrupt(mark.lineBetween(last, next));
  }

  /** Adds what happened to a user to what happened since the last message. */
  note(notice: Notice): void {
    if (this.#block?.lastElementChild !== this.#notices.element) {
      this.#notices = new NoticeRun();
      this.interrupt(this.#notices.element);
    }
    this.#notices.add(notice);
  }

  /** Puts something other than a message into the container, if it is there. A new group begins then. */
  interrupt(element: HTMLElement | undefined): void {
    if (element === undefined) return;
    this.#append(element);
    this.#group = undefined;
  }

  /** Notes that the user's own newest group, where it is shown that a message was sent, is another one. */
  forgetNewest(): void {
    this.#container.querySelector(".newest")?.classList.remove("newest");
  }

  #append(element: HTMLElement): void {
    if (this.#block?.parentElement !== this.#container) {
      this.#block = create("div", { class: "block late" });
      this.#blockLines = 0;
      this.#container.append(this.#block);
    }
    this.#block.append(element);
  }

  #continuesGroup({ from, at }: ChatEvent): boolean {
    const last = this.#last;
    return last?.from.id === from.id && last.from.name === from.name &&
      at - last.at < MAX_PAUSE_MS && (this.#group?.childElementCount ?? 0) < MAX_GROUP_LINES;
  }
}

/** Creates what stands at the beginning of a group: the user's picture and name, and the time. */
export function groupHead(from: User, at?: number): HTMLElement[] {
  const name = create("b", {}, create("bdi", {}, from.name));
  tint(name, from.id);
  const head = create("div", { class: "head" }, name);
  if (at !== undefined) head.append(timeOf(at));
  return [avatar(from), head];
}

/** Writes the labels of all days again: a day that was "today" yesterday needs another one. */
export function renewDays(container: HTMLElement): void {
  for (const separator of container.querySelectorAll<HTMLElement>(".day")) {
    const label = separator.querySelector("time");
    if (label) label.textContent = dayName(Number(separator.dataset.at));
  }
}

/** Returns a day of the user's own calendar, as 2026-06-03. */
export function isoDay(at: number): string {
  const date = new Date(at);
  const twoDigits = (part: number) => String(part).padStart(2, "0");
  return [date.getFullYear(), twoDigits(date.getMonth() + 1), twoDigits(date.getDate())].join("-");
}

function daySeparator(at: number): HTMLElement {
  const label = create("time", { datetime: isoDay(at) }, dayName(at));
  return create("div", { class: "day", "data-at": String(at) }, label);
}
