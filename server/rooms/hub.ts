/**
 * The heart: rooms by name, people by id, and the tick. What arrives in one turn of the event loop
 * is committed in one transaction and written to each connection as one frame. While a commit is in
 * flight the next batch gathers; so batches grow with the load, and the cost of a message falls.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { type Clock, TokenBuckets } from "../access/allowances.ts";
import { RoomLimits } from "../access/room_limits.ts";
import type { Source } from "../access/source.ts";
import {
  type Broker,
  FullError,
  isSameMessage,
  type RoomSummary,
  type Signal,
} from "../broker/broker.ts";

import type { Identity } from "../access/identity.ts";
import { type Log, reason } from "../log.ts";
import type { Options } from "../options.ts";
import { DEFAULT_ROOM } from "../protocol/tables.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { User } from "../protocol/messages.ts";
import { ConnectedUsers } from "./user.ts";
import type { Pending } from "./pending.ts";
import { Room } from "./room.ts";
import { charsOf, Unprepared } from "./unprepared.ts";
import { Typing } from "./typing.ts";

/** Something that gathers what it is given during a turn, and writes it when told to. */
export interface Outbox {
  /** Writes what it gathered, or a piece of that. Never throws. @returns whether there is another piece. */
  flush(): boolean;
}

/** What an embedding program may decide: whether this person may do this in that room. */
export type Authorize = (user: User, action: "join" | "speak", room: string) => boolean;

export interface HubContext {
  readonly broker: Broker;
  readonly options: Options;
  readonly identity: Identity;
  readonly log: Log;
  readonly now: Clock;
  readonly authorize: Authorize;
}

/**
 * Text committed in one tick, in characters: what is over goes into the next. Never more than half of
 * the high-water mark, so that one tick does not make everybody behind.
 */
const TICK_CHARS = 131_072;
/** In many rooms at once a tick may bring so many times as much. */
const TICK_ROOMS = 8;
/**
 * The runtime hears at most 128 sockets in a turn, though a thousand may be waiting. So many frames in
 * one turn are a sign that there are more; and if they are spread thinly, over so many rooms that each
 * has only a few, then a moment's patience makes far better batches.
 */
const CROWDED_FRAMES = 100;
const THIN = 8;
const GATHER_MS = 10;
/** Text waiting while the broker is slow: above it, senders are told to come back later. */
const QUEUE_CHARS = 16_777_216;
const RETRY_MS = 1000;
/** Users whose allowances are remembered. */
const MAX_ALLOWANCES = 65_536;
/** A commit that takes longer is logged. */
const SLOW_COMMIT_MS = 1000;

export class Hub {
  readonly users = new ConnectedUsers();
  readonly context: HubContext;
  /** How much each user may do, on whichever connection to this node. */
  readonly allowances: TokenBuckets;
  readonly #roomLimits: RoomLimits;
  readonly typing: Typing;
  readonly #rooms = new Map<string, Room>();
  readonly #unprepared: Unprepared;
  #queue: Pending[] = [];
  #queuedChars = 0;
  readonly #tickChars: number;
  #outboxes: Outbox[] = [];
  #ticking = false;
  /** Frames that came in this turn. */
  #frames = 0;
  /** Set while a crowded turn waits for more. */
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #committing: Promise<void> | undefined;
  #closed = false;

  constructor(context: HubContext) {
    this.context = context;
    const { options, broker, now } = context;
    this.allowances = new TokenBuckets(options.rate, options.burst, now, MAX_ALLOWANCES);
    this.#roomLimits = new RoomLimits(options);
    this.typing = new Typing(context);
    this.#tickChars = Math.min(TICK_CHARS, options.highWaterBytes / 2);
    this.#unprepared = new Unprepared({
      broker,
      requeue: (pending) => this.#requeue(pending),
      refuse: (pending) => this.#refuse(pending),
    });
    broker.listen({
      committed: (room, page) => this.#tell(room, (there) => there.deliver(page)),
      signalled: (room, signal) => this.#tell(room, (there) => there.relay(signal)),
      logReplaced: (room, state) => this.#tell(room, (there) => there.replaceLog(state)),
      membersChanged: (room, change) => this.#tell(room, (there) => there.memberChanged(change)),
      membersHere: (room) => this.#rooms.get(room)?.members ?? [],
    });
  }

  /** The rooms that somebody is in. */
  get rooms(): ReadonlyMap<string, Room> {
    return this.#rooms;
  }

  /** The fullest of the rooms that somebody is in, on whichever node, and that may be told of. */
  async occupied(most: number, mayBeTold: (room: string) => boolean): Promise<RoomSummary[]> {
    const shared = await this.context.broker.members?.rooms(most);
    const rooms = shared ??
      [...this.#rooms.values()].map(({ name, memberCount }) => ({
        name,
        memberCount: memberCount,
      }));
    return rooms
      .filter(({ name, memberCount }) => memberCount > 0 && mayBeTold(name))
      .sort((a, b) => b.memberCount - a.memberCount || (a.name < b.name ? -1 : 1))
      .slice(0, most);
  }

  /**
   * The room of that name, made if nobody is in it. The default room can always be made.
   *
   * @param source who opens it, and is counted as its opener until it is empty.
   * @throws {Refusal} `too_many_rooms`
   */
  room(name: string, source: Source): Room {
    let room = this.#rooms.get(name);
    if (room !== undefined) return room;
    if (name !== DEFAULT_ROOM) this.#roomLimits.check(this.#rooms.size, source);
    room = new Room(name, {
      ...this.context,
      connectedUsers: this.users,
      typing: this.typing,
      queue: (pending) => this.queue(pending),
      emptied: (room) => this.#remove(room, source),
    });
    this.#rooms.set(name, room);
    this.#roomLimits.enter(source);
    return room;
  }

  /**
   * Puts a message into the next batch.
   *
   * @throws {Refusal} `unavailable` if too much is waiting already, or the server is going.
   */
  queue(pending: Pending): void {
    if (this.#closed || this.#queuedChars > QUEUE_CHARS) throw unavailable();
    this.#queue.push(pending);
    this.#queuedChars += charsOf(pending);
    this.#tickSoon();
  }

  /** A frame came in from somebody who is better sent much at once than little soon. */
  countFrame(): void {
    this.#frames++;
  }

  /** Sends something that is not stored to a room's members, on all nodes. */
  signal(room: string, signal: Signal): void {
    this.context.broker.signal(room, signal);
  }

  /** This outbox has something to write at the end of this turn. */
  flushSoon(outbox: Outbox): void {
    this.#outboxes.push(outbox);
    this.#tickSoon();
  }

  /** Settles after the next tick: never, if the tick has stopped. */
  ticked(): Promise<void> {
    return new Promise((resolve) =>
      this.flushSoon({
        flush() {
          resolve();
          return false;
        },
      })
    );
  }

  /** Takes no more messages, and settles when all that were taken are committed and written. */
  async drain(): Promise<void> {
    this.#closed = true;
    do {
      await this.#beginCommit();
      await this.#unprepared.settled();
    } while (this.#queue.length > 0 || this.#committing !== undefined);
    this.#flush();
  }

  /** Forgets all rooms and stops their timers. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#gathering);
    for (const room of this.#rooms.values()) room.close();
    this.#rooms.clear();
  }

  #tickSoon(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    setImmediate(() => this.#tick());
  }

  #tick(): void {
    const isCrowded = this.#frames >= CROWDED_FRAMES;
    this.#frames = 0;
    if (isCrowded && this.#gathering === undefined && this.#isThin) {
      this.#gathering = setTimeout(() => this.#tick(), GATHER_MS);
      return;
    }
    this.#ticking = false;
    this.#gathering = undefined;
    if (this.#queue.length > 0) void this.#beginCommit();
    this.#flush();
  }

  /** What is queued is little for each of its rooms. */
  get #isThin(): boolean {
    return this.#queue.length < THIN * new Set(this.#queue.map(({ room }) => room)).size;
  }

  /** Text that one tick may bring. */
  get #mostChars(): number {
    return this.#tickChars * Math.min(TICK_ROOMS, Math.max(1, this.#rooms.size));
  }

  /** Commits what is queued, unless a commit is in flight: that one begins the next when it has ended. */
  #beginCommit(): Promise<void> {
    return this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
      this.#flush();
      if (this.#queue.length > 0) this.#tickSoon();
    });
  }

  async #commit(): Promise<void> {
    const batch = this.#unprepared.sift(this.#takeBatch());
    if (batch.length === 0) return;
    const { log, now } = this.context;
    const begun = now();
    try {
      // The broker has called `committed` for all of it when this returns.
      const receipts = await this.context.broker.publish(batch, (draft) => this.#refuse(draft));
      for (const { draft, seq, event, repeated } of receipts) {
        this.#safely(() => {
          if (repeated && !isSameMessage(event, draft)) draft.sender.refuse(conflict(), draft.ref);
          else draft.sender.stored(draft.room, seq, event, repeated);
        });
      }
    } catch (thrown) {
      log.error("commit failed", { messages: batch.length, reason: reason(thrown) });
      const sentence = thrown instanceof FullError ? thrown.message : undefined;
      for (const pending of batch) this.#refuse(pending, sentence);
    }
    const milliseconds = Math.round(now() - begun);
    if (milliseconds > SLOW_COMMIT_MS) {
      log.warn("slow commit", { messages: batch.length, milliseconds });
    }
  }

  /** Puts messages back that were taken before all that is queued. */
  #requeue(pending: readonly Pending[]): void {
    if (pending.length === 0) return;
    this.#queue = [...pending, ...this.#queue];
    for (const one of pending) this.#queuedChars += charsOf(one);
    this.#tickSoon();
  }

  #refuse({ sender, ref }: Pending, sentence?: string): void {
    this.#safely(() => sender.refuse(unavailable(sentence), ref));
  }

  /** Tells an open room what the broker says. The broker goes on with its other rooms whatever happens. */
  #tell(name: string, act: (room: Room) => void): void {
    const room = this.#rooms.get(name);
    if (room !== undefined) this.#safely(() => act(room));
  }

  /** Does something for one room or one sender. If it throws, that is logged, and nobody else notices. */
  #safely(act: () => void): void {
    try {
      act();
    } catch (thrown) {
      this.context.log.error("delivery failed", { reason: reason(thrown) });
    }
  }

  /** The oldest of what is queued, as much as one tick may bring. */
  #takeBatch(): readonly Pending[] {
    const most = this.#mostChars;
    let chars = 0;
    let count = 0;
    while (count < this.#queue.length && chars < most) {
      const pending = this.#queue[count++];
      if (pending !== undefined) chars += charsOf(pending);
    }
    this.#queuedChars -= chars;
    if (count === this.#queue.length) {
      const batch = this.#queue;
      this.#queue = [];
      return batch;
    }
    return this.#queue.splice(0, count);
  }

  /**
   * Piece by piece round all of them: who is sent one event a frame is not sent all of his before the
   * next is sent any. It is faster, too: see (e) of the benchmark.
   */
  #flush(): void {
    let outboxes = this.#outboxes;
    this.#outboxes = [];
    while (outboxes.length > 0) outboxes = outboxes.filter((outbox) => outbox.flush());
  }

  #remove(room: Room, source: Source): void {
    if (this.#rooms.get(room.name) !== room) return;
    room.close();
    this.#rooms.delete(room.name);
    this.#roomLimits.leave(source);
    this.#safely(() => this.context.broker.close(room.name));
  }
}

function unavailable(
  sentence = "The message could not be stored. Send it again later.",
): Refusal {
  return new Refusal("unavailable", sentence, { retryAfterMs: RETRY_MS });
}

function conflict(): Refusal {
  return new Refusal("conflict", "That ref was given to another message already.", {
    field: "ref",
  });
}
