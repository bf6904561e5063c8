/**
 * `openShared` lets the tabs of a browser share one connection to the server. One tab, the holder, has
 * a Web Lock and the connection (`connection_holder.ts`). The others send it their commands and get the
 * events over a `BroadcastChannel`. The holder's own client does the same.
 *
 * Each tab stays a whole client, with its own cursors, rooms and unacknowledged messages. When the holder
 * goes, the next tab gets the lock, and for all tabs it is as if their connection was lost: they say
 * hello, resume from their cursors and send again with the same `ref`. So nothing here has to be kept or
 * handed over, and a message is neither lost nor doubled for the reason that it never is.
 *
 * The connection is in a room once. When another tab joins it, the server begins anew at that tab's cursor,
 * for all. A tab that has everything up to there goes on: its client passes over what it has. Any other joins
 * as well, from its own cursor. That is the answer to everything that a tab may have missed.
 *
 * A tab that is closed or crashes loses its lock at once. One that is about to be frozen gives it up. One that
 * hangs keeps it, and the others notice that it does not answer, and steal the lock.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { holdConnection, type HolderMessage } from "./connection_holder.ts";
import type { Routed, TabMessage } from "./connection_holder.ts";
import { deferred } from "./deferred.ts";
import { newRef } from "./outbox.ts";
import { browserLocks, sinceStandstill } from "./standstill.ts";
import { CLOSE_GOING_AWAY, CLOSE_LOST } from "./transport.ts";
import type { OpenTransport, Transport, TransportHandlers } from "./transport.ts";

/** How often a tab looks whether it hears from the holder, in milliseconds, and up to a third more. */
const WATCH_MS = 130;
/** How many questions stay unanswered before a tab steals the lock: more after holders were robbed that live. */
const MIN_PATIENCE = 3;
const MAX_PATIENCE = 12;

/** A room that the tab is in, or asked to enter. */
interface TabRoom {
  /** The last `join`. */
  readonly join: wire.JoinCommand;
  /** What its client has; undefined until `join` is answered. With `seq` -1 any message may be the next. */
  at?: { readonly epoch: string; seq: number; rev: number };
  /** Whether the last `joined` was for this tab. The retained events are for it too then. */
  isNewcomer?: boolean;
}

/**
 * Opens a connection through the tab that has one, or becomes that tab. Without Web Locks or
 * `BroadcastChannel`, it opens one for this tab alone.
 *
 * @param group names the tabs that share: those with the same name and URL.
 */
export function openShared(
  group: string,
  openAlone: OpenTransport,
  url: string,
  handlers: TransportHandlers,
): Transport {
  const locks = browserLocks();
  if (!locks || !globalThis.BroadcastChannel) return openAlone(url, handlers);

  // Tabs whose code is of another version speak another language: the number is that of this one.
  const name = `parley 4 ${group} ${url}`;
  /** Names the tab, and the lock that it has while it is there. */
  const tab = newRef();
  const channel = new BroadcastChannel(name);
  const listeners = new AbortController();
  const ended = deferred<void>();
  const rooms = new Map<string, TabRoom>();
  /** The `ref`s of the commands that are not answered yet. */
  const sent = new Set<string>();
  const onTimeMs = sinceStandstill(2 * WATCH_MS);
  let holder = 0;
  let stopHolding: (() => void) | undefined;
  let alone: Transport | undefined;
  let isClosed = false;
  /** Whether this tab has the lock, or waits for it. */
  let isInLine = false;
  let hasHeard = false;
  let unanswered = 0;
  let patience = MIN_PATIENCE;
  let timer: ReturnType<typeof setTimeout> | undefined;

  locks.request(`${name} ${tab}`, listeners, () => {
    if (isClosed) return;
    watch();
    return ended.promise;
  }).catch((error: unknown) => {
    if (isClosed) return;
    // Chromium gives no lock to a page that stands still. The client tries again.
    if (!(error instanceof DOMException)) return handlers.closed(CLOSE_LOST);
    channel.close();
    alone = openAlone(url, handlers); // the browser refuses locks, for example in a frame without an origin
  });

  /** Waits for the lock, or steals it, and holds the connection until this tab closes or is robbed. */
  async function hold(options: { signal: AbortSignal } | { steal: true }): Promise<void> {
    isInLine = true;
    let isOver = false;
    let stop: (() => void) | undefined;
    await locks?.request(name, options, async () => {
      const id = Math.max(Date.now(), holder + 1) + Math.random();
      // A tab that stood still, or robbed when another did, may be robbed already: it is told before the answer.
      await locks.query();
      if (isOver || isClosed) return;
      stopHolding = stop = holdConnection(id, name, url, openAlone, locks);
      return ended.promise;
    }).catch(() => {}); // another tab stole it, or this one closed or stood still before it had it
    isOver = true;
    stop?.();
    if (stopHolding === stop) stopHolding = undefined;
    if (isClosed) return;
    if (stop && onTimeMs() > 1_000) post({ lock: "robbed" }); // it did not hang
    if (options !== listeners) return; // one that stole the lock still waits for it
    isInLine = false;
    if (stop) void hold(listeners); // the timers of a hidden tab are late
  }

  const post = (message: Partial<TabMessage> = {}) =>
    channel.postMessage({ tab, holder, ...message } satisfies TabMessage);

  function watch(): void {
    timer = setTimeout(watch, WATCH_MS * (1 + Math.random() / 3));
    if (!isInLine) void hold(listeners); // for the first time, or because it was robbed or not given the lock
    patience = Math.max(MIN_PATIENCE, patience * 0.995); // half of it in 20 seconds
    // Where the machine is busy, silence says little. The timers of a hidden tab are late too.
    const weight = onTimeMs() < WATCH_MS ? 0.25 : 1;
    unanswered = hasHeard || stopHolding ? 0 : unanswered + weight;
    hasHeard = false;
    if (unanswered > patience) {
      unanswered = 0;
      post({ lock: "steals" });
      void hold({ steal: true });
    } else if (unanswered) post();
  }

  channel.onmessage = ({ data }: MessageEvent<HolderMessage | TabMessage>) => {
    if (isClosed) return;
    if ("tab" in data) { // what else another tab says is for the holder
      if (data.lock === "steals") unanswered = 0;
      if (data.lock === "robbed") patience = Math.min(MAX_PATIENCE, patience * 1.5);
      return;
    }
    if (data.holder < holder) return; // it was robbed, and speaks once more
    hasHeard = true;
    if (data.holder === holder) {
      const { opened, events, isAnswer, closed } = data;
      if (events) handlers.received(events.flatMap((event) => mine(event, isAnswer)), isAnswer);
      if (opened?.includes(tab)) handlers.opened();
      if (closed) handlers.closed(...closed);
    } else {
      if (holder) handlers.reopening?.(); // the client resumes from its cursors
      holder = data.holder;
      rooms.clear();
      sent.clear();
      post();
    }
  };

  /** Returns the event as it is for this tab, if it is. */
  function mine([event, to, since]: Routed, isAnswer?: boolean): wire.Event[] {
    const room = rooms.get("room" in event && event.room || "");
    if (room && (event.type === "joined" || event.type === "error" && to)) {
      return answered(event, room, to, since);
    }
    if (to) return to.includes(tab) ? [event] : [];
    const ref = "ref" in event && event.ref;
    const isOwn = !!ref && sent.delete(ref);
    if (ref && (isAnswer || event.type === "error" || event.type === "revised")) {
      return isOwn ? [event] : [];
    }
    // The server tells of a read mark whether or not the client is in the room.
    if (!room) return "room" in event && event.type !== "read" ? [] : [event];
    if (event.type === "right" && event.right === "none") rooms.delete(event.room);
    if (event.type === "custom" && event.retained) return room.isNewcomer ? [event] : [];
    const seq = "seq" in event && "at" in event ? event.seq : undefined;
    if (seq === undefined && event.type !== "revised") return [event];
    const { at } = room;
    if (!at && isOwn) handlers.received([event], true); // after `joined` it comes again
    if (!at) return [];
    if (event.type === "revised") at.rev = Math.max(at.rev, event.rev);
    else if (seq !== undefined && (at.seq < 0 || seq === at.seq + 1)) at.seq = seq;
    return [event];
  }

  /** Takes the answer to the `join` of this tab or of others, or a `joined` that nobody asked for. */
  function answered(
    event: wire.JoinedEvent | wire.ErrorEvent,
    room: TabRoom,
    to: readonly string[] | undefined,
    since: wire.Cursor | undefined,
  ): wire.Event[] {
    const { at, join: { ref = "" } } = room;
    const isForMe = to ? to.includes(ref) : !!at;
    if (event.type === "error") {
      if (isForMe) return [{ ...event, ref }];
      // If the server has carried the command out, the connection is out of the room.
      if (at && (event.code !== "rate_limited" || !to?.length)) joinAgain(room);
      return [];
    }
    room.isNewcomer = isForMe;
    if (isForMe) {
      const { epoch, seq, rev } = event;
      const from = event.recovered ? at ?? room.join.since : undefined;
      room.at = { epoch, seq: from?.seq ?? (seq ? -1 : 0), rev: from?.rev ?? rev };
      return [event];
    }
    // The server tells what became of the messages up to `seq`, and those after it come as they are now. If
    // this tab has some of those, it passes over them, and what became of them would pass it by.
    if (!at) return [];
    const { seq, rev = Infinity } = event.recovered && since || event;
    const knowsAll = event.rev <= at.rev || seq === at.seq && rev <= at.rev;
    // Before its first message the tab waits for recent messages, and gets those as well.
    const goesOn = at.seq < 0 ? !event.recovered : seq <= at.seq && knowsAll;
    if (event.epoch !== at.epoch || !goesOn) joinAgain(room);
    return [];
  }

  const joinAgain = ({ join, at }: TabRoom) =>
    send([{ ...join, ...(at && at.seq >= 0 && { since: at }) }]);

  // The client connects again when its timers go on. Until then the page takes no lock and no memory.
  // `freeze` is an event of the document, and does not bubble.
  const options = { signal: listeners.signal, capture: true };
  for (const type of ["freeze", "pagehide"]) {
    globalThis.addEventListener?.(type, () => handlers.closed(CLOSE_GOING_AWAY), options);
  }

  function send(commands: readonly wire.Command[]): void {
    if (alone) return alone.send(commands);
    for (const command of commands) {
      if (command.type === "join") rooms.set(command.room, { join: command });
      else if (command.type === "leave") rooms.delete(command.room);
      else if (command.ref && command.type !== "hello") sent.add(command.ref);
    }
    // As JSON: a payload may be an object that cannot be cloned, such as a proxy.
    post({ frame: JSON.stringify(commands) });
  }

  return {
    send,
    close() {
      isClosed = true;
      clearTimeout(timer);
      listeners.abort();
      channel.close();
      stopHolding?.();
      ended.resolve();
      alone?.close();
    },
  };
}
