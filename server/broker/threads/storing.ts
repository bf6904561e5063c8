/**
 * `Storing` is the storing thread's side: it owns the one broker that stores, commits for all serving threads,
 * and tells each of them what has become of the rooms that it has open.
 *
 * @module
 */
import { settleWithin } from "../../deadline.ts";
import { BrokerError, type LogState, type MemberChange } from "../broker.ts";
import type { StoreGauges } from "../store_health.ts";
import type { Hello, Welcome } from "./exchange.ts";
import { Backlog, charsOf } from "./backlog.ts";
import { GroupCommit } from "./group_commit.ts";
import { Lifeline } from "./lifeline.ts";
import { MemberTable } from "./member_table.ts";
import { ServingThread, type StoringBroker } from "./serving_thread.ts";

/** How often the serving threads are told how large the store is. */
const MEASURE_MS = 1000;

/** How long to wait until everything that the threads have queued is stored: on a slow disk several seconds. */
const SETTLE_MS = 10_000;

/** What is kept to know that a thread is still there. */
interface Tie {
  readonly lifeline: Lifeline;
  /** The end of its own lifeline. */
  readonly farEnd: MessagePort;
}

export class Storing {
  readonly #broker: StoringBroker;
  readonly #absenceMs: number;
  readonly #commits: GroupCommit;
  readonly #backlog = new Backlog();
  readonly #members: MemberTable;
  readonly #threads = new Map<ServingThread, Tie>();
  /** The ports over which nobody has said hello yet. */
  readonly #callers = new Set<MessagePort>();
  /** The threads where each room is open. */
  readonly #open = new Map<string, Set<ServingThread>>();
  /** The thread that opens a room just now: it alone is told what the room retains. */
  #opening: ServingThread | undefined;
  #gauges: StoreGauges;
  readonly #measureTimer: ReturnType<typeof setInterval>;
  readonly #absenceTimers = new Set<ReturnType<typeof setTimeout>>();

  /** @param absenceMs how long the users of a thread that is gone stay members. */
  constructor(broker: StoringBroker, absenceMs: number) {
    this.#broker = broker;
    this.#absenceMs = absenceMs;
    this.#gauges = { ...broker.measure(), busySeconds: 0 };
    this.#commits = new GroupCommit({
      broker,
      ready: () => this.#backlog.wait(),
      answered: () => {
        for (const { port } of this.#threads.keys()) port.flush();
      },
    });
    this.#members = new MemberTable((room, change) => {
      for (const { news } of this.#in(room)) news.membersChanged(room, change);
    });
    this.#measureTimer = setInterval(() => this.#measure(), MEASURE_MS);
    broker.journal.listen(() => {
      for (const thread of this.#threads.keys()) thread.tellJournal(true);
    });
    broker.listen({
      committed: (room, page) => {
        for (const { news } of this.#in(room)) news.committed(room, page);
      },
      revised: (room, messages) => {
        const chars = charsOf(messages);
        for (const { news } of this.#in(room)) news.revised(room, messages, chars);
      },
      signalled() {}, // signals pass from thread to thread
      logReplaced: (room, state) => {
        for (const { news } of this.#in(room)) news.logReplaced(room, state);
      },
      retainedChanged: (room, change) => {
        const isForAll = change.kind === "one";
        const threads = isForAll ? this.#in(room) : this.#opening ? [this.#opening] : [];
        for (const { news } of threads) news.retainedChanged(room, change);
      },
      // None may be left out, so they are no part of the backlog. A thread that takes none hangs, and the
      // program ends after MAX_SILENCE_MS: no more can wait for it than was ordered in that time.
      ordered: (order) => {
        for (const { port } of this.#threads.keys()) port.say("ordered", order);
      },
    });
  }

  /** Lets a serving thread say hello over a port. */
  connect(port: MessagePort): void {
    this.#callers.add(port);
    port.onmessage = ({ data }: MessageEvent<Hello>) => {
      this.#callers.delete(port);
      try {
        this.#welcome(port, data);
      } catch (thrown) {
        data.lifeline.close(); // or the thread would wait for ever
        throw thrown;
      }
    };
  }

  /** Commits what has arrived, closes the store, and lets go of all serving threads. */
  async end(): Promise<void> {
    clearInterval(this.#measureTimer);
    for (const timer of this.#absenceTimers) clearTimeout(timer);
    await this.#commits.close();
    try {
      await this.#broker[Symbol.asyncDispose]();
    } finally {
      for (const { port } of this.#threads.keys()) port.flush();
      for (const thread of [...this.#threads.keys()]) this.#forget(thread);
      for (const port of this.#callers) port.close();
    }
  }

  #welcome(port: MessagePort, { readsJournal, lifeline: farEnd }: Hello): void {
    const broker = this.#broker;
    const store = {
      location: broker.location,
      secret: broker.secret,
      hasBackups: broker.backups !== undefined,
      sanctions: broker.sanctions(),
      gauges: this.#gauges,
      waitingSince: readsJournal ? broker.journal.waitingSince() : undefined,
    };
    const lifeline = new Lifeline(() => this.#gone(thread));
    const welcome: Welcome = { ...store, lifeline: lifeline.farEnd };
    const thread: ServingThread = new ServingThread(port, readsJournal, {
      broker,
      commits: this.#commits,
      members: this.#members,
      backlog: this.#backlog,
      open: (thread, room) => this.#openRoom(thread, room),
      close: (thread, room) => this.#closeRoom(thread, room),
      everyoneIn: (room) => this.#everyoneIn(room),
      retainedIn: (room) => ({ kind: "all", events: broker.retained(room) }),
      settled: (asking) => this.#settled(asking),
      others: (thread) => this.#threads.keys().filter((other) => other !== thread),
      othersIn: (room, thread) => [...this.#in(room)].filter((other) => other !== thread),
    });
    this.#threads.set(thread, { lifeline, farEnd });
    port.postMessage(welcome, [lifeline.farEnd]);
    this.#countThreads();
  }

  async #settled(asking: ServingThread): Promise<void> {
    const others = [...this.#threads.keys()].filter((thread) => thread !== asking);
    let areSettled = false;
    const settling = Promise.all(others.map((thread) => thread.settle()));
    await settleWithin(SETTLE_MS, settling.then(() => areSettled = true));
    if (!areSettled) throw new BrokerError("What was said before on another thread is not stored.");
    await this.#commits.settled(); // also what a thread has sent that is gone
  }

  async #openRoom(thread: ServingThread, room: string): Promise<LogState> {
    let threads = this.#open.get(room);
    if (threads === undefined) this.#open.set(room, threads = new Set());
    threads.add(thread);
    thread.port.say("opened", room);
    thread.news.membersChanged(room, this.#everyoneIn(room));
    this.#opening = thread;
    const opening = this.#broker.open(room); // it calls back what is retained before it returns
    this.#opening = undefined;
    return await opening;
  }

  #closeRoom(thread: ServingThread, room: string): void {
    const threads = this.#open.get(room);
    if (!threads?.delete(thread) || threads.size > 0) return;
    this.#open.delete(room);
    this.#broker.close(room);
  }

  /** A serving thread is gone, in order or not. */
  #gone(thread: ServingThread): void {
    this.#forget(thread);
    for (const [room, threads] of this.#open) {
      if (threads.has(thread)) this.#closeRoom(thread, room);
    }
    this.#countThreads();
    const timer = setTimeout(() => {
      this.#absenceTimers.delete(timer);
      this.#members.leaveAll(thread);
    }, this.#absenceMs);
    this.#absenceTimers.add(timer);
  }

  #forget(thread: ServingThread): void {
    const tie = this.#threads.get(thread);
    this.#threads.delete(thread);
    this.#backlog.forget(thread.news);
    thread.end();
    tie?.lifeline.close();
    tie?.farEnd.close();
  }

  #countThreads(): void {
    for (const { port } of this.#threads.keys()) port.say("threads", this.#threads.size);
  }

  #measure(): void {
    const { bytes, busySeconds } = this.#gauges;
    const gauges = { ...this.#broker.measure(), busySeconds: this.#commits.busySeconds };
    if (gauges.bytes === bytes && gauges.busySeconds === busySeconds) return;
    this.#gauges = gauges;
    for (const { news } of this.#threads.keys()) news.measured(gauges);
  }

  #everyoneIn(room: string): MemberChange {
    return { kind: "everyone", users: this.#members.list(room) };
  }

  /** The threads where a room is open. */
  #in(room: string): Iterable<ServingThread> {
    return this.#open.get(room) ?? [];
  }
}
