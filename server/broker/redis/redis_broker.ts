/**
 * The broker for several nodes, which keeps the log in Redis. A batch is one script for each of its
 * rooms, all sent together: one round trip per tick. A node subscribes to the rooms in which it has
 * members, and delivers only what arrives over their channels, also its own messages.
 *
 * Redis keeps what its `appendonly` and `maxmemory-policy` let it keep. When it has lost something, the
 * room's epoch changes.
 *
 * @module
 */
import { silentLog } from "../../log.ts";
import { Metrics } from "../../metrics.ts";
import type { Draft } from "../../protocol/encode.ts";
import type { Broker, BrokerListener, LogState, Range, Receipt, Signal } from "../broker.ts";
import type { Order, Sanction } from "../orders.ts";
import type { Page } from "../page.ts";
import type { RetainedEvent } from "../retained.ts";
import type { StoreGauges, StoreTrouble } from "../store_health.ts";
import { stateOf } from "../replicated_room.ts";
import type { ReactionRange, RevisedMessage, RevisedRange } from "../revisions.ts";
import { APPEND } from "./append_script.ts";
import { ERASE_SCRIPTS, RedisEraser } from "./erasing.ts";
import { Heartbeat } from "./heartbeat.ts";
import { cannotUse, RedisLink } from "./link.ts";
import { RedisLog } from "./log.ts";
import { READ } from "./entries_script.ts";
import { POSITION } from "./log_scripts.ts";
import { RedisMarks, WRITE_MARKS } from "./marks.ts";
import { databaseOf, RedisNames } from "./names.ts";
import { RedisMembers } from "./members.ts";
import { MEMBERS } from "./members_script.ts";
import { RedisOrders } from "./orders.ts";
import { RedisRetained } from "./retained.ts";
import { Publisher } from "./publisher.ts";
import type { RedisOptions } from "./redis_options.ts";
import { REVISE, REVISED, TARGETS } from "./revise_scripts.ts";
import { RedisRevisions } from "./revisions.ts";
import { RedisRoom, signalMessage } from "./room.ts";
import { RoomScripts } from "./room_scripts.ts";
import { RedisSecret } from "./secret.ts";
import { CHANGE_FIELD } from "./shared_hash.ts";

/** The users of a dead node are gone within a lease and a heartbeat: 24 s. */
const LEASE_MS = 18_000;
/** Rooms that a heartbeat checks at once. */
const ROOMS_AT_ONCE = 64;

export class RedisBroker implements Broker {
  readonly location: string;
  readonly secret: Uint8Array;
  readonly members: RedisMembers;
  readonly marks: RedisMarks;
  readonly eraser: RedisEraser;
  readonly #secret: RedisSecret;
  readonly #link: RedisLink;
  readonly #log: RedisLog;
  readonly #revisions: RedisRevisions;
  readonly #retained: RedisRetained;
  readonly #orders: RedisOrders;
  readonly #publisher: Publisher;
  readonly #heartbeat: Heartbeat;
  readonly #rooms = new Map<string, RedisRoom>();
  #listener: BrokerListener = { committed() {}, signalled() {} };

  /** @throws {BrokerError} with one line, if Redis cannot be used. */
  static async open(options: RedisOptions): Promise<RedisBroker> {
    const { url, prefix = "parley", log = silentLog, leaseMs = LEASE_MS } = options;
    const names = new RedisNames(prefix, databaseOf(url));
    const scripts = [
      ...[POSITION, APPEND, READ, TARGETS, REVISE, REVISED],
      ...[MEMBERS, CHANGE_FIELD, WRITE_MARKS, ...ERASE_SCRIPTS],
    ];
    const { metrics = new Metrics() } = options;
    const settlingMs = leaseMs / 6;
    const link = await RedisLink.open({ url, scripts, names, log, metrics, settlingMs });
    try {
      const secret = await RedisSecret.open(link);
      const orders = await RedisOrders.open(link);
      const marks = await RedisMarks.open(link);
      return new RedisBroker(options, link, orders, marks, secret, leaseMs);
    } catch (thrown) {
      await link.close();
      throw cannotUse(url, thrown);
    }
  }

  private constructor(
    options: RedisOptions,
    link: RedisLink,
    orders: RedisOrders,
    marks: RedisMarks,
    secret: RedisSecret,
    leaseMs: number,
  ) {
    const { host, pathname } = new URL(options.url);
    this.location = `Redis at ${host}${pathname === "/" ? "" : pathname}`;
    this.#secret = secret;
    this.secret = secret.bytes;
    this.#link = link;
    const scripts = new RoomScripts(link, options);
    this.#log = new RedisLog(scripts);
    this.#revisions = new RedisRevisions(scripts);
    this.#publisher = new Publisher(this.#log, this.#revisions, this.#rooms);
    const { absenceMs = leaseMs } = options;
    this.members = new RedisMembers(link, scripts.node, leaseMs, absenceMs);
    this.#retained = new RedisRetained(link);
    this.marks = marks;
    const known = (room: string) => this.#rooms.get(room)?.known;
    this.eraser = new RedisEraser(scripts, this.#retained, marks, known);
    this.#orders = orders;
    this.#heartbeat = new Heartbeat(() => this.#checkAll(), leaseMs / 3);
    link.onReconnect(() => this.#heartbeat.hasten());
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
    const parts = [this.members, this.#retained, this.#orders, this.marks];
    for (const part of parts) part.listen(listener);
  }

  async open(room: string): Promise<LogState> {
    const opening = new RedisRoom(room, this.#link, this.#log, this.#listener, {
      members: (message) => this.members.receive(room, message),
      retained: (message) => this.#retained.receive(room, message),
    });
    this.#rooms.get(room)?.close();
    this.#rooms.set(room, opening);
    try {
      const state = await opening.open();
      await Promise.all([this.members.open(room), this.#retained.open(room)]);
      return state;
    } catch (thrown) {
      if (this.#rooms.get(room) === opening) this.close(room);
      throw thrown;
    }
  }

  async state(room: string): Promise<LogState> {
    return stateOf(await this.#log.state(room));
  }

  canResume(room: string, mark: string, seq: number, rev = 0): Promise<boolean> {
    return this.#log.canResume(room, mark, seq, rev);
  }

  probe(): Promise<StoreTrouble | undefined> {
    return this.#secret.probe();
  }

  measure(): StoreGauges {
    return { isConnected: this.#link.isConnected };
  }

  /** Nothing to check: Redis may be away, and nothing that happens in this process harms it. */
  async check(): Promise<void> {}

  close(room: string): void {
    this.#rooms.get(room)?.close();
    this.#rooms.delete(room);
    this.#retained.close(room);
    void this.members.close(room);
  }

  publish<D extends Draft>(
    batch: readonly D[],
    unstored: (draft: D) => void = () => {},
  ): Promise<readonly Receipt<D>[]> {
    return this.#publisher.publish(batch, unstored);
  }

  async catchUpTo(room: string, seq: number, rev: number): Promise<void> {
    await this.#rooms.get(room)?.catchUpTo({ seq, rev });
  }

  read(room: string, range: Range): Promise<Page | undefined> {
    return this.#log.read(room, range);
  }

  revisedSince(room: string, range: RevisedRange): Promise<readonly RevisedMessage[]> {
    return this.#log.revisedSince(room, range);
  }

  reactionsOf(
    room: string,
    userId: string,
    range: ReactionRange,
  ): Promise<ReadonlyMap<number, readonly string[]>> {
    return this.#revisions.reactionsOf(room, userId, range);
  }

  signal(room: string, signal: Signal): void {
    this.#link.publish(this.#link.names.channel(room), signalMessage(signal));
  }

  retain(room: string, event: RetainedEvent): Promise<void> {
    return this.#retained.retain(room, event);
  }

  order(order: Order): Promise<void> {
    return this.#orders.order(order);
  }

  sanctions(): readonly Sanction[] {
    return this.#orders.sanctions();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#heartbeat.stop();
    await this.members.end(); // before its rooms are closed, which forgets their members
    for (const room of this.#rooms.keys()) this.close(room);
    await this.#link.close();
    await this.#heartbeat.settled();
  }

  /**
   * Checks every room for missed messages, and renews the leases of its members. A room that fails,
   * because its key holds something else, must not keep the others from that.
   */
  async #checkAll(): Promise<void> {
    await this.#link.check();
    await this.#secret.keep();
    await this.#orders.heartbeat();
    const rooms = [...this.#rooms.values()];
    for (let index = 0; index < rooms.length && this.#link.isReady; index += ROOMS_AT_ONCE) {
      const some = rooms.slice(index, index + ROOMS_AT_ONCE);
      await Promise.allSettled(some.map((room) => this.#checkRoom(room)));
    }
  }

  async #checkRoom(room: RedisRoom): Promise<void> {
    await this.members.heartbeat(room.name);
    await this.#retained.heartbeat(room.name);
    if (room.known?.runId !== this.#link.runId) return await room.catchUp();
    const { epoch, head, rev } = await this.#log.state(room.name);
    const { known } = room;
    const isSame = epoch === known.epoch && head === known.head && rev === known.rev;
    if (!isSame) void room.catchUp();
  }
}
