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
 * A tab that is closed or crashes loses its lock at once. A tab that is about to be frozen gives it up. One
 * that hangs keeps it, and the others notice that it does not answer, and steal the lock.
 *
 * @module
 */
import type { Command, Event } from "../../server/protocol/messages.ts";
import { holdConnection, type HolderMessage, type Locks } from "./connection_holder.ts";
import type { TabMessage } from "./connection_holder.ts";
import type { Routed } from "./held_rooms.ts";
import { deferred } from "./deferred.ts";
import { newRef } from "./outbox.ts";
import { CLOSE_GOING_AWAY } from "./transport.ts";
import type { OpenTransport, Transport, TransportHandlers } from "./transport.ts";

/** How often a tab looks whether it hears from the holder, in milliseconds, and a random part more. */
const WATCH_MS = 130;
const WATCH_JITTER_MS = 40;
/** After so many questions without an answer, the holder counts as gone. */
const MAX_UNANSWERED = 3;

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
  const name = `parley 2 ${group} ${url}`;
  /** Names the lock that this tab has while it is there. */
  const life = newRef();
  /** Names the tab. It is another name after each beginning: what was for the one before comes too late. */
  let tab = life;
  const channel = new BroadcastChannel(name);
  const listeners = new AbortController();
  /** Resolves when this transport is closed. */
  const ended = deferred<void>();
  /** The rooms that this tab is in, or asked to enter. */
  const rooms = new Set<string>();
  /** The `ref`s of the commands that are not answered yet. */
  const sent = new Set<string>();
  let stopHolding = () => {};
  let alone: Transport | undefined;
  let isClosed = false;
  let holder: string | undefined;
  let hasHeard = false;
  let unanswered = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** While this lock is held, the holder knows that the tab is there. */
  locks.request(`${name} ${life}`, listeners, () => {
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
    await locks?.request(name, options, () => {
      stopHolding = holdConnection(name, url, openAlone, locks);
      return ended.promise;
    }).catch(() => {}); // another tab stole it, or this one closed before it had it
    stopHolding();
  }

  function post(message: Partial<TabMessage> = {}): void {
    channel.postMessage({ tab, holder, ...message } satisfies TabMessage);
  }

  function watch(): void {
    timer = setTimeout(watch, WATCH_MS + Math.random() * WATCH_JITTER_MS);
    if (hasHeard) {
      hasHeard = false;
      unanswered = 0;
    } else if (unanswered++ < MAX_UNANSWERED) post();
    else {
      unanswered = 0;
      void hold({ steal: true });
    }
  }

  channel.onmessage = ({ data }: MessageEvent<HolderMessage | TabMessage>) => {
    if (isClosed || "tab" in data) return; // what other tabs say is for the holder
    hasHeard = true;
    if (data.holder !== holder) {
      const isFirst = !holder;
      holder = data.holder;
      begin(isFirst);
    } else if (!data.to || data.to.includes(tab)) {
      if (data.events) handlers.received(data.events.flatMap(mine), data.isAnswer);
      if (data.opened) handlers.opened();
      if (data.reopens) begin();
      if (data.closed) handlers.closed(...data.closed);
    }
  };

  /** Begins to use the connection. The client resumes from its cursors then. */
  function begin(isFirst = false): void {
    if (!isFirst) handlers.reopening?.();
    tab = `${life} ${newRef()}`;
    rooms.clear();
    sent.clear();
    post({ opens: true });
  }

  /** Returns the event if it is for this tab. */
  function mine([event, to]: Routed): Event[] {
    const isAnswer = "ref" in event && sent.delete(event.ref ?? "");
    // The server tells of a read mark whether or not the client is in the room.
    const isInRoom = !("room" in event) || event.type === "read" || rooms.has(event.room ?? "");
    const isMine = to === "all" ? isInRoom : to === "sender" ? isAnswer : to.includes(tab);
    return isMine ? [event] : [];
  }

  // The client connects again when its timers go on. Until then the page takes no lock and no memory.
  for (const type of ["freeze", "pagehide"]) {
    globalThis.addEventListener?.(type, () => handlers.closed(CLOSE_GOING_AWAY), {
      signal: listeners.signal,
      capture: true, // `freeze` is an event of the document, and does not bubble
    });
  }

  return {
    send(commands: readonly Command[]) {
      if (alone) return alone.send(commands);
      for (const command of commands) {
        if (command.ref) sent.add(command.ref);
        if (command.type === "join") rooms.add(command.room);
        if (command.type === "leave") rooms.delete(command.room);
      }
      post({ frame: JSON.stringify(commands) });
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      listeners.abort();
      channel.close();
      stopHolding();
      ended.resolve();
      alone?.close();
    },
  };
}
