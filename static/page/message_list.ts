/**
 * `MessageList` shows the messages of one room. It owns their order on the screen, and what the user has
 * not seen yet. It knows nothing of connections.
 *
 * All that arrives before a frame is shown together. Sizes are asked for when the browser has laid it out.
 * Blocks out of sight are not laid out (message_writer.ts), and the oldest are removed.
 *
 * @module
 */
import type { Message } from "../client/mod.ts";
import { create, oncePerFrame } from "./dom.ts";
import { Lines } from "./lines.ts";
import { listElement, type MessageListOptions } from "./list_element.ts";
import { ListStatus } from "./list_status.ts";
import { MessageSeeker } from "./message_seeker.ts";
import { isoDay, markLate, MessageWriter, removeOldest, renewDays } from "./message_writer.ts";
import type { Notice } from "./notice_run.ts";
import { OlderMessages } from "./older_messages.ts";
import { ReadMark } from "./read_mark.ts";
import { ScrollPosition } from "./scroll_position.ts";
import { UnsentLines } from "./unsent_lines.ts";

/** How many lines are kept while the user is at the latest message. */
const KEPT_LINES = 2_000;
/** How many lines are kept while the user reads older ones. */
const MAX_LINES = 12_000;
/** How far from the top older messages are asked for, in pixels. */
const LOAD_AHEAD_PX = 900;

/** The messages of one room. */
export class MessageList {
  readonly element: HTMLElement;
  readonly unsent: UnsentLines;
  readonly mark: ReadMark;
  readonly lines: Lines;

  readonly #options: MessageListOptions;
  readonly #messages = create("div", { class: "flow" });
  readonly #older: OlderMessages;
  readonly #position: ScrollPosition;
  readonly #seeker: MessageSeeker;
  readonly #showArrived = oncePerFrame(() => this.#show());
  #writer: MessageWriter;
  #arrived: (Message | Notice)[] = [];
  /** The `seq` of the latest message shown. */
  #last = 0;
  /** The room's latest `seq` when it was entered. */
  #head = 0;
  #lines = 0;
  /** Whether the user can see this list: what is in it then counts as read. */
  #isActive = false;

  constructor(options: MessageListOptions) {
    this.#options = options;
    const { names, react } = options;
    this.unsent = new UnsentLines(names, () => this.#showUnsent());
    this.lines = new Lines(this.#messages, names, react, (seq) => this.seek(seq));
    this.#writer = new MessageWriter(this.#messages, this.lines);
    this.mark = new ReadMark(options.readSeq);
    const status = new ListStatus(options.room, () => this.#older.load());
    this.#older = new OlderMessages(status, {
      read: options.readOlder,
      prepend: (page) => this.#prepend(page),
      loaded: () => this.#scrolled(),
    });
    this.element = listElement(options.room, [status.element, this.#messages, this.unsent.element]);
    this.element.hidden = true;
    this.#position = new ScrollPosition(this.element, this.#messages);
    this.#seeker = new MessageSeeker(this.lines, this.#older, this.#position);
    status.show("loading");
    this.element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const resizes = new ResizeObserver(() => this.#resized());
    for (const it of [this.element, ...this.element.children, this.#messages]) resizes.observe(it);
  }

  /** Whether the latest message is in sight, and stays so. */
  get isAtLatest(): boolean {
    return this.#position.isAtEnd && !this.mark.isSought;
  }

  /** Notes that the room was entered. If `isFresh`, what is shown is out of date, and is removed. */
  joined(head: number, isFresh: boolean, read?: number): void {
    this.#head = head;
    this.#older.joined(head, isFresh);
    if (isFresh) {
      this.#messages.replaceChildren();
      this.#arrived = [];
      this.#writer = new MessageWriter(this.#messages, this.lines);
      this.#last = this.#lines = 0;
      this.#position.isAtEnd = true;
    }
    this.mark.joined(head, isFresh, this.#position.isAtEnd, read);
  }

  /** Adds what was stored, and returns whether it is live, and not replayed. */
  add(message: Message): boolean {
    this.#arrived.push(message);
    this.#showArrived();
    return message.seq > this.#head;
  }

  /** Shows what became of a message, where it is. */
  revise(message: Message): void {
    this.#show(); // it may be among those that have arrived
    this.#position.keepDuring(() => this.lines.revise(message), "first");
    this.#position.follow();
  }

  /** Goes to a message, which may have to be loaded first, and marks it. */
  seek(seq: number): void {
    this.#seeker.seek(seq);
    this.#seek();
  }

  /** Adds what happened to a user, which is not in the log. */
  addNotice(notice: Notice): void {
    this.#arrived.push(notice);
    this.#showArrived();
  }

  /** Adds a message of the user's own that is being sent. */
  addUnsent(ref: string, payload: string): void {
    this.unsent.add(ref, payload);
    this.mark.removeLine();
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
    this.#resized();
    this.#seek();
    this.#markRead();
  }

  /** Goes to the latest message, and stays there. */
  toLatest(): void {
    this.mark.isSought = false;
    this.#position.isAtEnd = true;
    this.#position.follow();
    this.#markRead();
  }

  #show(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    const userId = this.#options.user()?.id;
    for (const message of arrived) {
      if (!("seq" in message)) {
        this.#writer.note(message);
        continue;
      }
      const { type, seq, from, ref } = message;
      if (seq <= this.#last) continue;
      const isOwn = from.id === userId;
      if (ref !== undefined && isOwn) this.unsent.remove(ref);
      const isUnseen = type === "chat" && !(this.#isActive && this.isAtLatest);
      this.mark.arrived(seq, isOwn, isUnseen);
      this.#writer.interrupt(this.mark.lineBetween(this.#last || seq - 1, seq));
      this.#last = seq;
      this.#older.first ??= seq;
      if (type !== "chat") continue; // an application's event is not shown, but it has its place
      this.#writer.write(message, isOwn);
      this.#lines++;
    }
    if (this.#lines > (this.isAtLatest ? KEPT_LINES * 1.05 : MAX_LINES)) this.#removeOldest();
    this.#older.showStatus(false);
    this.#showUnsent();
    this.#seek();
    this.#markRead();
  }

  /** Removes the oldest messages. Scrolling up loads them again. */
  #removeOldest(): void {
    const kept = this.isAtLatest ? KEPT_LINES : MAX_LINES - KEPT_LINES;
    this.#position.keepDuring(() => {
      this.#lines -= removeOldest(this.#messages, this.#lines - kept);
    }, "last");
    this.mark.trimmed();
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
    const writer = new MessageWriter(container, this.lines);
    let last = page[0] ? page[0].seq - 1 : 0;
    for (const message of page) {
      writer.interrupt(this.mark.lineBetween(last, message.seq));
      last = message.seq;
      if (message.type === "chat") writer.write(message, message.from.id === userId);
    }
    writer.interrupt(this.mark.lineBetween(last, this.#older.first ?? 0));
    this.#last ||= last;
    this.#lines += page.length;
    this.#position.keepDuring(() => {
      if (this.#messages.querySelector(".newest")) writer.forgetNewest();
      const next = this.#messages.querySelector<HTMLElement>(".day");
      if (next && isoDay(Number(next.dataset.at)) === writer.day) next.remove();
      this.#messages.prepend(...container.childNodes);
      markLate(this.#messages);
      this.lines.completeQuotes();
    }, "first");
  }

  #scrolled(): void {
    if (this.element.hidden) return;
    this.#seek();
    if (this.#position.update()) this.#markRead();
    if (this.element.scrollTop < LOAD_AHEAD_PX) this.#older.loadMore();
  }

  /** Is called when the browser has laid out what arrived. To ask for sizes sooner would do it twice. */
  #resized(): void {
    this.#position.follow();
    // A list that does not fill the screen cannot be scrolled, so it does not wait for that.
    if (this.#isActive && this.element.scrollTop < 1) this.#older.loadMore();
  }

  /** Goes to a message or to the line "New", if that is still to be done. It may have to be loaded first. */
  #seek(): void {
    const isComplete = this.#last >= this.#head && this.#arrived.length === 0;
    if (!this.element.hidden && this.#seeker.step(isComplete)) this.mark.isSought = false;
    if (!this.mark.isSought || !this.#isActive || !isComplete) return;
    if (!this.mark.line?.isConnected) return this.#older.loadMore();
    this.mark.isSought = false;
    this.#position.show(this.mark.line);
    this.#markRead();
  }

  #markRead(): void {
    const isRead = this.#isActive && this.isAtLatest && this.#last >= this.#head;
    if (isRead) this.mark.readAll(this.#last);
    this.#options.changed();
  }
}
