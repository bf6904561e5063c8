/**
 * The broker of a thread that serves people, while another thread stores. The two talk over a port, which
 * keeps what is said in order: so pages need no numbers to be put in order, and an answer comes after all that
 * was committed before it. A commit in flight keeps nothing here waiting but its own answer.
 *
 * @module
 */
import type { Draft } from "../../protocol/encode.ts";
import type { Backups } from "../backups.ts";
import type { Broker, BrokerListener, LogState, Range, Receipt, Signal } from "../broker.ts";
import { BrokerError } from "../broker_error.ts";
import type { Journal } from "../journal.ts";
import type { Order, Sanction } from "../orders.ts";
import type { Page } from "../page.ts";
import type { RevisedMessage, RevisedRange } from "../revisions.ts";
import type { StoreGauges, StoreTrouble } from "../store_health.ts";
import { AskedBackups, AskedEraser, AskedJournal, AskedMarks, AskedMembers } from "./asked.ts";
import { retainBy } from "./asked_retention.ts";
import { charsOf, charsOfMembers, charsOfRetained, Taken } from "./backlog.ts";
import type { CallName, Calls, Hello, ToServing, ToStoring, Welcome } from "./exchange.ts";
import { KnownSanctions } from "./known_sanctions.ts";
import { Lifeline } from "./lifeline.ts";
import { OpenRooms } from "./open_rooms.ts";
import { OutgoingSignals } from "./outgoing_signals.ts";
import { PendingCalls } from "./pending_calls.ts";
import { PreparedRooms } from "./prepared_rooms.ts";
import { sendBatch } from "./sent_batch.ts";
import { receiveOutcome, type SentOutcome } from "./sent_outcome.ts";
import { receivePage } from "./sent_page.ts";
import { ThreadPort } from "./thread_port.ts";

export class ThreadBroker implements Broker {
  readonly commitsElsewhere = true;
  readonly location: string;
  readonly secret: Uint8Array;
  readonly members: AskedMembers = new AskedMembers(this);
  readonly marks: AskedMarks = new AskedMarks(this);
  readonly eraser: AskedEraser = new AskedEraser(this);
  readonly backups: Backups | undefined;
  readonly journal?: Journal;
  readonly retain: Broker["retain"] = retainBy(this);
  /** What the storing thread is told over. Only the parts of this broker use it. */
  readonly port: ThreadPort<ToStoring, ToServing>;
  readonly #lifeline: Lifeline;
  /** The end of the storing thread's lifeline. */
  readonly #farEnd: MessagePort;
  readonly #calls = new PendingCalls();
  readonly #sanctions: KnownSanctions;
  readonly #open = new OpenRooms();
  readonly #prepared = new PreparedRooms(this.#open, (room) => this.call("prepare", room));
  readonly #signals: OutgoingSignals;
  readonly #taken = new Taken((chars) => this.port.say("took", chars));
  /** When a batch was answered last. */
  #answeredAt = -Infinity;
  #gauges: StoreGauges;
  #listener: BrokerListener = { committed() {}, signalled() {} };

  /**
   * Connects a serving thread.
   *
   * @param port from `StoringThread.connect`.
   * @param options `readsJournal` says whether the thread reads the journal. One thread at a time may.
   * @throws {BrokerError} if the storing thread is gone.
   */
  static open(
    port: MessagePort,
    { readsJournal = false }: { readonly readsJournal?: boolean } = {},
  ): Promise<ThreadBroker> {
    const { promise, resolve, reject } = Promise.withResolvers<ThreadBroker>();
    let broker: ThreadBroker | undefined;
    const lifeline = new Lifeline(() => {
      if (broker !== undefined) return broker.#end();
      port.close();
      reject(new BrokerError("The storing thread is gone."));
    });
    port.onmessage = ({ data }: MessageEvent<Welcome>) => {
      broker = new ThreadBroker(port, data, lifeline, readsJournal);
      resolve(broker);
    };
    const hello: Hello = { readsJournal, lifeline: lifeline.farEnd };
    port.postMessage(hello, [lifeline.farEnd]);
    return promise;
  }

  private constructor(
    port: MessagePort,
    welcome: Welcome,
    lifeline: Lifeline,
    readsJournal: boolean,
  ) {
    this.location = welcome.location;
    this.secret = welcome.secret;
    this.backups = welcome.hasBackups ? new AskedBackups(this) : undefined;
    const journal = readsJournal ? new AskedJournal(this, welcome.waitingSince) : undefined;
    if (journal !== undefined) this.journal = journal;
    this.#lifeline = lifeline;
    this.#farEnd = welcome.lifeline;
    this.#sanctions = new KnownSanctions(welcome.sanctions);
    this.#gauges = welcome.gauges;
    this.port = new ThreadPort<ToStoring, ToServing>(port, {
      answered: (id, value) => this.#calls.answered(id, value),
      failed: (id, error) => this.#calls.failed(id, error),
      published: (id, outcome) => this.#calls.answered(id, outcome),
      opened: (room) => this.#open.opened(room),
      committed: (room, ...page) =>
        this.#take(room, page[2].length)?.committed(room, receivePage(page)),
      revised: (room, messages) => this.#take(room, charsOf(messages))?.revised?.(room, messages),
      leftOut: (room, ...upTo) => this.#in(room)?.leftOut?.(room, ...upTo),
      signalled: (room, signal) => this.#take(room, signal.event.length)?.signalled(room, signal),
      logReplaced: (room, state) => this.#in(room)?.logReplaced?.(room, state),
      membersChanged: (room, change) =>
        this.#take(room, charsOfMembers(change))?.membersChanged?.(room, change),
      retainedChanged: (room, change) =>
        this.#take(room, charsOfRetained(change))?.retainedChanged?.(room, change),
      ordered: (order) => {
        this.#sanctions.ordered(order);
        this.#listener.ordered?.(order);
      },
      marked: (marks) => this.#listener.marked?.(marks),
      took: (chars) => this.#signals.took(chars),
      threads: (count) => void (this.#signals.threads = count),
      measured: (gauges) => void (this.#gauges = gauges),
      journalMoved: (...moved) => journal?.moved(...moved),
      settle: (id) =>
        void Promise.resolve(this.#listener.settle?.()).then(() => this.port.say("settled", id)),
    });
    this.#signals = new OutgoingSignals(this.port);
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  async open(room: string): Promise<LogState> {
    this.#open.open(room);
    try {
      return await this.call("open", room);
    } catch (thrown) {
      this.close(room);
      throw thrown;
    }
  }

  state(room: string): Promise<LogState> {
    return this.call("state", room);
  }

  close(room: string): void {
    this.#open.close(room);
    this.#prepared.trim();
    this.port.say("close", room);
  }

  prepare(batch: readonly Draft[]): ReadonlyMap<string, Promise<void>> | undefined {
    return this.#prepared.prepare(batch);
  }

  async publish<D extends Draft>(batch: readonly D[]): Promise<readonly Receipt<D>[]> {
    const outcome = await this.#calls.ask((id) => {
      const pauseMs = performance.now() - this.#answeredAt;
      this.port.say("publish", id, sendBatch(batch), pauseMs);
      this.port.flush(); // the storing thread can begin while this turn goes on
    });
    this.#answeredAt = performance.now();
    // A cast: a batch is answered by its outcome.
    return receiveOutcome(batch, outcome as SentOutcome);
  }

  canResume(room: string, mark: string, seq: number, rev = 0): Promise<boolean> {
    return this.call("canResume", room, mark, seq, rev);
  }

  /** The answer comes after all that was committed before, so by then it was received. */
  async catchUpTo(room: string): Promise<void> {
    await this.call("state", room);
  }

  async read(room: string, range: Range): Promise<Page | undefined> {
    const page = await this.call("read", room, range);
    return page && receivePage(page);
  }

  revisedSince(room: string, range: RevisedRange): Promise<readonly RevisedMessage[]> {
    return this.call("revisedSince", room, range);
  }

  reactionsOf(...of: Parameters<Calls["reactionsOf"]>): ReturnType<Calls["reactionsOf"]> {
    return this.call("reactionsOf", ...of);
  }

  /** Calls back at once here: those on this thread wait for no other. */
  signal(room: string, signal: Signal): void {
    this.#signals.send(room, signal);
    if (this.#open.has(room)) this.#listener.signalled(room, signal);
  }

  order(order: Order): Promise<void> {
    return this.call("order", order);
  }

  sanctions(): readonly Sanction[] {
    return this.#sanctions.current();
  }

  check(): Promise<void> {
    return this.call("check");
  }

  probe(): Promise<StoreTrouble | undefined> {
    return this.call("probe").catch(() => "storing_thread_died");
  }

  measure(): StoreGauges {
    return this.#gauges;
  }

  /** Asks the storing thread. Only the parts of this broker use it. */
  call<K extends CallName>(name: K, ...args: Parameters<Calls[K]>): ReturnType<Calls[K]> {
    const answer = this.#calls.ask((id) => this.port.say("call", id, name, args));
    // A cast: the storing thread answers as `Calls` says.
    return answer as ReturnType<Calls[K]>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call("leave").catch(() => {}); // it may be gone
    this.#end();
  }

  /** Counts text that has come. @returns the listener, if the room is open. */
  #take(room: string, chars: number): BrokerListener | undefined {
    this.#taken.add(chars);
    return this.#in(room);
  }

  /** Returns the listener, if the room is open. */
  #in(room: string): BrokerListener | undefined {
    return this.#open.hears(room) ? this.#listener : undefined;
  }

  /** The storing thread is gone, or this thread leaves it. */
  #end(): void {
    this.#calls.end();
    this.port.close();
    this.#lifeline.close();
    this.#farEnd.close();
  }
}
