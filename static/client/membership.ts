/**
 * `Membership` is a room that the client is in, or wants to be in: its cursor, and who is typing there.
 * Only here is decided whether a message is the next one.
 *
 * @module
 */
import type {
  Cursor,
  CustomCommand,
  JoinedEvent,
  TypingCommand,
  TypingEvent,
  User,
} from "../../server/protocol/messages.ts";
import type { Right } from "../../server/protocol/tables.ts";
import { now } from "./clock.ts";

/** How long sending waits for the messages that were missed, in milliseconds. */
const CATCH_UP_MS = 1_000;
/** How often "typing" is sent while it goes on, in milliseconds. */
const TYPING_INTERVAL_MS = 3_000;
/** How long another user counts as typing after the last "typing", in milliseconds. */
const TYPING_EXPIRY_MS = 5_000;

/** One room of the client. */
export class Membership {
  /** Settles when the room is entered for the first time, or is refused. */
  readonly entered: PromiseWithResolvers<JoinedEvent> = Promise.withResolvers();
  /** The `ref` of the `join` under way or done. While it is empty, a `join` is to be sent. */
  ref = "";
  joined = false;
  /** What the user may do here; undefined before the first `joined`. */
  right: Right | undefined;
  /**
   * Commands of which only the newest matters, until they are sent: custom events by their name, and
   * `typing` by the empty name.
   */
  readonly newest = new Map<string, CustomCommand | TypingCommand>();
  /** Before it is joined: the time of the next attempt. After: how long sending waits to catch up. */
  waitUntil = 0;
  readonly #room: string;
  readonly #typingChanged: (event: TypingEvent) => void;
  readonly #typists = new Map<string, { from: User; timer: ReturnType<typeof setTimeout> }>();
  #epoch: string;
  /** The `seq` of the last message; -1 before the first. */
  #seq: number;
  /** The newest `seq` of the room when it was joined. */
  #head = 0;
  /** When "typing" was sent; 0 if the user is not typing. */
  #typedAt = 0;

  constructor(
    room: string,
    since: Cursor | undefined,
    typingChanged: (event: TypingEvent) => void,
  ) {
    this.#room = room;
    this.#typingChanged = typingChanged;
    this.#epoch = since?.epoch ?? "";
    this.#seq = since?.seq ?? -1;
    // Not every application waits for it: a refusal is then not an unhandled rejection.
    this.entered.promise.catch(() => {});
  }

  /** The cursor to resume from; undefined before the first message. */
  get since(): Cursor | undefined {
    return this.#seq < 0 ? undefined : { epoch: this.#epoch, seq: this.#seq };
  }

  /** Whether all messages from before the join have come. */
  get caughtUp(): boolean {
    return this.#seq >= this.#head;
  }

  join(event: JoinedEvent): void {
    if (!event.recovered) this.#seq = event.seq ? -1 : 0;
    this.#epoch = event.epoch;
    this.#head = event.seq;
    this.right = event.right;
    this.joined = true;
    this.waitUntil = now() + CATCH_UP_MS;
    this.entered.resolve(event);
  }

  /** The connection is lost, or the room was left. */
  disconnected(): void {
    this.ref = "";
    this.joined = false;
    this.waitUntil = 0;
    this.userSent();
    for (const { from } of this.#typists.values()) this.stopTyping(from);
  }

  /**
   * Moves the cursor to a message.
   *
   * @param isOwn whether it acknowledges a message of this client.
   * @returns whether it is the next one, which the application gets.
   */
  moveTo(seq: number, isOwn: boolean): boolean {
    if (seq <= this.#seq) return false;
    // A repeated message is acknowledged at once, although older ones have yet to come. It comes
    // again in its order, and the cursor must not pass over those before it.
    if (isOwn && this.#seq >= 0 && seq > this.#seq + 1) return false;
    this.#seq = seq;
    return true;
  }

  /** Notes that the user types, or stopped. The others are told when that is news for them. */
  userTypes(active: boolean): void {
    const time = now();
    if (active ? time - this.#typedAt < TYPING_INTERVAL_MS : !this.#typedAt) return;
    this.#typedAt = active ? time : 0;
    this.newest.set("", { type: "typing", room: this.#room, payload: active });
  }

  /** Notes that the user sent a message, which ends the typing: the server knows that. */
  userSent(): void {
    this.#typedAt = 0;
    this.newest.delete("");
  }

  /** Notes that another user types, or stopped. */
  typing(event: TypingEvent): void {
    const { from, payload } = event;
    clearTimeout(this.#typists.get(from.id)?.timer);
    this.#typists.delete(from.id);
    if (payload) {
      const timer = setTimeout(() => this.stopTyping(from), TYPING_EXPIRY_MS);
      this.#typists.set(from.id, { from, timer });
    }
    this.#typingChanged(event);
  }

  /** Ends the typing of a user who sent a message, or is gone. */
  stopTyping(from: User): void {
    if (!this.#typists.has(from.id)) return;
    this.typing({ type: "typing", room: this.#room, from, payload: false });
  }
}
