/**
 * A `Membership` is a room that the client is in, or wants to be in: its cursor, and who is typing there.
 * Only here is decided whether a message is the next one.
 *
 * @module
 */
import type {
  Cursor,
  CustomCommand,
  JoinedEvent,
  ReadCommand,
  TypingCommand,
  TypingEvent,
  User,
} from "../../server/protocol/messages.ts";
import type { Right } from "../../server/protocol/tables.ts";
import { allowance, type Spend } from "./allowance.ts";
import { now } from "./clock.ts";
import { type Deferred, deferred } from "./deferred.ts";
import type { Dispatch } from "./events.ts";

/** How long sending waits for the messages that were missed, in milliseconds. */
const CATCH_UP_MS = 1_000;
/** How often "typing" is sent while it goes on, in milliseconds. */
const TYPING_INTERVAL_MS = 3_000;
/** How often the server is told what the user has read, in milliseconds. */
const READ_INTERVAL_MS = 1_000;
/** How long another user counts as typing after the last "typing", in milliseconds. */
const TYPING_EXPIRY_MS = 5_000;

/** One room of the client. */
export interface Membership {
  /** Settles when the room is entered for the first time, or is refused. */
  readonly entered: Deferred<JoinedEvent>;
  /** The `ref` of the `join` under way or done. While it is empty, a `join` is to be sent. */
  ref: string;
  readonly joined: boolean;
  /** What the user may do here; undefined before the first `joined`. */
  right?: Right;
  /**
   * Commands of which only the newest matters, until they are sent: custom events by their name, and
   * `typing` by the empty name.
   */
  readonly newest: Map<string, CustomCommand | TypingCommand>;
  /** How many messages are above the user's read mark; 0 without one. */
  readonly unread: number;
  /** The allowance of signals to this room, if they do not count for the one of the connection. */
  signals?: Spend | undefined;
  /**
   * Before it is joined: the time of the next attempt. After: how long messages wait, to catch up or
   * because a rule of the room refused one for now.
   */
  waitUntil: number;
  /** The cursor to resume from; undefined before the first message. */
  readonly since: Cursor | undefined;
  join(event: JoinedEvent): void;
  /** The connection is lost, or the room was left. */
  disconnected(): void;
  /**
   * Moves the cursor to a message.
   *
   * @param own what it acknowledges, if it is a message of this client.
   * @returns whether it is the next one, which the application gets.
   */
  moveTo(seq: number, own: object | undefined): boolean;
  /**
   * Moves the cursor to a revision.
   *
   * @returns whether it is a newer one, which the application gets.
   */
  reviseTo(rev: number): boolean;
  /** Notes that the user types, or stopped. The others are told when that is news for them. */
  userTypes(active: boolean): void;
  /** Notes that the user sent a message, which ends the typing: the server knows that. */
  userSent(): void;
  /** Notes that the user has read up to a message. The server is told once a second. */
  userReads(seq: number): void;
  /** Notes that the server knows that the user has read up to a message. */
  hasRead(seq: number): void;
  /** Yields the newest commands, and the mark if it is due. When the next is asked for, one was sent. */
  due(
    time: number,
    flushAt: (at: number) => void,
  ): Generator<CustomCommand | TypingCommand | ReadCommand>;
  /** Notes that another user types, or stopped. */
  typing(event: TypingEvent): void;
  /** Ends the typing of a user who sent a message, or is gone. */
  stopTyping(from: User): void;
}

/** Makes a membership that is not joined yet. */
export function createMembership(
  room: string,
  since: Cursor | undefined,
  dispatch: Dispatch,
): Membership {
  const typists = new Map<string, { from: User; timer: ReturnType<typeof setTimeout> }>();
  let epoch = since?.epoch ?? "";
  /** The `seq` of the last message; -1 before the first. */
  let last = since?.seq ?? -1;
  /** The last revision; undefined while it is not known. */
  let rev = since?.rev;
  /** The newest `seq` of the room when it was joined. */
  let head = 0;
  let joined = false;
  /** How far the user has read, and how far the server knows; -1 without a mark. */
  let [mark, told] = [-1, -1];
  /** When the server may be told again. */
  let tellAt = 0;
  /** When "typing" was sent; 0 if the user is not typing. */
  let typedAt = 0;

  const newestSeq = () => Math.max(head, last);

  const self: Membership = {
    entered: deferred(),
    ref: "",
    newest: new Map(),
    waitUntil: 0,
    get joined() {
      return joined;
    },
    get since() {
      return last < 0 ? undefined : { epoch, seq: last, ...(rev !== undefined && { rev }) };
    },
    get unread() {
      // The user may have read further on another device than this client has heard.
      return mark < 0 ? 0 : Math.max(0, newestSeq() - mark);
    },
    join(event) {
      if (!event.recovered) {
        last = event.seq ? -1 : 0;
        if (epoch !== event.epoch) mark = -1;
        rev = undefined;
      }
      rev ??= event.rev; // after a resume, the revisions that were missed follow
      told = -1; // what was told last may have been lost with the connection
      self.hasRead(event.read ?? -1);
      epoch = event.epoch;
      head = event.seq;
      joined = true;
      self.right = event.right;
      self.signals = event.limits?.signals && allowance(event.limits.signals);
      self.waitUntil = last < head ? now() + CATCH_UP_MS : 0;
      self.entered.resolve(event);
    },
    disconnected() {
      joined = false;
      self.ref = "";
      self.waitUntil = 0;
      self.userSent();
      for (const { from } of typists.values()) self.stopTyping(from);
    },
    moveTo(seq, own) {
      if (seq <= last) return false;
      // A message may be acknowledged although older ones have yet to come. It comes again in its order,
      // and the cursor must not pass over those before it. The first in order may have any `seq`.
      if (last >= 0 && seq > last + 1) {
        // Whatever lost the messages between, such as a holder of shared tabs: the server has them.
        if (!own) self.disconnected();
        return false;
      }
      if (last < head && seq >= head) self.waitUntil = 0;
      last = seq;
      return true;
    },
    reviseTo(newest) {
      if (newest <= (rev ?? 0)) return false;
      rev = newest;
      return true;
    },
    userTypes(active) {
      const time = now();
      if (active ? time - typedAt < TYPING_INTERVAL_MS : !typedAt) return;
      typedAt = active ? time : 0;
      self.newest.set("", { type: "typing", room, payload: active });
    },
    userSent() {
      typedAt = 0;
      self.newest.delete("");
    },
    userReads(seq) {
      // The server knows no mark before the first message.
      mark = Math.max(mark, Math.min(seq, newestSeq()) || -1);
    },
    hasRead(seq) {
      told = Math.max(told, seq);
      mark = Math.max(mark, told);
    },
    *due(time, flushAt) {
      if (!joined) return;
      for (const [name, command] of self.newest) {
        yield command;
        self.newest.delete(name);
      }
      if (mark <= told) return;
      if (tellAt > time) return flushAt(tellAt);
      yield { type: "read", room, seq: mark };
      told = mark;
      tellAt = time + READ_INTERVAL_MS;
    },
    typing(event) {
      const { from, payload } = event;
      clearTimeout(typists.get(from.id)?.timer);
      typists.delete(from.id);
      if (payload) {
        const timer = setTimeout(() => self.stopTyping(from), TYPING_EXPIRY_MS);
        typists.set(from.id, { from, timer });
      }
      dispatch("typing", event);
    },
    stopTyping(from) {
      if (!typists.has(from.id)) return;
      self.typing({ type: "typing", room, from, payload: false });
    },
  };
  // Not every application waits for it: a refusal is then not an unhandled rejection.
  self.entered.promise.catch(() => {});
  return self;
}
