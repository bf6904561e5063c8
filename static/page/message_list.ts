/**
 * The messages of one room, as they are scrolled through. It owns their order on the screen, the
 * reader's place among them, and what the reader has not seen yet; it knows nothing of connections.
 *
 * What arrives in one turn of the event loop is put on the screen at once, with one look at the
 * layout: a thousand missed messages cost as much as a screenful. Groups out of sight are not laid
 * out (`content-visibility` in style.css), and the oldest are let go while nobody reads them.
 *
 * @module
 */
import type { ChatEvent, Message, User } from "../../server/protocol/messages.ts";
import { h } from "./dom.ts";
import {
  isoDay,
  markFailed,
  newGroup,
  newSeparator,
  renewDays,
  sendingLine,
  Writer,
} from "./message_line.ts";
import { strings } from "./strings.ts";

/** Lines kept while the reader is at the newest, and at most. */
const KEPT = 2_000;
const KEPT_READING = 12_000;
/** How near the newest message is "there", in pixels. */
const NEAR = 40;
/** A page of older messages, in messages; and how far from the top it is asked for, in pixels. */
const PAGE = 100;
const AHEAD = 900;
/** How long the newest messages are waited for before they are asked for, in milliseconds. */
const LOADING_MS = 1_500;

/** What the list asks of the application. */
export interface MessageListOptions {
  readonly room: string;
  /** Who reads: own messages look different, and are never new. */
  readonly me: () => User | undefined;
  readonly older: (before: number, limit: number) => Promise<readonly Message[]>;
  /** The newest `seq` read on an earlier visit. */
  readonly readSeq: number | undefined;
  /** Something changed that is shown elsewhere: unread, or whether the newest is in sight. */
  readonly changed: () => void;
}

interface Sending {
  readonly payload: string;
  readonly element: HTMLElement;
}

export class MessageList {
  readonly element: HTMLElement;
  /** Messages of others that were not in sight yet. */
  unread = 0;
  /** Whether the newest message is in sight, and stays so. */
  pinned = true;

  readonly #options: MessageListOptions;
  readonly #top = h("div", { class: "top" });
  readonly #flow = h("div", { class: "flow" });
  readonly #unsent = h("div", { class: "group own unsent" });
  readonly #sending = new Map<string, Sending>();
  #arrived: ChatEvent[] = [];
  #first: number | undefined;
  #last = 0;
  #head = 0;
  #read: number | undefined;
  #marker: HTMLElement | undefined;
  #active = false;
  #busy = false;
  /** The last page could not be loaded: scrolling does not ask again, the reader does. */
  #failed = false;
  #loading: ReturnType<typeof setTimeout> | undefined;
  #lines = 0;
  #scrolled = 0;
  #writer = new Writer(this.#flow);

  constructor(options: MessageListOptions) {
    this.#options = options;
    this.#read = options.readSeq;
    // Not live by itself: history and one's own words are not announced, see announcer.ts.
    this.element = h(
      "div",
      {
        class: "list",
        role: "log",
        "aria-live": "off",
        "aria-label": strings.messagesIn(options.room),
        tabindex: "0",
      },
      h("div", { class: "column" }, this.#top, this.#flow, this.#unsent),
    );
    this.element.hidden = true;
    this.#say("loading");
    this.element.addEventListener("scroll", () => this.#scroll(), { passive: true });
    const resized = new ResizeObserver(() => this.#settle());
    resized.observe(this.element);
    for (const child of this.element.children) resized.observe(child);
  }

  /** The newest `seq` that was in sight; undefined before the room was ever entered. */
  get readSeq(): number | undefined {
    return this.#read;
  }

  /** The room was entered: with `fresh`, what is shown is out of date and goes. */
  joined(head: number, fresh: boolean): void {
    this.#head = head;
    this.#failed = false;
    this.#read ??= head;
    if (!fresh) return;
    this.#flow.replaceChildren();
    this.#arrived = [];
    this.#writer = new Writer(this.#flow);
    this.#marker = this.#first = undefined;
    this.#last = this.#lines = this.unread = 0;
    this.#read = Math.min(this.#read, head);
    this.pinned = true;
    this.#say(head ? "loading" : "empty");
    clearTimeout(this.#loading);
    if (head) this.#loading = setTimeout(() => this.#askForNewest(), LOADING_MS);
  }

  /** A stored message. @returns whether it is live, not replayed. */
  add(message: ChatEvent): boolean {
    if (!this.#arrived.length) queueMicrotask(() => this.#show());
    this.#arrived.push(message);
    return message.seq > this.#head;
  }

  /** A line about people, which is not part of the log. */
  notice(sentence: string, key: string): void {
    const before = this.#flow.lastElementChild;
    // Somebody who comes and goes is told of once.
    if (before instanceof HTMLElement && before.dataset.about === key) before.remove();
    this.#writer.interrupt(h("p", { class: "notice", "data-about": key }, sentence));
    this.#settle();
  }

  /** A message of one's own, until it is stored or given up. */
  sending(ref: string, payload: string): void {
    this.#sending.get(ref)?.element.remove();
    const element = sendingLine(payload);
    this.#sending.set(ref, { payload, element });
    this.#unsent.append(element);
    this.#marker?.remove();
    this.#marker = undefined;
    this.toLatest();
    this.#refreshUnsent();
  }

  /** It was stored: its own line takes its place when it comes. */
  sent(ref: string): void {
    this.#sending.get(ref)?.element.remove();
    this.#sending.delete(ref);
    this.#refreshUnsent();
  }

  /** It was not stored, and why. */
  failed(ref: string, why: string, retry: (payload: string) => void): void {
    const sending = this.#sending.get(ref);
    if (!sending) return;
    const discard = () => this.sent(ref);
    markFailed(sending.element, why, { retry: () => retry(sending.payload), discard });
    this.#settle();
  }

  /** Whether the reader looks at this list, which is when what is in it counts as read. */
  set active(active: boolean) {
    const shown = this.element.hidden && active;
    this.element.hidden = !active;
    this.#active = active && document.visibilityState === "visible";
    if (shown) {
      if (!this.pinned) this.element.scrollTop = this.#scrolled;
      renewDays(this.#flow);
    }
    this.#settle();
    this.#attend();
    this.#fill();
  }

  /** Goes to the newest message and stays with it. */
  toLatest(): void {
    this.pinned = true;
    this.#settle();
    this.#attend();
  }

  // --- putting messages on the screen ---------------------------------------------------------

  #show(): void {
    const arrived = this.#arrived.filter(({ seq }) => seq > this.#last);
    this.#arrived = [];
    const me = this.#options.me()?.id;
    for (const message of arrived) {
      const own = message.from.id === me;
      this.#last = message.seq;
      this.#first ??= message.seq;
      if (message.ref !== undefined && own) this.sent(message.ref);
      if (message.seq > (this.#read ?? 0) && !own) this.#countUnread(message.seq);
      this.#writer.write(message, own);
    }
    this.#lines += arrived.length;
    if (this.#lines > (this.pinned ? KEPT * 1.5 : KEPT_READING)) this.#letGo();
    this.#sayTop();
    this.#refreshUnsent();
    this.#settle();
    this.#attend();
    this.#fill();
  }

  #countUnread(seq: number): void {
    const looking = this.#active && this.pinned;
    if (!looking) this.unread++;
    // Everything missed while away is new, though the reader is looking when it arrives.
    if (looking && seq > this.#head) return;
    if (this.#marker && (looking || this.unread > 1)) return;
    this.#marker?.remove();
    this.#marker = newSeparator();
    this.#writer.interrupt(this.#marker);
  }

  /** Lets the oldest go; they can be read again by scrolling up. */
  #letGo(): void {
    const kept = this.pinned ? KEPT : KEPT_READING - KEPT;
    const anchor = this.#anchor(this.#flow.lastElementChild);
    while (this.#lines > kept && this.#flow.firstElementChild) {
      this.#lines -= this.#flow.firstElementChild.querySelectorAll(".line").length;
      this.#flow.firstElementChild.remove();
    }
    const first = this.#flow.querySelector<HTMLElement>(".line");
    this.#first = first ? Number(first.dataset.seq) : undefined;
    anchor();
  }

  /** One's own unsent lines continue the group above them if that is one's own too. */
  #refreshUnsent(): void {
    const me = this.#options.me();
    this.#unsent.hidden = this.#sending.size === 0;
    this.#unsent.querySelector(".face")?.remove();
    this.#unsent.querySelector(".head")?.remove();
    const continues = me !== undefined && this.#writer.from?.id === me.id;
    this.#unsent.classList.toggle("continues", continues);
    if (me && !continues && this.#sending.size) {
      this.#unsent.prepend(...newGroup(me, undefined, true).childNodes);
    }
    if (this.#sending.size) this.#sayTop();
  }

  // --- older messages -------------------------------------------------------------------------

  /** A server may be set to show nothing to those who join: the history is there all the same. */
  #askForNewest(): void {
    if (this.#first !== undefined) return;
    this.#first = this.#head + 1;
    this.#older();
  }

  async #older(): Promise<void> {
    const before = this.#first;
    if (this.#busy || before === undefined || before <= 1) return;
    this.#busy = true;
    this.#say("older");
    try {
      const page = await this.#options.older(before, PAGE);
      if (this.#first !== before) return; // begun afresh meanwhile
      this.#prepend(page);
      this.#first = page[0]?.seq ?? 1;
      this.#sayTop();
    } catch {
      this.#failed = true;
      this.#say("olderFailed");
      return;
    } finally {
      this.#busy = false;
    }
    this.#scroll();
  }

  #prepend(page: readonly Message[]): void {
    const me = this.#options.me()?.id;
    const above = h("div");
    const writer = new Writer(above);
    for (const message of page) {
      if (message.type === "chat") writer.write(message, message.from.id === me);
    }
    this.#lines += page.length;
    const anchor = this.#anchor(this.#flow.firstElementChild);
    const next = this.#flow.querySelector<HTMLElement>(":scope > .day");
    if (next && isoDay(Number(next.dataset.at)) === writer.day) next.remove();
    this.#flow.prepend(...above.childNodes);
    anchor();
  }

  // --- the reader's place ---------------------------------------------------------------------

  /** Remembers where an element is on the screen; calling the answer puts it there again. */
  #anchor(element: Element | null): () => void {
    const visible = [...this.#flow.children].find((child) =>
      child.classList.contains("group") &&
      child.getBoundingClientRect().bottom > this.element.getBoundingClientRect().top
    ) ?? element;
    const before = visible?.getBoundingClientRect().top ?? 0;
    return () => {
      if (this.pinned || !visible?.isConnected) return;
      this.element.scrollTop += visible.getBoundingClientRect().top - before;
      this.#scrolled = this.element.scrollTop;
    };
  }

  #scroll(): void {
    if (this.element.hidden) return;
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const there = scrollHeight - scrollTop - clientHeight < NEAR;
    // Only a reader who goes up lets go of the newest: growth below does not.
    if (there || scrollTop < this.#scrolled - 2) this.#pin(there);
    this.#scrolled = scrollTop;
    if (scrollTop < AHEAD && !this.#failed) this.#older();
  }

  /** What does not fill the screen cannot be scrolled, so it does not wait for that. */
  #fill(): void {
    if (this.#active && this.element.scrollTop < 1 && !this.#failed) this.#older();
  }

  #pin(pinned: boolean): void {
    if (pinned === this.pinned) return;
    this.pinned = pinned;
    this.#attend();
    this.#options.changed();
  }

  /** After any change of size: whoever was at the newest message still is. */
  #settle(): void {
    if (this.element.hidden || !this.pinned) return;
    this.element.scrollTop = this.element.scrollHeight;
    this.#scrolled = this.element.scrollTop;
  }

  #attend(): void {
    if (this.#active && this.pinned) {
      this.unread = 0;
      if (this.#last) this.#read = Math.max(this.#read ?? 0, this.#last);
    }
    this.#options.changed();
  }

  #sayTop(): void {
    if (this.#first === undefined) {
      if (this.#sending.size) this.#top.replaceChildren();
    } else if (this.#first <= 1) this.#say("beginning");
    else if (!this.#busy) this.#top.replaceChildren();
  }

  /** What stands above the messages, or in their place. */
  #say(what: "loading" | "empty" | "beginning" | "older" | "olderFailed"): void {
    this.#top.className = `top ${what}`;
    this.element.setAttribute("aria-busy", String(what === "loading"));
    if (what === "loading") {
      const bones = Array.from({ length: 4 }, () => h("span", { class: "bone" }));
      this.#top.replaceChildren(h("span", { class: "heard-only" }, strings.loading), ...bones);
    } else if (what === "empty") {
      this.#top.replaceChildren(
        h("p", { class: "large" }, strings.empty),
        h("p", {}, strings.emptyHint),
      );
    } else if (what === "beginning") {
      this.#top.replaceChildren(h("p", {}, strings.beginning(this.#options.room)));
    } else if (what === "older") this.#top.replaceChildren(h("p", {}, strings.older));
    else {
      const again = h("button", { type: "button", class: "plain" }, strings.tryAgain);
      again.addEventListener("click", () => this.#older());
      this.#top.replaceChildren(h("p", {}, strings.olderFailed, " ", again));
    }
  }
}
