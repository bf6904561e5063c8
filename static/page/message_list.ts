/**
 * `MessageList` shows the messages of one room. It owns their order on the screen, and what the user has
 * not seen yet. It knows nothing of connections.
 *
 * All that arrives in one turn is shown together, with one look at the layout: a thousand missed
 * messages cost as much as a screenful. Groups out of sight are not laid out (`content-visibility` in
 * style.css), and the oldest are removed while the user is at the latest.
 *
 * @module
 */
import type { ChatEvent, Message, User } from "../client/mod.ts";
import { create, oncePerTurn } from "./dom.ts";
import { ListStatus } from "./list_status.ts";
import { isoDay, MessageWriter, renewDays } from "./message_writer.ts";
import { OlderMessages } from "./older_messages.ts";
import { ScrollPosition } from "./scroll_position.ts";
import { strings } from "./strings.ts";
import { UnsentLines } from "./unsent_lines.ts";

/** How many lines are kept while the user is at the latest message. */
const KEPT_LINES = 2_000;
/** How many lines are kept while the user reads older ones. */
const MAX_LINES = 12_000;
/** How far from the top older messages are asked for, in pixels. */
const LOAD_AHEAD_PX = 900;
/** What the list needs. */
export interface MessageListOptions {
  readonly room: string;
  /** Returns the user, whose own messages look different, and are never new. */
  readonly user: () => User | undefined;
  readonly readOlder: (before: number, limit: number) => Promise<readonly Message[]>;
  /** The latest `seq` that was read on an earlier visit. */
  readonly readSeq: number | undefined;
  /** Called when `unread`, `readSeq` or `isAtLatest` changed. */
  readonly changed: () => void;
}

/** The messages of one room. */
export class MessageList {
  readonly element: HTMLElement;
  readonly unsent = new UnsentLines(() => this.#showUnsent());
  /** How many messages of others were not in sight yet. */
  unread = 0;
  /** The latest `seq` that was in sight; undefined before the room was ever entered. */
  readSeq: number | undefined;

  readonly #options: MessageListOptions;
  readonly #messages = create("div", { class: "flow" });
  readonly #older: OlderMessages;
  readonly #position: ScrollPosition;
  readonly #showArrived = oncePerTurn(() => this.#show());
  #writer = new MessageWriter(this.#messages);
  #arrived: ChatEvent[] = [];
  /** The `seq` of the latest message shown. */
  #last = 0;
  /** The room's latest `seq` when it was entered. */
  #head = 0;
  #lines = 0;
  /** The line above the first new message. */
  #newSeparator: HTMLElement | undefined;
  /** Whether the user can see this list: what is in it then counts as read. */
  #isActive = false;

  constructor(options: MessageListOptions) {
    this.#options = options;
    this.readSeq = options.readSeq;
    const status = new ListStatus(options.room, () => this.#older.load());
    this.#older = new OlderMessages(status, {
      read: options.readOlder,
      prepend: (page) => this.#prepend(page),
      loaded: () => this.#scrolled(),
    });
    const parts = [status.element, this.#messages, this.unsent.element];
    this.element = create(
      "div",
      {
        class: "list",
        role: "log",
        "aria-live": "off", // announcer.ts reads out what is new, and nothing else
        "aria-label": strings.messagesIn(options.room),
        tabindex: "0",
      },
      create("div", { class: "column" }, ...parts),
    );
    this.element.hidden = true;
    this.#position = new ScrollPosition(this.element, this.#messages);
    status.show("loading");
    this.element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const resizes = new ResizeObserver(() => this.#position.follow());
    resizes.observe(this.element);
    for (const child of this.element.children) resizes.observe(child);
  }

  /** Whether the latest message is in sight, and stays so. */
  get isAtLatest(): boolean {
    return this.#position.isAtEnd;
  }

  /** Notes that the room was entered. If `isFresh`, what is shown is out of date, and is removed. */
  joined(head: number, isFresh: boolean): void {
    this.#head = head;
    this.#older.joined(head, isFresh);
    this.readSeq ??= head;
    if (!isFresh) return;
    this.#messages.replaceChildren();
    this.#arrived = [];
    this.#writer = new MessageWriter(this.#messages);
    this.#newSeparator = undefined;
    this.#last = this.#lines = this.unread = 0;
    this.readSeq = Math.min(this.readSeq, head);
    this.#position.isAtEnd = true;
  }

  /** Adds a stored message, and returns whether it is live, and not replayed. */
  add(message: ChatEvent): boolean {
    this.#arrived.push(message);
    this.#showArrived();
    return message.seq > this.#head;
  }

  /** Adds a line about a user, which is not in the log. It replaces the line just before it. */
  addNotice(sentence: string, userId: string): void {
    const before = this.#messages.lastElementChild;
    if (before instanceof HTMLElement && before.dataset.about === userId) before.remove();
    this.#writer.interrupt(create("p", { class: "notice", "data-about": userId }, sentence));
    this.#position.follow();
  }

  /** Adds a message of the user's own that is being sent. */
  addUnsent(ref: string, payload: string): void {
    this.unsent.add(ref, payload);
    this.#newSeparator?.remove();
    this.#newSeparator = undefined;
    this.toLatest();
  }

  /** Shows the list, or hides it. */
  setActive(isActive: boolean): void {
    const isOpened = this.element.hidden && isActive;
    this.element.hidden = !isActive;
    this.#isActive = isActive && document.visibilityState === "visible";
    if (isOpened) {
      this.#position.restore();
      renewDays(this.#messages);
    }
    this.#refresh();
  }

  /** Goes to the latest message, and stays there. */
  toLatest(): void {
    this.#position.isAtEnd = true;
    this.#position.follow();
    this.#markRead();
  }

  // --- showing messages -----------------------------------------------------------------------

  #show(): void {
    const arrived = this.#arrived.filter(({ seq }) => seq > this.#last);
    this.#arrived = [];
    const userId = this.#options.user()?.id;
    for (const message of arrived) {
      const { seq, from, ref } = message;
      const isOwn = from.id === userId;
      this.#last = seq;
      this.#older.first ??= seq;
      if (ref !== undefined && isOwn) this.unsent.remove(ref);
      if (seq > (this.readSeq ?? 0) && !isOwn) this.#countUnread(seq);
      this.#writer.write(message, isOwn);
    }
    this.#lines += arrived.length;
    if (this.#lines > (this.isAtLatest ? KEPT_LINES * 1.5 : MAX_LINES)) this.#removeOldest();
    this.#older.showStatus(false);
    this.#showUnsent();
    this.#refresh();
  }

  #countUnread(seq: number): void {
    const isInSight = this.#isActive && this.isAtLatest;
    if (!isInSight) this.unread++;
    // What was missed while away is new, although the user sees it arrive.
    if (isInSight && seq > this.#head) return;
    if (this.#newSeparator && (isInSight || this.unread > 1)) return;
    this.#newSeparator?.remove();
    this.#newSeparator = create("div", { class: "new" }, create("span", {}, strings.newMessages));
    this.#writer.interrupt(this.#newSeparator);
  }

  /** Removes the oldest messages. Scrolling up loads them again. */
  #removeOldest(): void {
    const kept = this.isAtLatest ? KEPT_LINES : MAX_LINES - KEPT_LINES;
    this.#position.keepDuring(() => {
      while (this.#lines > kept && this.#messages.firstElementChild) {
        this.#lines -= this.#messages.firstElementChild.querySelectorAll(".line").length;
        this.#messages.firstElementChild.remove();
      }
    }, "last");
    const first = this.#messages.querySelector<HTMLElement>(".line");
    this.#older.first = first ? Number(first.dataset.seq) : undefined;
  }

  #showUnsent(): void {
    const user = this.#options.user();
    this.unsent.showHead(user, user !== undefined && this.#writer.author?.id === user.id);
    if (!this.unsent.isEmpty) this.#older.showStatus(true);
  }

  /** Shows a page of history above the messages. */
  #prepend(page: readonly Message[]): void {
    const userId = this.#options.user()?.id;
    const container = create("div");
    const writer = new MessageWriter(container);
    for (const message of page) {
      if (message.type === "chat") writer.write(message, message.from.id === userId);
    }
    this.#lines += page.length;
    this.#position.keepDuring(() => {
      const next = this.#messages.querySelector<HTMLElement>(":scope > .day");
      if (next && isoDay(Number(next.dataset.at)) === writer.day) next.remove();
      this.#messages.prepend(...container.childNodes);
    }, "first");
  }

  // --- what is in sight -----------------------------------------------------------------------

  #scrolled(): void {
    if (this.element.hidden) return;
    if (this.#position.update()) this.#markRead();
    if (this.element.scrollTop < LOAD_AHEAD_PX) this.#older.loadMore();
  }

  #refresh(): void {
    this.#position.follow();
    this.#markRead();
    // A list that does not fill the screen cannot be scrolled, so it does not wait for that.
    if (this.#isActive && this.element.scrollTop < 1) this.#older.loadMore();
  }

  #markRead(): void {
    if (this.#isActive && this.isAtLatest) {
      this.unread = 0;
      if (this.#last) this.readSeq = Math.max(this.readSeq ?? 0, this.#last);
    }
    this.#options.changed();
  }
}
