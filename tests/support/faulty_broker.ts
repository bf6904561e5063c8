/**
 * A broker that fails when it is told to, or keeps its answers back: what a full disk or a store on
 * another machine does.
 *
 * @module
 */
import type {
  Broker,
  BrokerListener,
  LogState,
  Range,
  Receipt,
  Signal,
} from "../../server/broker/broker.ts";
import type { Eraser } from "../../server/broker/eraser.ts";
import type { Order, Sanction } from "../../server/broker/orders.ts";
import type { MarkStore } from "../../server/broker/marks.ts";
import type { StoreGauges, StoreTrouble } from "../../server/broker/store_health.ts";
import type { Page } from "../../server/broker/page.ts";
import type { RetainedEvent } from "../../server/broker/retained.ts";
import type { ReactionRange, RevisedMessage, RevisedRange } from "../../server/broker/revisions.ts";
import { SqliteBroker } from "../../server/broker/sqlite/sqlite_broker.ts";
import { StaticFiles } from "../../server/http/static_files.ts";
import { completeOptions } from "../../server/options.ts";
import type { Draft } from "../../server/protocol/encode.ts";
import type { Application } from "../../server/access/application.ts";
import type { Options } from "../../server/mod.ts";
import { Server } from "../../server/server.ts";
import { silentLog } from "../../server/log.ts";

type Call =
  | "open"
  | "state"
  | "publish"
  | "read"
  | "signal"
  | "retain"
  | "order"
  | "marks"
  | "check";

export class FaultyBroker implements Broker {
  readonly #inner: Broker;
  /** Calls that fail, for as long as they are in here. */
  readonly failing = new Set<Call>();
  /** Calls of which the next one fails. */
  readonly failingOnce = new Set<Call>();
  /** Messages up to this `seq` are lost: they cannot be read. */
  lostUpTo = 0;
  readonly #unprepared = new Map<string, Promise<void>>();
  #before: Promise<void> = Promise.resolve();
  #after: Promise<void> = Promise.resolve();
  #pause: (() => Promise<void>) | undefined;
  #afterMarks: Promise<void> = Promise.resolve();
  /** The calls of `committed` that are kept back; `undefined` while none are. */
  #pages: (() => void)[] | undefined;

  private constructor(inner: Broker) {
    this.#inner = inner;
    this.secret = inner.secret;
  }

  static async make(): Promise<FaultyBroker> {
    const options = { path: ":memory:", retainMessages: 0, retainDays: 0, dedupeMessages: 1000 };
    return new FaultyBroker(await SqliteBroker.open(options));
  }

  /** Makes one whose answers to reads all take so long. */
  static slow(inner: Broker, pause: () => Promise<void>): FaultyBroker {
    const broker = new FaultyBroker(inner);
    broker.#pause = pause;
    return broker;
  }

  readonly location = "nowhere";
  readonly secret: Uint8Array;

  listen(listener: BrokerListener): void {
    this.#inner.listen({
      ...listener,
      committed: (...page) => {
        if (this.#pages === undefined) listener.committed(...page);
        else this.#pages.push(() => listener.committed(...page));
      },
    });
  }

  async open(room: string): Promise<LogState> {
    return await this.#call("open", () => this.#inner.open(room));
  }

  async state(room: string): Promise<LogState> {
    return await this.#call("state", () => this.#inner.state(room));
  }

  close(room: string): void {
    this.#inner.close(room);
  }

  prepare(batch: readonly Draft[]): ReadonlyMap<string, Promise<void>> | undefined {
    const held = batch.filter(({ room }) => this.#unprepared.has(room));
    if (held.length === 0) return undefined;
    return new Map(held.map(({ room }) => [room, this.#unprepared.get(room) ?? Promise.resolve()]));
  }

  async publish<D extends Draft>(batch: readonly D[]): Promise<readonly Receipt<D>[]> {
    return await this.#call("publish", () => this.#inner.publish(batch));
  }

  async canResume(room: string, mark: string, seq: number, rev?: number): Promise<boolean> {
    return await this.#inner.canResume?.(room, mark, seq, rev) ?? false;
  }

  async read(room: string, range: Range): Promise<Page | undefined> {
    const after = range.after === undefined ? {} : { after: Math.max(range.after, this.lostUpTo) };
    return await this.#call("read", () => this.#inner.read(room, { ...range, ...after }));
  }

  async revisedSince(room: string, range: RevisedRange): Promise<readonly RevisedMessage[]> {
    return await this.#call("read", () => this.#inner.revisedSince(room, range));
  }

  async reactionsOf(
    room: string,
    userId: string,
    range: ReactionRange,
  ): Promise<ReadonlyMap<number, readonly string[]>> {
    return await this.#call("read", () => this.#inner.reactionsOf(room, userId, range));
  }

  signal(room: string, signal: Signal): void {
    if (this.failing.has("signal")) throw new Error("signal failed, as it was told to");
    this.#inner.signal(room, signal);
  }

  async retain(room: string, event: RetainedEvent): Promise<void> {
    await this.#call("retain", () => this.#inner.retain(room, event));
  }

  /** Marks may fail, but only `holdMarks` keeps them back: tests keep messages back. */
  get marks(): MarkStore {
    const { marks } = this.#inner;
    const unlessFailing = <T>(act: () => Promise<T>) =>
      this.failing.has("marks") ? Promise.reject(new Error("as it was told to")) : act();
    const read = async <T>(act: () => Promise<T>) => {
      const found = await unlessFailing(act);
      await this.#afterMarks;
      return found;
    };
    return {
      get: (...of) => read(() => marks.get(...of)),
      all: (...of) => read(() => marks.all(...of)),
      write: (some) => unlessFailing(() => marks.write(some)),
    };
  }

  get eraser(): Eraser {
    return this.#inner.eraser;
  }

  async order(order: Order): Promise<void> {
    await this.#call("order", () => this.#inner.order(order));
  }

  sanctions(): readonly Sanction[] {
    return this.#inner.sanctions();
  }

  async check(): Promise<void> {
    await this.#call("check", () => this.#inner.check());
  }

  async probe(): Promise<StoreTrouble | undefined> {
    return this.failing.has("publish") ? "store_failed" : await this.#inner.probe();
  }

  measure(): StoreGauges {
    return this.#inner.measure();
  }

  /** Where a log stands, past all faults. */
  async head(room: string): Promise<number> {
    return (await this.#inner.state(room)).head;
  }

  /** That room is not prepared until one of the returned functions is called. */
  holdRoom(room: string): { readonly prepared: () => void; readonly failed: () => void } {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {}); // whoever waits for it is told
    this.#unprepared.set(room, promise);
    const end = (act: () => void) => () => {
      this.#unprepared.delete(room);
      act();
    };
    return { prepared: end(resolve), failed: end(() => reject(new Error("as it was told to"))) };
  }

  /** From now on no call is carried out until the returned function is called. */
  holdCalls(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#before = promise;
    return resolve;
  }

  /** From now on calls are carried out, but their answers, except to `publish`, are kept back. */
  holdAnswers(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#after = promise;
    return resolve;
  }

  /** From now on marks are read, but not answered, until the returned function is called. */
  holdMarks(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#afterMarks = promise;
    return resolve;
  }

  /** From now on what is committed is told only when the returned function is called, as by a slow channel. */
  holdPages(): () => void {
    const pages: (() => void)[] = this.#pages = [];
    return () => {
      this.#pages = undefined;
      for (const tell of pages) tell();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  async #call<T>(call: Call, carryOut: () => Promise<T>): Promise<T> {
    await this.#before;
    const fails = this.failing.has(call) || this.failingOnce.delete(call);
    if (fails) throw new Error(`${call} failed, as it was told to`);
    const answer = await carryOut();
    if (call !== "publish") await this.#after;
    if (call === "read") await this.#pause?.();
    return answer;
  }
}

/** A listening server on that broker. */
export async function serveOn(
  broker: Broker,
  options: Partial<Options> = {},
  application: Application = {},
): Promise<Server> {
  const server = new Server({
    options: completeOptions({
      port: 0,
      rate: 0,
      addressRate: 0,
      maxConnectionsPerAddress: 0,
      ...options,
    }),
    broker,
    files: await StaticFiles.load(),
    log: silentLog,
    application,
  });
  server.listen();
  return server;
}
