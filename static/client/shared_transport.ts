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
 * for all. A tab that has everything up to there goes on: its client passes over what it has. Any other tab
 * joins as well, from its own cursor. That is the answer to everything that a tab may have missed.
 *
 * A tab that is closed or crashes loses its lock at once. A tab that is about to be frozen gives it up. One
 * that hangs keeps it, and the others notice that it does not answer, and steal the lock.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { now } from "./clock.ts";
import { holdConnection, type HolderMessage, type Locks } from "./connection_holder.ts";
import type { Routed, TabMessage } from "./connection_holder.ts";
import { deferred } from "./deferred.ts";
import { newRef } from "./outbox.ts";
import { CLOSE_GOING_AWAY } from "./transport.ts";
import type { OpenTransport, Transport, TransportHandlers } from "./transport.ts";

/** How often a tab looks whether it hears from the holder, in milliseconds, and a random part more. */
const WATCH_MS = 130;
const WATCH_JITTER_MS = 40;
/** After how many questions without an answer the holder counts as gone, at first and at most. */
const MIN_PATIENCE = 3;
const MAX_PATIENCE = 24;
/** By which part the patience shrinks at each look: after 20 seconds a half is left. */
const PATIENCE_DECAY = 0.995;
/** A holder that was robbed after a silence this long did hang, in milliseconds. */
const HANG_MS = 4_000;
/** Tabs that steal the lock at once rob each other; one that had it for longer was the holder. */
const STEAL_MS = 500;

/** A room that the tab is in, or asked to enter. */
interface TabRoom {
  /** The last `join`. */
  readonly join: wire.JoinCommand;
  /**
   * What the tab has, as its client counts it; undefined until `join` is answered. `seq` is -1 until the first
   * message after a `joined` that did not recover, which may have any `seq`.
   */
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
  // Deno's types know no `locks`; and a page has none without TLS, but for localhost.
  const { locks }: { locks?: Locks } = navigator as object;
  if (!locks || !globalThis.BroadcastChannel) return openAlone(url, handlers);

  // Tabs whose code is of another version speak another language: the number is that of this one.
  const name = `parley 3 ${group} ${url}`;
  /** Names the tab, and the lock that it has while it is there. */
  const tab = newRef();
  const channel = new BroadcastChannel(name);
  const listeners = new AbortController();
  /** Resolves when this transport is closed. */
  const ended = deferred<void>();
  const rooms = new Map<string, TabRoom>();
  /** The `ref`s of the commands that are not answered yet. */
  const sent = new Set<string>();
  /** When each holder was heard for the last time. One that was robbed may speak once more. */
  const heardAt = new Map<string, number>();
  let holder = "";
  let stopHolding: (() => void) | undefined;
  let alone: Transport | undefined;
  let isClosed = false;
  let watchedAt = 0;
  let unanswered = 0;
  let patience = MIN_PATIENCE;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** While this lock is held, the holder knows that the tab is there. */
  locks.request(`${name} ${tab}`, listeners, () => {
    if (isClosed) return;
    void hold(listeners);
    watch();
    return ended.promise;
  }).catch(() => {
    // The browser refuses locks to this page, for example in a frame without an origin.
    if (!isClosed) alone = openAlone(url, handlers);
  });

  /** Waits for the lock, or steals it, and holds the connection until this tab closes or is robbed. */
  async function hold(options: { signal: AbortSignal } | { steal: true }): Promise<void> {
    const id = newRef();
    let since = Infinity;
    await locks?.request(name, options, () => {
      since = now();
      stopHolding?.();
      stopHolding = holdConnection(id, name, url, openAlone, locks);
      return ended.promise;
    }).catch(() => {}); // another tab stole it, or this one closed before it had it
    if (since === Infinity) return;
    stopHolding?.();
    stopHolding = undefined;
    if (isClosed) return;
    if (now() - since > STEAL_MS) {
      post({ robbed: id });
      waitLonger();
    }
    if (!("steal" in options)) void hold(options); // one that stole the lock still waits for it
  }

  function post(message: Partial<TabMessage> = {}): void {
    channel.postMessage({ tab, holder, ...message } satisfies TabMessage);
  }

  /** On a machine that is too busy, tabs would rob each other in circles: each connection costs it more. */
  function waitLonger(): void {
    patience = Math.min(MAX_PATIENCE, patience * 2);
  }

  function watch(): void {
    timer = setTimeout(watch, WATCH_MS + Math.random() * WATCH_JITTER_MS);
    patience = Math.max(MIN_PATIENCE, patience * PATIENCE_DECAY);
    const hasHeard = (heardAt.get(holder) ?? 0) > watchedAt;
    watchedAt = now();
    if (hasHeard) unanswered = 0;
    else if (stopHolding || unanswered++ < patience) post();
    else {
      unanswered = 0;
      void hold({ steal: true });
    }
  }

  channel.onmessage = ({ data }: MessageEvent<HolderMessage | TabMessage>) => {
    if (isClosed) return;
    if ("tab" in data) { // the rest is for the holder
      if (now() - (heardAt.get(data.robbed ?? "") ?? 0) < HANG_MS) waitLonger();
      return;
    }
    const isKnown = heardAt.has(data.holder);
    heardAt.set(data.holder, now());
    if (data.holder === holder) {
      if (data.events) {
        handlers.received(data.events.flatMap((it) => mine(it, data.isAnswer)), data.isAnswer);
      }
      if (data.opened?.includes(tab)) handlers.opened();
      if (data.closed) handlers.closed(...data.closed);
    } else if (!isKnown) {
      // The client resumes from its cursors.
      if (holder) handlers.reopening?.();
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
    const { at } = room;
    const seq = "seq" in event && "at" in event ? event.seq : undefined;
    if (seq === undefined && event.type !== "revised") return [event];
    if (!at) return isOwn ? [event] : []; // after `joined` it comes again
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
      if (at && event.code !== "rate_limited") joinAgain(room);
      return [];
    }
    room.isNewcomer = isForMe;
    if (isForMe) {
      const { epoch, seq, rev } = event;
      const from = event.recovered ? at ?? room.join.since : undefined;
      room.at = { epoch, seq: from?.seq ?? (seq ? -1 : 0), rev: from?.rev ?? rev };
      return [event];
    }
    if (at && !goesOn(at, event, event.recovered && since || event)) joinAgain(room);
    return [];
  }

  function joinAgain({ join, at }: TabRoom): void {
    send([{ ...join, ...(at && at.seq >= 0 && { since: at }) }]);
  }

  // The client connects again when its timers go on. Until then the page takes no lock and no memory.
  for (const type of ["freeze", "pagehide"]) {
    globalThis.addEventListener?.(type, () => handlers.closed(CLOSE_GOING_AWAY), {
      signal: listeners.signal,
      capture: true, // `freeze` is an event of the document, and does not bubble
    });
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

/**
 * Whether a tab that has everything up to `at` misses nothing when the server begins anew after `from`. The
 * server tells what became of the messages up to there, and those after it come as they are now. A tab passes
 * over these if it has them, so what became of them would pass it by.
 */
function goesOn(
  at: NonNullable<TabRoom["at"]>,
  event: wire.JoinedEvent,
  from: wire.Cursor,
): boolean {
  if (event.epoch !== at.epoch) return false;
  if (at.seq < 0) return !event.recovered; // then it gets recent messages too
  const { seq, rev = Infinity } = from;
  return seq <= at.seq && (event.rev <= at.rev || seq === at.seq && rev <= at.rev);
}
