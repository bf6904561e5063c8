/**
 * A `ServingThread` is what the storing thread knows of one serving thread: its port, and what is asked over
 * it.
 *
 * @module
 */
import type { Broker, LogState, Signal } from "../broker.ts";
import type { Journal } from "../journal.ts";
import type { Page } from "../page.ts";
import type { RevisedMessage } from "../revisions.ts";
import type { Backlog } from "./backlog.ts";
import type { CallName, Calls, SentPage, ToServing, ToStoring } from "./exchange.ts";
import type { GroupCommit } from "./group_commit.ts";
import { LentBackup } from "./lent_backup.ts";
import type { MemberTable } from "./member_table.ts";
import { PendingCalls } from "./pending_calls.ts";
import { receiveBatch } from "./sent_batch.ts";
import { sendError } from "./sent_error.ts";
import { sendOutcome } from "./sent_outcome.ts";
import { ThreadPort } from "./thread_port.ts";

/** The broker that stores. It has no members of its own, but a journal. */
export type StoringBroker = Broker & { readonly journal: Journal };

/** What a serving thread asks of the storing thread. */
export interface ServingContext {
  readonly broker: StoringBroker;
  readonly commits: GroupCommit;
  readonly members: MemberTable;
  readonly backlog: Backlog;
  open(thread: ServingThread, room: string): Promise<LogState>;
  close(thread: ServingThread, room: string): void;
  /**
   * Settles when what was said before on all threads is stored or refused.
   *
   * @param asking the thread that asks, which has seen to itself.
   * @throws {BrokerError} if that takes too long.
   */
  settled(asking: ServingThread): Promise<void>;
  /** All other threads. */
  others(thread: ServingThread): Iterable<ServingThread>;
  /** The other threads where a room is open. */
  othersIn(room: string, thread: ServingThread): Iterable<ServingThread>;
}

export class ServingThread {
  readonly port: ThreadPort<ToServing, ToStoring>;
  readonly readsJournal: boolean;
  readonly #context: ServingContext;
  readonly #calls: Calls;
  /** How far the log of each room goes of which something was left out. */
  readonly #leftOut = new Map<string, { readonly head: number; readonly rev: number }>();
  readonly #backup: LentBackup;
  readonly #settling = new PendingCalls();
  /** Since when a message waits for the reader of the journal. */
  #waitingSince: number | undefined;

  constructor(port: MessagePort, readsJournal: boolean, context: ServingContext) {
    this.#context = context;
    this.readsJournal = readsJournal;
    this.#backup = new LentBackup(context.broker.backups);
    this.#calls = this.#table();
    const { members, backlog } = context;
    this.port = new ThreadPort<ToServing, ToStoring>(port, {
      call: (id, name, args) => void this.#answer(id, name, args),
      publish: (...sent) => this.#publish(...sent),
      close: (room) => {
        this.#leftOut.delete(room);
        context.close(this, room);
      },
      signal: (room, signal) => {
        for (const thread of context.othersIn(room, this)) thread.signalled(room, signal);
      },
      enterRoom: (room, user) => members.enter(this, room, user),
      leaveRoom: (room, user) => members.leave(this, room, user),
      renameIn: (room, user) => members.rename(room, user),
      tellMarks: (marks) => {
        for (const { port } of context.others(this)) port.say("marked", marks);
      },
      took: (chars) => {
        backlog.took(this, chars);
        this.#tellLeftOut();
      },
      endBackup: () => this.#backup.end(),
      settled: (id) => this.#settling.answered(id, undefined),
    });
  }

  /** Sends a page. To a thread that is late it is left out. */
  committed(room: string, { first, last, batch }: Page): void {
    if (this.#context.backlog.isLate(this)) return this.#leaveOut(room, last, 0);
    this.port.say("committed", room, first, last, batch.array);
    this.#context.backlog.sent(this, batch.size);
  }

  /** Sends revisions with so many characters. To a thread that is late they are left out. */
  revised(room: string, messages: readonly RevisedMessage[], chars: number): void {
    const { backlog } = this.#context;
    if (backlog.isLate(this)) return this.#leaveOut(room, 0, messages.at(-1)?.rev ?? 0);
    this.port.say("revised", room, messages);
    backlog.sent(this, chars);
  }

  /** Passes on a signal, unless the thread has too much before it: it may be lost. */
  signalled(room: string, signal: Signal): void {
    const { backlog } = this.#context;
    if (backlog.isFull(this)) return;
    this.port.say("signalled", room, signal);
    backlog.sent(this, signal.event.length);
  }

  /** Says that the log of a room was replaced: what was left out before counts no more. */
  logReplaced(room: string, state: LogState): void {
    this.#leftOut.delete(room);
    this.port.say("logReplaced", room, state);
  }

  /** Tells the reader of the journal where it stands, if this thread has it. Never throws. */
  tellJournal(hasGrown: boolean): void {
    if (!this.readsJournal) return;
    try {
      this.#waitingSince = this.#context.broker.journal.waitingSince();
    } catch {
      // The disk is away. A commit that has just succeeded must not fail for this.
    }
    this.port.say("journalMoved", this.#waitingSince, hasGrown);
  }

  /** Settles when what was queued on the thread before is stored or refused, or lost with the thread. */
  async settle(): Promise<void> {
    await this.#settling.ask((id) => this.port.say("settle", id)).catch(() => {});
  }

  /** Forgets the thread. */
  end(): void {
    this.#settling.end();
    this.#backup.close();
    this.port.close();
  }

  #leaveOut(room: string, head: number, rev: number): void {
    const before = this.#leftOut.get(room);
    const after = { head: Math.max(head, before?.head ?? 0), rev: Math.max(rev, before?.rev ?? 0) };
    this.#leftOut.set(room, after);
  }

  /** Says how far the logs go: before each answer, and when the thread is late no more. */
  #tellLeftOut(): void {
    if (this.#leftOut.size === 0) return;
    for (const [room, { head, rev }] of this.#leftOut) this.port.say("leftOut", room, head, rev);
    this.#leftOut.clear();
  }

  async #answer(id: number, name: CallName, args: readonly unknown[]): Promise<void> {
    try {
      const value: unknown = await Reflect.apply(this.#calls[name], undefined, args);
      this.#tellLeftOut();
      this.port.say("answered", id, value);
    } catch (thrown) {
      this.port.say("failed", id, sendError(thrown));
    }
  }

  #publish(...[id, batch, pauseMs]: Parameters<ToStoring["publish"]>): void {
    const failed = (thrown: unknown) => this.port.say("failed", id, sendError(thrown));
    try {
      const drafts = receiveBatch(batch, {});
      this.#context.commits.add({
        thread: this,
        pauseMs,
        drafts,
        committed: (receipts) => {
          this.#tellLeftOut();
          this.port.say("published", id, sendOutcome(drafts, receipts));
        },
        failed,
      });
    } catch (thrown) {
      failed(thrown);
    }
  }

  #table(): Calls {
    const { broker, members, settled } = this.#context;
    const { marks, eraser, journal } = broker;
    const moved = async <T>(act: () => Promise<T>): Promise<T> => {
      try {
        return await act();
      } finally {
        this.tellJournal(false);
      }
    };
    return {
      open: (room) => this.#context.open(this, room),
      state: (room) => broker.state(room),
      canResume: async (...of) => await broker.canResume?.(...of) ?? false,
      prepare: async (room) => {
        const draft = { room, userId: "", ref: "any", head: "", rest: "" };
        await broker.prepare?.([draft])?.get(room);
      },
      read: async (room, range) => {
        const page = await broker.read(room, range);
        return page && [page.first, page.last, page.batch.array] satisfies SentPage;
      },
      revisedSince: (room, range) => broker.revisedSince(room, range),
      reactionsOf: (room, userId, range) => broker.reactionsOf(room, userId, range),
      retain: (room, event) => broker.retain(room, event),
      order: (order) => broker.order(order),
      mark: (userId, room) => marks.get(userId, room),
      marksOf: (userId) => marks.all(userId),
      writeMarks: (some) => marks.write(some),
      eraseRoom: (room) => settled(this).then(() => eraser.room(room)),
      eraseUser: (erasure) => settled(this).then(() => eraser.user(erasure)),
      roomsWithMembers: (max, skip) => Promise.resolve(members.rooms(max, skip)),
      membersOf: (room) => Promise.resolve(members.list(room)),
      memberOf: (room, id) => Promise.resolve(members.find(room, id)),
      readJournal: (upTo) => moved(() => journal.read(upTo)),
      takeFromJournal: (upTo) => moved(() => journal.take(upTo)),
      makeBackup: () => this.#backup.make(),
      readBackup: () => this.#backup.next(),
      probe: () => broker.probe(),
      check: () => broker.check(),
      leave: () => Promise.resolve(),
    };
  }
}
