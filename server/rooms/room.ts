/**
 * A room: its members and the head of its log. A member is live, and is written to as messages are
 * committed; or behind, and is fed from the log until it has reached the head. Joining, resuming and
 * catching up after a slow network are the same act, and `#feed` is the one piece of code for it.
 *
 * It knows the log through the broker and its members through `Member`; sockets, sessions and other
 * rooms are none of its business.
 *
 * @module
 */
import type { Broker, LogState, MemberChange, Signal } from "../broker/broker.ts";
import type { Page } from "../broker/page.ts";
import { Batch, cut } from "../broker/page.ts";
import { epochOf, markOf } from "../broker/epoch.ts";
import type { Clock } from "../access/allowances.ts";
import { type Log, reason } from "../log.ts";
import type { Options } from "../options.ts";
import type { Cursor, Message, SystemEvent, User } from "../protocol/messages.ts";
import { encode, messageHead } from "../protocol/encode.ts";
import { MAX_LISTED } from "../protocol/tables.ts";
import { Refusal } from "../protocol/refusal.ts";
import { HeldMessages, type Pending, type Sender } from "./pending.ts";
import type { ConnectedUser, ConnectedUsers } from "./user.ts";
import { Presence } from "./presence.ts";
import { Tail } from "./tail.ts";
import type { Typing } from "./typing.ts";

/** What a room needs of a session. */
export interface Subscriber extends Sender {
  /** Whether it takes more now; if not, it becomes behind and is fed when it has drained. */
  readonly ready: boolean;
  send(frame: Batch): void;
  /** An answer to what it asked: not dropped, however much is queued. */
  reply(frame: Batch): void;
  /** It could not be let in after all. */
  expelled(room: Room, ref: string | undefined): void;
}

/** What a room needs of the hub. */
export interface RoomContext {
  readonly broker: Broker;
  readonly options: Options;
  readonly connectedUsers: ConnectedUsers;
  readonly log: Log;
  readonly now: Clock;
  readonly typing: Typing;
  queue(pending: Pending): void;
  /** Nobody is here any more. */
  emptied(room: Room): void;
}

/** Where a behind member is. */
interface CatchUp {
  seq: number;
  /** Its first page may begin anywhere: it starts afresh and expects nothing in particular. */
  fresh: boolean;
  /** A page for it is on its way. */
  feeding: boolean;
  /** What it said before it was let in; `undefined` from then on. */
  held?: HeldMessages | undefined;
}

/** How much a behind member is given at once, in characters and in messages. */
const PAGE_CHARS = 65_536;
const PAGE_MESSAGES = 256;
/** How long to wait when the log could not be read. */
const RETRY_MS = 1000;

export class Room {
  readonly name: string;
  readonly #context: RoomContext;
  readonly #live = new Set<Subscriber>();
  readonly #behind = new Map<Subscriber, CatchUp>();
  readonly #presence: Presence;
  readonly #tail: Tail;
  readonly #heads: Record<Message["type"], string>;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #epoch = "";
  #head = 0;
  /** Settles when the broker has told where the log stands. */
  #opened: Promise<void> | undefined;

  constructor(name: string, context: RoomContext) {
    this.name = name;
    this.#context = context;
    this.#tail = new Tail(context.options.tailBytes);
    this.#heads = { chat: messageHead("chat", name), custom: messageHead("custom", name) };
    this.#presence = new Presence({
      room: name,
      people: context.connectedUsers,
      graceMs: context.options.graceSeconds * 1000,
      now: context.now,
      shared: context.broker.members,
      announce: (event: SystemEvent, except) => this.#cast(Batch.of(encode(event)), except),
      disconnected: (person) => this.#context.typing.end(name, person.user),
      emptied: () => this.#closeIfEmpty(),
    });
  }

  /** Connections in the room. */
  get subscriberCount(): number {
    return this.#live.size + this.#behind.size;
  }

  /** People in the room, on this node. */
  get members(): readonly User[] {
    return this.#presence.users;
  }

  /** People in the room. */
  get memberCount(): number {
    return this.#presence.count;
  }

  /**
   * Lets a member in: `joined`, what it missed or the recent messages, then live. One who is in
   * already starts again from its cursor.
   *
   * @throws {Refusal} `room_full`
   */
  join(member: Subscriber, since: Cursor | undefined, ref: string | undefined): void {
    const { held = new HeldMessages() } = this.#behind.get(member) ?? {};
    const wasIn = this.#live.delete(member) || this.#behind.delete(member);
    if (!wasIn) {
      const most = this.#context.options.maxMembersPerRoom;
      if (most > 0 && this.subscriberCount >= most) {
        throw new Refusal("room_full", `Cannot join ${JSON.stringify(this.name)}: it is full.`, {
          field: "room",
          retryAfterMs: 5000,
        });
      }
      this.#presence.enter(member.user);
    }
    const place: CatchUp = { seq: 0, fresh: true, feeding: true, held };
    this.#behind.set(member, place);
    void this.#admit(member, place, since, ref);
  }

  /** @param atOnce it said so, rather than being lost. */
  leave(member: Subscriber, atOnce: boolean): void {
    const place = this.#behind.get(member);
    const was = this.#live.delete(member) || this.#behind.delete(member);
    if (!was) return;
    if (place !== undefined) this.#release(place);
    this.#presence.leave(member.user, atOnce);
    this.#closeIfEmpty();
  }

  /** The member is somebody else from now on. */
  changeUser(member: Subscriber, old: ConnectedUser): void {
    this.#presence.leave(old, true);
    this.#presence.enter(member.user);
  }

  /**
   * A message for the log: `rest` is what follows `seq` and `at` in its event. One who is not let in
   * yet waits with it.
   *
   * @throws {Refusal} `unavailable` if too much is waiting.
   */
  publish(sender: Subscriber, type: Message["type"], rest: string, ref: string | undefined): void {
    const pending = {
      room: this.name,
      userId: sender.user.id,
      ref,
      head: this.#heads[type],
      rest,
      sender,
      receipt: false, // a member sees its message come back
    };
    const held = this.#behind.get(sender)?.held;
    if (held === undefined) this.#context.queue(pending);
    else held.add(pending);
  }

  /** New messages were committed. */
  deliver(page: Page): void {
    const before = this.#head;
    if (page.last <= before) return;
    this.#head = page.last;
    this.#tail.push(page);
    for (const member of this.#live) {
      if (member.ready) {
        member.send(page.batch);
      } else {
        this.#live.delete(member);
        this.#behind.set(member, { seq: before, fresh: false, feeding: false });
      }
    }
  }

  /** The log is another, or goes on elsewhere: everybody starts afresh. */
  replaceLog(state: LogState): void {
    this.#epoch = epochOf(state, this.name);
    this.#head = state.head;
    this.#tail.clear();
    for (const member of [...this.#live, ...this.#behind.keys()]) {
      this.#live.delete(member);
      const { held } = this.#behind.get(member) ?? {};
      const place: CatchUp = { seq: 0, fresh: true, feeding: false, held };
      this.#behind.set(member, place);
      this.#start(member, place, undefined);
      void this.#feed(member, place);
    }
  }

  /** Somebody came, went or took another name, here or on another node. */
  memberChanged(change: MemberChange): void {
    this.#presence.hear(change);
  }

  /** Something ephemeral: to whoever can take it. */
  relay({ event, exceptUserId }: Signal): void {
    this.#cast(Batch.of(event), exceptUserId);
  }

  /** A member that was behind can take more. */
  drained(member: Subscriber): void {
    const place = this.#behind.get(member);
    if (place !== undefined) void this.#feed(member, place);
  }

  /** An earlier message, to one who sent it again: at once, or in its turn if it is behind. */
  repeat(member: Subscriber, seq: number, event: string): void {
    const place = this.#behind.get(member);
    if (place === undefined || place.seq >= seq) member.reply(Batch.of(event));
  }

  /** The server is going. */
  close(): void {
    clearTimeout(this.#retryTimer);
    this.#presence.close();
  }

  async #admit(
    member: Subscriber,
    place: CatchUp,
    since: Cursor | undefined,
    ref: string | undefined,
  ): Promise<void> {
    try {
      await (this.#opened ??= this.#open());
      const recovered = since !== undefined && await this.#reaches(since);
      if (this.#behind.get(member) !== place) return;
      this.#start(member, place, recovered ? since : undefined);
    } catch (thrown) {
      this.#context.log.warn("join failed", { room: this.name, reason: reason(thrown) });
      if (this.#behind.get(member) !== place) return;
      const { held } = place;
      place.held = undefined;
      this.leave(member, true);
      member.expelled(this, ref);
      held?.refuse();
      return;
    }
    await this.#feed(member, place);
  }

  async #open(): Promise<void> {
    try {
      const state = await this.#context.broker.open(this.name);
      this.#epoch = epochOf(state, this.name);
      // What was committed while the answer was on its way has been delivered already.
      this.#head = Math.max(this.#head, state.head);
    } catch (thrown) {
      this.#opened = undefined;
      throw thrown;
    }
  }

  /** Whether the log still holds everything after the cursor. */
  async #reaches({ epoch, seq }: Cursor): Promise<boolean> {
    if (seq > this.#head) await this.#context.broker.catchUpTo?.(this.name, seq);
    if (seq > this.#head || !await this.#vouches(epoch, seq)) return false;
    return seq === this.#head || (await this.#read(seq))?.first === seq + 1;
  }

  /** Whether what was shown up to there under that epoch is what the log holds now. */
  async #vouches(epoch: string, seq: number): Promise<boolean> {
    if (epoch === this.#epoch) return true;
    const mark = markOf(epoch, this.#epoch);
    if (mark === undefined) return false;
    return await this.#context.broker.canResume?.(this.name, mark, seq) ?? false;
  }

  /** Tells a member where the room stands, and sets it at its cursor or before the newest messages. */
  #start(member: Subscriber, place: CatchUp, since: Cursor | undefined): void {
    place.seq = since?.seq ?? Math.max(0, this.#head - this.#context.options.recentMessages);
    place.fresh = since === undefined;
    place.feeding = false;
    member.reply(Batch.of(
      `{"type":"joined","room":${JSON.stringify(this.name)},"epoch":${
        JSON.stringify(this.#epoch)
      },` +
        `"seq":${this.#head},"recovered":${since !== undefined},` +
        `"members":${this.#presence.list(MAX_LISTED)},"memberCount":${this.#presence.count}}`,
    ));
    this.#release(place);
  }

  /** Puts into the log what was waiting. */
  #release(place: CatchUp): void {
    const { held } = place;
    place.held = undefined;
    held?.release((pending) => this.#context.queue(pending));
  }

  /** Feeds a behind member, page by page, until it is live or can take no more for now. */
  async #feed(member: Subscriber, place: CatchUp): Promise<void> {
    if (place.feeding) return;
    place.feeding = true;
    try {
      while (this.#behind.get(member) === place && member.ready) {
        if (place.seq >= this.#head) {
          this.#behind.delete(member);
          this.#live.add(member);
          return;
        }
        const head = this.#head;
        const page = await this.#read(place.seq);
        if (this.#behind.get(member) !== place) return;
        if (!place.fresh && page?.first !== place.seq + 1) {
          this.#start(member, place, undefined); // the log was pruned past its cursor
          place.feeding = true;
          continue;
        }
        if (page !== undefined) member.send(page.batch);
        // Nothing there: nothing up to where the head was when we asked. It may have moved since.
        place.seq = page?.last ?? head;
        place.fresh = false;
      }
    } catch (thrown) {
      this.#context.log.warn("history unreadable", { room: this.name, reason: reason(thrown) });
      // Nobody waits for it any more if the member left meanwhile, or the server is going.
      if (this.#behind.get(member) !== place) return;
      this.#retryTimer ??= setTimeout(() => this.#feedAll(), RETRY_MS);
    } finally {
      place.feeding = false;
    }
  }

  #feedAll(): void {
    this.#retryTimer = undefined;
    for (const [member, place] of this.#behind) void this.#feed(member, place);
  }

  async #read(after: number): Promise<Page | undefined> {
    const page = this.#tail.after(after, PAGE_CHARS) ??
      await this.#context.broker.read(this.name, {
        after,
        limit: PAGE_MESSAGES,
        chars: PAGE_CHARS,
      });
    return page && cut(page, after, this.#head);
  }

  /** To all who were told `joined` and can take more: what happens while they are fed follows that. */
  #cast(frame: Batch, exceptUserId?: string): void {
    const cast = (member: Subscriber) => {
      if (member.user.id !== exceptUserId && member.ready) member.send(frame);
    };
    this.#live.forEach(cast);
    for (const [member, { held }] of this.#behind) if (held === undefined) cast(member);
  }

  #closeIfEmpty(): void {
    if (this.subscriberCount === 0 && this.#presence.isEmpty) this.#context.emptied(this);
  }
}
