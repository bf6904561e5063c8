/**
 * A `ServingThread` is what the storing thread knows of one serving thread: its port, and what is asked over
 * it.
 *
 * @module
 */
import type { Broker, LogState } from "../broker.ts";
import type { Journal } from "../journal.ts";
import { type Backlog, Taken } from "./backlog.ts";
import type { CallName, Calls, ToServing, ToStoring } from "./exchange.ts";
import type { GroupCommit } from "./group_commit.ts";
import { LentBackup } from "./lent_backup.ts";
import type { MemberTable } from "./member_table.ts";
import { News, type RoomStates } from "./news.ts";
import { PendingCalls } from "./pending_calls.ts";
import { receiveBatch } from "./sent_batch.ts";
import { sendError } from "./sent_error.ts";
import { sendOutcome } from "./sent_outcome.ts";
import { sendPage } from "./sent_page.ts";
import { ThreadPort } from "./thread_port.ts";

/** The broker that stores. It has no members of its own, but a journal. */
export type StoringBroker = Broker & {
  readonly journal: Journal;
  /** Reads all that a room retains, at once. */
  retained(room: string): ReadonlyMap<string, string>;
};

/** What a serving thread asks of the storing thread. */
export interface ServingContext extends RoomStates {
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
  /** What it is told of its rooms. */
  readonly news: News;
  readonly readsJournal: boolean;
  readonly #context: ServingContext;
  readonly #calls: Calls;
  /** Signals that were taken from the port. */
  readonly #taken = new Taken((chars) => this.port.say("took", chars));
  readonly #backup: LentBackup;
  readonly #settling = new PendingCalls();
  /** Since when a message waits for the reader of the journal. */
  #waitingSince: number | undefined;
  /** Whether the reader is told of that message when the thread goes on. */
  #isJournalDue = false;

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
        this.news.closed(room);
        context.close(this, room);
      },
      signal: (room, signal) => {
        this.#taken.add(signal.event.length);
        for (const thread of context.othersIn(room, this)) thread.news.signalled(room, signal);
      },
      enterRoom: (room, user) => members.enter(this, room, user),
      leaveRoom: (room, user) => members.leave(this, room, user),
      tellMarks: (marks) => {
        for (const thread of context.others(this)) thread.news.marked(marks);
      },
      took: (chars) => {
        this.news.took(chars);
        if (this.#isJournalDue) this.tellJournal(true);
      },
      endBackup: () => this.#backup.end(),
      settled: (id) => this.#settling.answered(id, undefined),
    });
    this.news = new News(this.port, backlog, context);
  }

  /** Tells the reader of the journal where it stands, if this thread has it. Never throws. */
  tellJournal(hasGrown: boolean): void {
    if (!this.readsJournal) return;
    this.#isJournalDue = this.#context.backlog.isFull(this.news);
    if (this.#isJournalDue) return;
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

  async #answer(id: number, name: CallName, args: readonly unknown[]): Promise<void> {
    try {
      const value: unknown = await Reflect.apply(this.#calls[name], undefined, args);
      this.news.tellLeftOut();
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
          this.news.tellLeftOut();
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
        return page && sendPage(page);
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
      renameIn: (room, user) => Promise.resolve(members.rename(room, user)),
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
