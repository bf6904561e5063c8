/**
 * A room has members and subscribers. Its members are users, and `presence` says who they are; its
 * subscribers are their sessions, and `feed` brings the log to them. A room knows nothing of sockets or
 * of other rooms.
 *
 * @module
 */
import type { RetainedChange, RetainedEvent } from "../broker/retained.ts";
import { revisionDraft } from "../broker/revisions.ts";
import { encode, type MessageHeads, messageHeads, type Revision } from "../protocol/encode.ts";
import type { Cursor, Message } from "../protocol/messages.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { NodeContext } from "./context.ts";
import { Feed } from "./feed.ts";
import type { Pending } from "./pending.ts";
import { Presence } from "./presence.ts";
import type { ReadMarks } from "./read_marks.ts";
import { RetainedEvents } from "./retained_events.ts";
import type { Subscriber } from "./subscriber.ts";
import type { Typing } from "./typing.ts";
import type { ConnectedUser, ConnectedUsers } from "./user.ts";

/** What a room needs of the hub. */
export interface RoomContext extends NodeContext {
  readonly users: ConnectedUsers;
  readonly typing: Typing;
  readonly marks: ReadMarks;
  queue(pending: Pending): void;
  /** Called when the room has neither members nor subscribers any more. */
  emptied(room: Room): void;
}

/** When a client may try again to join a full room, or one whose log could not be read. */
const FULL_MS = 5000;
const UNREADABLE_MS = 1000;

export class Room {
  readonly name: string;
  readonly presence: Presence;
  readonly feed: Feed;
  readonly #retained = new RetainedEvents();
  readonly #context: RoomContext;
  readonly #heads: MessageHeads;
  /** A subscriber sees its message come back. Only the application, if it wants to know, needs a receipt. */
  readonly #needsReceipts: boolean;

  constructor(name: string, context: RoomContext) {
    this.name = name;
    this.#context = context;
    this.#heads = messageHeads(name);
    this.#needsReceipts = context.application?.onStored !== undefined;
    this.presence = new Presence(name, {
      ...context,
      announce: (event, exceptUserId) => this.feed.relay(encode(event), exceptUserId),
      disconnected: ({ user }) => context.typing.end(name, user),
      emptied: () => this.#closeIfEmpty(),
    });
    this.feed = new Feed(name, {
      ...context,
      presence: this.presence,
      retained: this.#retained,
      joinFailed: (subscriber, ref) => {
        this.leave(subscriber);
        const refusal = this.#refusal("unavailable", "its log cannot be read now", UNREADABLE_MS);
        subscriber.joinFailed(name, refusal, ref);
      },
    });
  }

  /**
   * Lets a subscriber in. One that has joined already starts again from the cursor.
   *
   * @throws {Refusal} `room_full`
   */
  join(subscriber: Subscriber, since: Cursor | undefined, ref: string | undefined): void {
    if (!this.feed.has(subscriber)) {
      const max = this.#context.options.maxMembersPerRoom;
      if (max > 0 && this.feed.size >= max) {
        throw this.#refusal("room_full", "the room is full", FULL_MS);
      }
      this.presence.enter(subscriber.user);
    }
    this.feed.add(subscriber, since, ref);
  }

  /** Lets a subscriber out who wants to go or has to. */
  leave(subscriber: Subscriber): void {
    if (!this.feed.delete(subscriber)) return;
    this.presence.leave(subscriber.user);
    this.#closeIfEmpty();
  }

  /** Lets a subscriber out whose connection is gone. Its user has the grace period to come back. */
  lose(subscriber: Subscriber): void {
    if (!this.feed.delete(subscriber)) return;
    this.presence.lose(subscriber.user);
    this.#closeIfEmpty();
  }

  /** Replaces the user that a subscriber had before by its present one. */
  changeUser(subscriber: Subscriber, previous: ConnectedUser): void {
    this.presence.leave(previous);
    this.presence.enter(subscriber.user);
  }

  /**
   * Queues a message for the log. One from a subscriber that is not let in yet waits until it is.
   *
   * @param rest what follows `seq` and `at` in its event.
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
      receipt: this.#needsReceipts,
      seq: 0,
      movesMark: true,
    };
    this.#queue(sender, pending);
  }

  /**
   * Queues what a subscriber asks to become of a message, behind what it has said before.
   *
   * @throws {Refusal} `unavailable` if too much is waiting.
   */
  revise(sender: Subscriber, revision: Revision, ref: string | undefined): void {
    const { id: userId } = sender.user;
    this.#queue(sender, {
      ...revisionDraft(this.name, userId, revision, ref),
      sender,
      movesMark: false,
    });
  }

  #queue(sender: Subscriber, pending: Pending): void {
    const held = this.feed.heldFor(sender);
    if (held === undefined) this.#context.queue(pending);
    else held.add(pending);
  }

  /** Whether this retained event was stored before, and replaced since. */
  isReplaced(event: RetainedEvent): boolean {
    return this.#retained.isReplaced(event);
  }

  /** Applies a change of the retained events, and sends the members what is new to them. */
  retainedChanged(change: RetainedChange): void {
    for (const event of this.#retained.apply(change)) this.feed.relay(event);
  }

  /** Stops the timers. */
  close(): void {
    this.feed.close();
    this.presence.close();
  }

  #refusal(code: "room_full" | "unavailable", why: string, retryAfterMs: number): Refusal {
    const sentence = `Cannot join ${JSON.stringify(this.name)}: ${why}.`;
    const details = { field: "room", retryAfterMs };
    if (code === "unavailable") return new Refusal(code, sentence, details);
    return new Refusal(code, sentence, { ...details, limit: "max_members_per_room" });
  }

  #closeIfEmpty(): void {
    if (this.feed.size === 0 && this.presence.isEmpty) this.#context.emptied(this);
  }
}
