/**
 * A room that the client is in, or wants to be in: its cursor, and who is typing there. Which
 * message comes next is decided here and nowhere else.
 *
 * @module
 */
import type { Cursor, JoinedEvent, TypingEvent, User } from "../../server/protocol/messages.ts";
import { quietly } from "./client_error.ts";
import { now } from "./clock.ts";

/** How long a room's missed messages are waited for before something new is said in it. */
const CATCH_UP_MS = 1_000;
/** "Typing" is said again this often while it goes on, and forgotten after the longer time. */
const TYPING_MS = 3_000;
const TYPING_FORGOTTEN_MS = 5_000;

export class Membership {
  /** Settles when the room was entered for the first time, or will not be. */
  readonly entered: PromiseWithResolvers<JoinedEvent> = quietly(Promise.withResolvers());
  /** The `ref` of a `join` under way or done; without it, one is to be sent. */
  ref = "";
  joined = false;
  /** Not joined: no sooner joined. Joined: nothing said sooner, unless caught up. */
  notBefore = 0;
  readonly #room: string;
  readonly #tell: (event: TypingEvent) => void;
  readonly #typists = new Map<string, { from: User; timer: ReturnType<typeof setTimeout> }>();
  #epoch: string;
  /** The last message seen; -1 before the first. */
  #seq: number;
  /** The newest message when the room was joined. */
  #head = 0;
  #typedAt = 0;

  /** @param tell is told who types, and who does no more. */
  constructor(room: string, since: Cursor | undefined, tell: (event: TypingEvent) => void) {
    this.#room = room;
    this.#tell = tell;
    this.#epoch = since?.epoch ?? "";
    this.#seq = since?.seq ?? -1;
  }

  /** Where to resume; nowhere before the first message. */
  get since(): Cursor | undefined {
    return this.#seq < 0 ? undefined : { epoch: this.#epoch, seq: this.#seq };
  }

  /** Whether all that was said before joining has been seen. */
  get caughtUp(): boolean {
    return this.#seq >= this.#head;
  }

  join(event: JoinedEvent): void {
    if (!event.recovered) this.#seq = event.seq ? -1 : 0;
    this.#epoch = event.epoch;
    this.#head = event.seq;
    this.joined = true;
    this.notBefore = now() + CATCH_UP_MS;
    this.entered.resolve(event);
  }

  /** The connection is gone, or the room was left. */
  lost(): void {
    this.ref = "";
    this.joined = false;
    this.notBefore = this.#typedAt = 0;
    for (const { from } of this.#typists.values()) this.notTyping(from);
  }

  /**
   * Whether a message is to be told, and the cursor then moved over it.
   *
   * @param own it is the answer to one of ours.
   */
  moveTo(seq: number | undefined, own: boolean): boolean {
    if (seq === undefined) return true;
    if (seq <= this.#seq) return false;
    // The answer to a message sent again runs ahead of the log when we are behind: it comes again
    // in its place, and the cursor must not leap over what comes before.
    if (own && this.#seq >= 0 && seq > this.#seq + 1) return false;
    this.#seq = seq;
    return true;
  }

  /** Whether it is worth saying now that the user types, or does no more. */
  types(active: boolean): boolean {
    const time = now();
    if (active ? time - this.#typedAt < TYPING_MS : !this.#typedAt) return false;
    this.#typedAt = active ? time : 0;
    return true;
  }

  /** A message of the user's own says by itself that the typing is over. */
  said(): void {
    this.#typedAt = 0;
  }

  typing(event: TypingEvent): void {
    const { from, payload } = event;
    clearTimeout(this.#typists.get(from.id)?.timer);
    this.#typists.delete(from.id);
    if (payload) {
      const timer = setTimeout(() => this.notTyping(from), TYPING_FORGOTTEN_MS);
      this.#typists.set(from.id, { from, timer });
    }
    this.#tell(event);
  }

  /** Whoever said something, or is gone, is not typing. */
  notTyping(from: User): void {
    if (!this.#typists.has(from.id)) return;
    this.typing({ type: "typing", room: this.#room, from, payload: false });
  }
}
