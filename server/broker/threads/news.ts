/**
 * `News` is what a serving thread is told of its rooms. While it has too much before it, what it can do
 * without is left out, and it is told where its rooms stand when it goes on.
 *
 * @module
 */
import type { LogState, MemberChange, Signal } from "../broker.ts";
import type { MovedMark } from "../marks.ts";
import type { Page } from "../page.ts";
import type { RetainedChange } from "../retained.ts";
import type { RevisedMessage } from "../revisions.ts";
import type { StoreGauges } from "../store_health.ts";
import { type Backlog, charsOfMembers, charsOfRetained } from "./backlog.ts";
import type { ToServing } from "./exchange.ts";
import { LeftOut } from "./left_out.ts";
import { sendPage } from "./sent_page.ts";
import type { ThreadPort } from "./thread_port.ts";

/** What the rooms have now. */
export interface RoomStates {
  everyoneIn(room: string): MemberChange;
  retainedIn(room: string): RetainedChange;
}

export class News {
  readonly #port: Pick<ThreadPort<ToServing, never>, "say">;
  readonly #backlog: Backlog;
  readonly #rooms: RoomStates;
  readonly #leftOut = new LeftOut();

  /** @param backlog counts what was sent under this object. */
  constructor(
    port: Pick<ThreadPort<ToServing, never>, "say">,
    backlog: Backlog,
    rooms: RoomStates,
  ) {
    this.#port = port;
    this.#backlog = backlog;
    this.#rooms = rooms;
  }

  /** Sends a page. To a thread that is late it is left out. */
  committed(room: string, page: Page): void {
    if (this.#backlog.isLate(this)) return this.#leftOut.add(room, { head: page.last });
    this.#port.say("committed", room, ...sendPage(page));
    this.#backlog.sent(this, page.batch.size);
  }

  /** Sends revisions with so many characters. To a thread that is late they are left out. */
  revised(room: string, messages: readonly RevisedMessage[], chars: number): void {
    if (this.#backlog.isLate(this)) {
      return this.#leftOut.add(room, { rev: messages.at(-1)?.rev ?? 0 });
    }
    this.#port.say("revised", room, messages);
    this.#backlog.sent(this, chars);
  }

  /** Passes on a signal, unless the thread has too much before it: it may be lost. */
  signalled(room: string, signal: Signal): void {
    if (this.#backlog.isFull(this)) return;
    this.#port.say("signalled", room, signal);
    this.#backlog.sent(this, signal.event.length);
  }

  /** Tells of a change of members. A thread that has too much before it is told of all members later. */
  membersChanged(room: string, change: MemberChange): void {
    // All members are told only to a thread that has just asked, or goes on.
    const isDispensable = change.kind !== "everyone" && this.#backlog.isFull(this);
    if (isDispensable) return this.#leftOut.add(room, { members: true });
    this.#port.say("membersChanged", room, change);
    this.#backlog.sent(this, charsOfMembers(change));
  }

  /** Tells of a change of retained events. A thread that has too much before it is told of all later. */
  retainedChanged(room: string, change: RetainedChange): void {
    const isDispensable = change.kind !== "all" && this.#backlog.isFull(this);
    if (isDispensable) return this.#leftOut.add(room, { retained: true });
    this.#port.say("retainedChanged", room, change);
    this.#backlog.sent(this, charsOfRetained(change));
  }

  /** Passes on read marks, unless the thread has too much before it: they are stored in any case. */
  marked(marks: readonly MovedMark[]): void {
    if (!this.#backlog.isFull(this)) this.#port.say("marked", marks);
  }

  /** Tells how large the store is, unless the thread has too much before it. */
  measured(gauges: StoreGauges): void {
    if (!this.#backlog.isFull(this)) this.#port.say("measured", gauges);
  }

  /** Says that the log of a room was replaced: how far it went before counts no more. */
  logReplaced(room: string, state: LogState): void {
    this.#leftOut.logReplaced(room);
    this.#port.say("logReplaced", room, state);
  }

  /** Tells what was left out: before each answer, and when the thread goes on. */
  tellLeftOut(): void {
    for (const [room, { head, rev, members, retained }] of this.#leftOut.take()) {
      if (head > 0 || rev > 0) this.#port.say("leftOut", room, head, rev);
      if (members) this.membersChanged(room, this.#rooms.everyoneIn(room));
      if (retained) this.#tellRetained(room);
    }
  }

  #tellRetained(room: string): void {
    try {
      this.retainedChanged(room, this.#rooms.retainedIn(room));
    } catch {
      this.#leftOut.add(room, { retained: true }); // the disk is away: it is told the next time
    }
  }

  /** Forgets what was left out of a room, which the thread has closed. */
  closed(room: string): void {
    this.#leftOut.forget(room);
  }

  /** Counts text that the thread has taken. */
  took(chars: number): void {
    this.#backlog.took(this, chars);
    this.tellLeftOut();
  }
}
