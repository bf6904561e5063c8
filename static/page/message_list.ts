/**
 * `MessageList` shows the messages of one room. It owns their order on the screen, and what the user has
 * not seen yet. It knows nothing of connections.
 *
 * What arrives before a frame is shown together; of very much a part in each frame. Sizes are asked for when
 * all is written. Blocks out of sight are not laid out, and the oldest are removed (tidier.ts).
 *
 * @module
 */
import type { HistoryPage, Message } from "../client/mod.ts";
import { create, oncePerFrame } from "./dom.ts";
import { Lines } from "./lines.ts";
import { listElement, type MessageListOptions } from "./list_element.ts";
import { ListStatus } from "./list_status.ts";
import { MessageSeeker } from "./message_seeker.ts";
import { isoDay, MessageWriter, renewDays } from "./message_writer.ts";
import type { Notice } from "./notice_run.ts";
import { OlderMessages } from "./older_messages.ts";
import { ReadMark } from "./read_mark.ts";
import { ScrollPosition } from "./scroll_position.ts";
import { KEPT_LINES, markLate, Tidier } from "./tidier.ts";
import { UnsentLines } from "./unsent_lines.ts";

/** How many messages are shown in one frame, and how long it may take to write them, in milliseconds. */
const MAX_PER_FRAME = 12;
const MAX_WRITING_MS = 4;
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
  readonly #tidier: Tidier;
  readonly #showArrived = oncePerFrame(() => this.#show());
  #writer: MessageWriter;
  #arrived: (Message | Notice)[] = [];
  /** The `seq` of the latest message shown. */
  #last = 0;
  /** The room's latest `seq` when it was entered. */
  #head = 0;
  /** Whether the user can see this list: what is in it then counts as read. */
  #isActive = false;

  constructor(options: MessageListOptions) {
    this.#options = options;
    const jump = (seq: number) => this.seek(seq);
    this.lines = new Lines(this.#messages, options, jump, this.#showArrived);
    this.unsent = new UnsentLines(options.names, this.lines, () => this.#showUnsent());
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
    this.#tidier = new Tidier(this.#messages, this.#position, this.mark, (first) => {
      this.#older.first = first;
      this.#showUnsent();
      this.#position.follow(); // what was just added at the end is not what the user has scrolled past
    });
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
      this.#empty();
      [this.#arrived, this.#last] = [[], 0];
      this.lines.beginAnew();
      this.unsent.beginAnew(head);
      this.#position.isAtEnd = true;
    }
    this.mark.joined(head, isFresh, this.#position.isAtEnd, read);
  }

  #empty(): void {
    this.#messages.replaceChildren();
    this.#writer = new MessageWriter(this.#messages, this.lines);
    this.#older.first = undefined;
    this.mark.trimmed();
  }

  /** Adds what was stored, and returns whether it is live, and not replayed. */
  add(message: Message): boolean {
    this.#arrived.push(message);
    this.#showArrived();
    return message.seq > this.#head;
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
    this.#seeker.seek(undefined);
    this.#position.isAtEnd = true;
    this.#position.follow();
    this.#markRead();
  }

  /** Shows what has arrived, and returns whether that is not all. */
  #show(): boolean {
    // What would soon be removed again is not shown at all. Scrolling up loads it.
    const count = this.#arrived.filter((it) => "seq" in it).length;
    const surplus = this.isAtLatest ? Math.max(0, count - KEPT_LINES) : 0;
    if (surplus > 0) this.#empty();
    const max = this.#last === 0 || document.hidden ? Infinity : surplus + MAX_PER_FRAME;
    const endAt = max === Infinity ? max : performance.now() + MAX_WRITING_MS;
    const userId = this.#options.user()?.id;
    for (let i = 0; i <= surplus || i < max && performance.now() < endAt;) {
      const message = this.#arrived.shift();
      if (!message) break;
      if (!("seq" in message)) {
        this.#writer.note(message);
        continue;
      }
      i++;
      const { type, seq, from } = message;
      if (seq <= this.#last) continue;
      const isOwn = from.id === userId;
      const isUnseen = type === "chat" && !(this.#isActive && this.isAtLatest);
      this.mark.arrived(seq, isOwn, isUnseen);
      const last = this.#last || seq - 1;
      this.#last = seq;
      if (i <= surplus) continue;
      this.#writer.interrupt(this.mark.lineBetween(last, seq));
      this.#older.first ??= seq;
      if (type !== "chat") continue; // an application's event is not shown, but it has its place
      this.#writer.write(message, isOwn);
    }
    if (this.lines.areRevised) this.#position.keepDuring(() => this.lines.showRevised(), "first");
    this.#older.showStatus(false);
    this.unsent.shown(this.#last);
    this.#showUnsent();
    this.#position.follow();
    this.#seek();
    this.#markRead();
    this.#tidier.tidySoon();
    return this.#arrived.length > 0;
  }

  #showUnsent(): void {
    const user = this.#options.user();
    this.unsent.show(user, user !== undefined && this.#writer.author?.id === user.id);
    if (!this.unsent.isEmpty) this.#older.showStatus(true);
  }

  /** Shows a page of history above the messages. */
  #prepend({ messages, mine }: HistoryPage): void {
    const container = create("div");
    const writer = new MessageWriter(container, this.lines);
    this.lines.setMine(mine);
    writer.writePage(messages, this.mark, this.#options.user()?.id, this.#older.first ?? 0);
    this.unsent.shown(this.#last ||= messages.at(-1)?.seq ?? 0);
    this.#position.keepDuring(() => {
      if (this.#messages.querySelector(".newest")) writer.forgetNewest();
      const next = this.#messages.querySelector<HTMLElement>(".day");
      if (next && isoDay(Number(next.dataset.at)) === writer.day) next.remove();
      this.#messages.prepend(...container.childNodes);
      markLate(this.#messages);
      this.lines.completeQuotes();
    }, "first");
    this.#showUnsent();
  }

  #scrolled(): void {
    if (this.element.hidden) return;
    this.#seek();
    if (this.#position.update()) this.#markRead();
    if (this.element.scrollTop < LOAD_AHEAD_PX) this.#older.loadMore();
  }

  /** Is called when the browser has laid out the list, or what is in it, with another size. */
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
