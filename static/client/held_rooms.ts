/**
 * `heldRooms` are the rooms of the connection that several tabs share. It decides which tabs an event is
 * for.
 *
 * A room is joined once for all tabs. When another tab joins it, it is joined again, from the earlier of
 * two cursors: that of the tab, and that of the connection. The server then sends again what some tabs
 * have already, and their clients pass over it. So at any time each tab in a room has everything up to
 * the connection's cursor, and gets all that follows. A tab that passes over a message would also pass over
 * what became of it: if there was a revision meanwhile that the tab does not know, it resumes for itself.
 *
 * @module
 */
import type {
  Command,
  Cursor,
  ErrorEvent,
  Event,
  JoinCommand,
  JoinedEvent,
} from "../../server/protocol/messages.ts";
import { newRef } from "./outbox.ts";

/** An event, and which tabs it is for: some, those in its room, or the one that waits for its `ref`. */
export type Routed = readonly [event: Event, to: readonly string[] | "all" | "sender"];

/** A `join` of a tab. */
export interface TabJoin {
  readonly tab: string;
  readonly command: JoinCommand;
}

interface HeldRoom {
  /** The tabs that are in it. */
  readonly tabs: Set<string>;
  /** Those whose `join` is sent next. */
  waiting: TabJoin[];
  /** The `ref` of the last `join`. */
  ref: string;
  /** The `join` under way, one at a time: `joined` does not say to which it belongs. */
  joining?: { readonly since: Cursor | undefined; joins: TabJoin[] } | undefined;
  /** The last message that was received; undefined before the first `joined`. */
  cursor?: { epoch: string; seq: number; rev: number };
  /**
   * True after a `joined` that did not recover, until the first message, which may have any `seq`. If it
   * leaves a gap for a tab that was in the room before, that tab resumes for itself.
   */
  isFresh: boolean;
  /** The tabs that the last `joined` was for. The retained events are for them too. */
  newcomers: readonly string[];
}

/** Returns the cursor from which everyone gets what is missing, of cursors of one log. */
function earliest(cursors: readonly Cursor[]): Cursor | undefined {
  const [first] = cursors;
  if (!first) return undefined;
  const revs = cursors.flatMap(({ rev }) => rev ?? []);
  return {
    epoch: first.epoch,
    seq: Math.min(...cursors.map(({ seq }) => seq)),
    ...(revs.length > 0 && { rev: Math.min(...revs) }),
  };
}

/**
 * Makes the rooms of a connection: none.
 *
 * @param say sends a command.
 * @param reopen has tabs begin anew, and resume from their cursors.
 */
export function heldRooms(
  say: (command: Command) => void,
  reopen: (tabs: readonly string[]) => void,
) {
  const rooms = new Map<string, HeldRoom>();

  /** Sends the `join`s that wait, if none is under way: those with cursors of the same log as one. */
  function advance(name: string, room: HeldRoom): void {
    const { tabs, cursor, waiting } = room;
    const [first] = waiting;
    if (!first || room.joining) return;
    const epoch = first.command.since?.epoch;
    const isOfSameLog = ({ command }: TabJoin) => command.since?.epoch === epoch;
    const joins = waiting.filter(isOfSameLog);
    room.waiting = waiting.filter((join) => !isOfSameLog(join));
    const cursors = joins.flatMap(({ command }) => command.since ?? []);
    // A copy: while the `join` is under way, the cursor moves on.
    if (tabs.size && cursor && cursor.epoch === epoch) cursors.push({ ...cursor });
    const since = earliest(cursors);
    const ref = room.ref = newRef();
    room.joining = { since, joins };
    say({ type: "join", room: name, ref, ...(since && { since }) });
  }

  function leave(tab: string, name: string): void {
    const room = rooms.get(name);
    if (!room) return;
    const isOther = (join: TabJoin) => join.tab !== tab;
    room.tabs.delete(tab);
    room.waiting = room.waiting.filter(isOther);
    if (room.joining) room.joining.joins = room.joining.joins.filter(isOther);
    if (forgetIfEmpty(name, room) && (room.cursor || room.joining)) {
      say({ type: "leave", room: name });
    }
  }

  function leaveAll(tab: string): void {
    for (const name of [...rooms.keys()]) leave(tab, name);
  }

  function disconnect(tabs: readonly string[]): void {
    reopen(tabs);
    tabs.forEach(leaveAll);
  }

  function forgetIfEmpty(name: string, { tabs, waiting, joining }: HeldRoom): boolean {
    const isEmpty = !tabs.size && !waiting.length && !joining?.joins.length;
    return isEmpty && rooms.delete(name);
  }

  /**
   * Has those begin anew who will not hear of a revision: the server tells what became of the messages up to
   * the `seq` that it was asked for, and those after it come as they are now.
   */
  function reopenMissing(
    { recovered, epoch, rev }: JoinedEvent,
    { tabs, cursor }: HeldRoom,
    { since, joins }: NonNullable<HeldRoom["joining"]>,
  ): void {
    const misses = (at: Cursor) =>
      at.rev !== undefined && at.rev < rev && (!recovered || at.seq !== since?.seq);
    const missing = joins.filter(({ command }) =>
      recovered && command.since && misses(command.since)
    )
      .map(({ tab }) => tab);
    if (cursor?.epoch === epoch && misses(cursor)) {
      missing.push(...[...tabs].filter((tab) => !joins.some((join) => join.tab === tab)));
    }
    if (missing.length) disconnect(missing);
  }

  function joined(event: JoinedEvent, room: HeldRoom): Routed[] {
    const { joining, cursor } = room;
    // Without a `join` the server begins anew for all, or an event stream was opened again.
    const isAnswer = joining && !(event.recovered && !joining.since);
    if (isAnswer) reopenMissing(event, room, joining);
    const before = [...room.tabs];
    const newcomers = isAnswer ? joining.joins.map(({ tab }) => tab) : before;
    const others = before.filter((tab) => !newcomers.includes(tab));
    const isOfSameLog = cursor?.epoch === event.epoch;
    for (const tab of newcomers) room.tabs.add(tab);
    room.newcomers = newcomers;
    if (isAnswer || !event.recovered) {
      const { seq, rev = event.rev } = event.recovered && joining?.since || event;
      room.cursor = { epoch: event.epoch, seq, rev };
      room.isFresh = !event.recovered;
    }
    if (isAnswer) room.joining = undefined;
    advance(event.room, room);
    if (isOfSameLog || !others.length) return [[event, newcomers]];
    return [[event, newcomers], [{ ...event, recovered: false }, others]];
  }

  function refused(event: ErrorEvent): Routed[] {
    if (!event.ref) return [[event, "all"]];
    const [name, room] = [...rooms].find(([, { ref }]) => ref === event.ref) ?? [];
    if (name === undefined || !room) return [[event, "sender"]];
    const { joins } = room.joining ?? { joins: [] };
    room.joining = undefined;
    // The connection may be out of the room now, if the command was carried out: the other tabs ask.
    if (event.code !== "rate_limited" && room.tabs.size) disconnect([...room.tabs]);
    advance(name, room);
    forgetIfEmpty(name, room);
    return joins.map(({ tab, command: { ref } }) => [{ ...event, ...(ref && { ref }) }, [tab]]);
  }

  /**
   * Moves the cursor to a message.
   *
   * @returns whether it is the next one. Any other is a repeated one, which acknowledges it.
   */
  function moveTo(seq: number, room: HeldRoom): boolean {
    const { cursor, isFresh } = room;
    if (!cursor || !isFresh && seq !== cursor.seq + 1) return false;
    room.isFresh = false;
    cursor.seq = seq;
    return true;
  }

  return {
    join(join: TabJoin): void {
      const { room: name } = join.command;
      const room: HeldRoom = rooms.get(name) ??
        { tabs: new Set(), waiting: [], ref: "", isFresh: false, newcomers: [] };
      rooms.set(name, room);
      room.waiting.push(join);
      advance(name, room);
    },
    leave,
    /** Leaves all rooms of a tab. */
    leaveAll,
    /** Returns the event, for the tabs that it is for. See {@linkcode TransportHandlers.received}. */
    routed(event: Event, isAnswer = false): Routed[] {
      if (event.type === "error") return refused(event);
      const room = "room" in event ? rooms.get(event.room) : undefined;
      if (!room) return [[event, "all"]];
      if (event.type === "joined") return joined(event, room);
      if (event.type === "right" && event.right === "none") rooms.delete(event.room);
      if (event.type === "revised" && !event.ref && room.cursor) {
        room.cursor.rev = Math.max(room.cursor.rev, event.rev);
      }
      if (event.type === "custom" && event.retained) return [[event, room.newcomers]];
      const isMessage = "seq" in event && "at" in event && event.seq !== undefined;
      return [[event, isMessage && (isAnswer || !moveTo(event.seq, room)) ? "sender" : "all"]];
    },
    /** The connection is lost. */
    clear: () => rooms.clear(),
  };
}
