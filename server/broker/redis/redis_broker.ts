/**
 * The log on Redis, for many nodes. A batch is one script for each of its rooms, all sent together:
 * one round trip a tick. Every node delivers only what it hears, its own messages too, and hears only
 * the rooms in which it has members.
 *
 * Redis keeps what its `appendonly` and `maxmemory-policy` let it keep; what it lost is noticed, and
 * the room's epoch changes.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import { type Log, silentLog } from "../../log.ts";
import type { Draft } from "../../protocol/encode.ts";
import type { Broker, BrokerListener, LogState, Range, Receipt, Signal } from "../broker.ts";
import type { Page } from "../page.ts";
import { APPEND } from "./append_script.ts";
import { RedisLink, unusable } from "./link.ts";
import { type LogPolicy, RedisLog, stateOf } from "./log.ts";
import { RedisNames } from "./names.ts";
import { RedisMembers } from "./members.ts";
import { MEMBERS } from "./members_script.ts";
import { RedisRoom } from "./room.ts";
import { LOOK, READ } from "./scripts.ts";

export interface RedisOptions extends LogPolicy {
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url: string;
  /**
   * Begins every key and channel, so that several Parleys can share a Redis. Letters, digits and
   * `_.:-`: a brace would hide where the room begins.
   *
   * @default {"parley"}
   */
  readonly prefix?: string;
  /** Where it is told that Redis is away, and back. @default {silentLog} */
  readonly log?: Log;
  /**
   * How long people stay in a room without a word from their node, in milliseconds. Every node gives
   * its word three times as often.
   *
   * @default {18000}
   */
  readonly leaseMs?: number;
}

/** A dead node's people are gone within a lease and a beat: 24 s. */
const LEASE_MS = 18_000;
/** Rooms that are asked after at once. */
const AT_ONCE = 64;
/** What was stored and is not heard after so long is read instead. */
const UNHEARD_MS = 200;

export class RedisBroker implements Broker {
  readonly location: string;
  readonly secret: Uint8Array;
  readonly members: RedisMembers;
  readonly #link: RedisLink;
  readonly #log: RedisLog;
  /** How often every room is held against the log, and people are vouched for. */
  readonly #beatMs: number;
  readonly #rooms = new Map<string, RedisRoom>();
  #listener: BrokerListener = { committed() {}, signalled() {} };
  #beatTimer: ReturnType<typeof setTimeout> | undefined;
  #beating: Promise<void> = Promise.resolve();
  #closed = false;

  /** @throws {BrokerError} in one line, if Redis cannot be used. */
  static async open(options: RedisOptions): Promise<RedisBroker> {
    const { url, prefix = "parley", log = silentLog, leaseMs = LEASE_MS } = options;
    const names = new RedisNames(prefix, databaseOf(url));
    const scripts = [LOOK, APPEND, READ, MEMBERS];
    const link = await RedisLink.open({ url, scripts, names, log, settlingMs: leaseMs / 6 });
    try {
      await link.ask("SET", names.secret, randomBytes(32).toString("base64url"), "NX");
      const secret = Buffer.from(String(await link.ask("GET", names.secret)), "base64url");
      return new RedisBroker(options, link, new Uint8Array(secret));
    } catch (thrown) {
      await link.close();
      throw unusable(options.url, thrown);
    }
  }

  private constructor(options: RedisOptions, link: RedisLink, secret: Uint8Array) {
    const { host, pathname } = new URL(options.url);
    this.location = `Redis at ${host}${pathname === "/" ? "" : pathname}`;
    this.secret = secret;
    this.#link = link;
    this.#log = new RedisLog(link, options);
    const { leaseMs = LEASE_MS } = options;
    this.#beatMs = leaseMs / 3;
    this.members = new RedisMembers(link, this.#log.node, leaseMs);
    link.listen({ returned: () => this.#beatSoon(0) });
    this.#beatSoon(this.#beatMs);
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
    this.members.listen(listener);
  }

  async open(room: string): Promise<LogState> {
    const opening = new RedisRoom(
      room,
      this.#link,
      this.#log,
      this.#listener,
      (message) => this.members.hear(room, message),
    );
    this.#rooms.get(room)?.close();
    this.#rooms.set(room, opening);
    try {
      const state = await opening.open();
      await this.members.open(room);
      return state;
    } catch (thrown) {
      if (this.#rooms.get(room) === opening) this.close(room);
      throw thrown;
    }
  }

  async state(room: string): Promise<LogState> {
    return stateOf(await this.#log.state(room));
  }

  canResume(room: string, mark: string, seq: number): Promise<boolean> {
    return this.#log.vouches(room, mark, seq);
  }

  /** Redis is elsewhere: it may be away, and whatever ends this process does no harm to it. */
  async check(): Promise<void> {}

  close(room: string): void {
    this.#rooms.get(room)?.close();
    this.#rooms.delete(room);
    void this.members.close(room);
  }

  async publish<D extends Draft>(
    batch: readonly D[],
    unstored?: (draft: D) => void,
  ): Promise<readonly Receipt<D>[]> {
    const byRoom = Map.groupBy(batch, ({ room }) => room);
    const outcomes = await Promise.allSettled(
      [...byRoom].map(([room, drafts]) => this.#publish(room, drafts)),
    );
    if (outcomes.length > 0 && outcomes.every(({ status }) => status === "rejected")) {
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    }
    const receipts: Receipt<D>[] = [];
    [...byRoom.values()].forEach((drafts, index) => {
      const outcome = outcomes[index];
      if (outcome?.status === "fulfilled") receipts.push(...outcome.value);
      else for (const draft of drafts) unstored?.(draft);
    });
    return receipts;
  }

  async catchUpTo(room: string, seq: number): Promise<void> {
    await this.#rooms.get(room)?.reach(seq);
  }

  read(room: string, range: Range): Promise<Page | undefined> {
    return this.#log.read(room, range);
  }

  signal(room: string, { event, exceptUserId = "" }: Signal): void {
    this.#link.publish(this.#link.names.channel(room), `s${exceptUserId}\n${event}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#beatTimer);
    for (const room of this.#rooms.keys()) this.close(room);
    await this.members.end();
    await this.#link.close();
    await this.#beating;
  }

  async #publish<D extends Draft>(
    room: string,
    drafts: readonly D[],
  ): Promise<readonly Receipt<D>[]> {
    const known = () => this.#rooms.get(room)?.known;
    const { epoch, last, receipts } = await this.#log.append(room, drafts, known);
    await this.#rooms.get(room)?.reached(epoch, last, UNHEARD_MS);
    return receipts;
  }

  #beatSoon(milliseconds: number): void {
    clearTimeout(this.#beatTimer);
    if (this.#closed) return;
    this.#beatTimer = setTimeout(() => {
      this.#beating = this.#beating.then(() => this.#beat()).catch(() => {
        // Redis is away: the next beat, or its return, does all of it.
      }).then(() => this.#beatSoon(this.#beatMs));
    }, milliseconds);
  }

  /**
   * Every room is asked after, in case something was not heard. One that cannot be, because somebody
   * put another thing under its key, must not keep the others from being vouched for.
   */
  async #beat(): Promise<void> {
    await this.#link.check();
    // A Redis that lost everything is told the secret again before a new node makes up another.
    await this.#link.ask(
      "SET",
      this.#link.names.secret,
      Buffer.from(this.secret).toString("base64url"),
      "NX",
    );
    const rooms = [...this.#rooms.values()];
    for (let index = 0; index < rooms.length && this.#link.isReady; index += AT_ONCE) {
      const some = rooms.slice(index, index + AT_ONCE);
      await Promise.allSettled(some.map((room) => this.#askAfter(room)));
    }
  }

  async #askAfter(room: RedisRoom): Promise<void> {
    await this.members.beat(room.name);
    if (room.known?.runId !== this.#link.runId) return await room.catchUp();
    const { epoch, head } = await this.#log.state(room.name);
    room.compare(epoch, head);
  }
}

/** The number of the database that a URL names. */
function databaseOf(url: string): number {
  return Number(new URL(url).pathname.slice(1));
}
