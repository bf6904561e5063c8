/**
 * `holdConnection` holds the one connection that the tabs of a browser share: it sends what they say, and tells
 * all of them each event. It keeps no messages and no cursors: each tab finds out what is for it.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { allowance, type Spend } from "./allowance.ts";
import { now } from "./clock.ts";
import { HELLO_REF } from "./identity.ts";
import { type Locks, whenFree } from "./standstill.ts";
import type { OpenTransport, Transport } from "./transport.ts";

/** What a tab tells the holder. By itself it asks for a sign of life. */
export interface TabMessage {
  readonly tab: string;
  /** 0 while the tab knows none: any holder may answer. */
  readonly holder: number;
  /** Commands as JSON. */
  readonly frame?: string;
  /** The tab steals the lock, or it was stolen from this tab, which did not hang. */
  readonly lock?: "steals" | "robbed";
}

/** What the holder tells the tabs. By itself it is a sign of life. */
export interface HolderMessage {
  readonly holder: number;
  /** The tabs for which the connection is open. */
  readonly opened?: readonly string[];
  readonly events?: readonly Routed[];
  /** See {@linkcode TransportHandlers.received}. */
  readonly isAnswer?: boolean | undefined;
  readonly closed?: readonly [code: number, reason: string];
}

/** An event, and whom it answers: tabs, or the `ref`s of `join`s and the cursor that they begin at. */
export type Routed = readonly [
  event: wire.Event,
  to?: readonly string[],
  since?: wire.Cursor | undefined,
];

/** What the server says to a `join`. */
type Answer = (wire.JoinedEvent | wire.ErrorEvent) & { readonly room: string };

/** A room of the connection. */
interface HeldRoom {
  /** The tabs that are in it, or asked to enter. */
  readonly tabs: Set<string>;
  /** The `join`s of tabs. The first is under way, alone: `joined` does not say which it answers. */
  joins: (readonly [tab: string, command: wire.JoinCommand])[];
}

/**
 * Begins to hold the connection, which opens when the first tab comes.
 *
 * @param holder numbers it, and is more than all before.
 * @param name of the `BroadcastChannel`. Each tab has a lock of that name and its own.
 * @returns a function that ends it, and closes the connection.
 */
export function holdConnection(
  holder: number,
  name: string,
  url: string,
  open: OpenTransport,
  locks: Locks,
): () => void {
  const channel = new BroadcastChannel(name);
  const ended = new AbortController();
  const tabs = new Set<string>();
  const rooms = new Map<string, HeldRoom>();
  /** The unanswered `hello`s, in order, and the tabs that wait for each. */
  const hellos: { readonly text: string; readonly tabs: string[] }[] = [];
  let frame: wire.Command[] = [];
  let isOpen = false;
  /** What the server allows the connection, and so all tabs together. */
  let spend: Spend | undefined;
  /** Until then the server refuses every command, as it told one of the tabs. */
  let pausedUntil = 0;
  /** The token of the last `welcome`; only guests get one. */
  let guestToken: string | undefined;
  let connection: Transport | undefined;

  const post = (message: Omit<HolderMessage, "holder"> = {}) =>
    channel.postMessage({ holder, ...message });

  function end(): void {
    ended.abort();
    channel.close();
    connection?.close();
  }

  function flush(): void {
    if (frame.length) connection?.send(frame);
    frame = [];
  }

  const connect = () =>
    open(url, {
      opened() {
        isOpen = true;
        hellos.length = 0; // it may open for a second time, and the tabs say hello again then
        post({ opened: [...tabs] });
      },
      received(events, isAnswer) {
        post({ events: events.map(routed), isAnswer });
        flush();
      },
      closed(code, reason = "") {
        post({ closed: [code, reason] });
        end(); // all tabs close, and this one
      },
    });

  function admit(tab: string): void {
    tabs.add(tab);
    connection ??= connect();
    if (isOpen) post({ opened: [tab] });
    // The tab has this lock until it is gone, however it goes.
    whenFree(locks, `${name} ${tab}`, ended, () => {
      tabs.delete(tab);
      for (const room of rooms.keys()) leave(tab, room);
      flush();
    });
  }

  function carryOut(tab: string, commands: readonly wire.Command[]): void {
    const time = now();
    for (const command of commands) {
      // A signal has no `ref` and is not counted here: its tab has counted it.
      const wait = Math.max(0, pausedUntil - time) || (command.ref && spend?.(time)) || 0;
      if (command.type === "hello") hello(tab, command);
      else if (command.type === "leave") leave(tab, command.room);
      else if (wait) refuse(tab, command.ref, wait);
      else if (command.type === "join") join(tab, command);
      else frame.push(command);
    }
    flush();
  }

  /**
   * Refuses a command in the server's place, which closes a connection that asks for too much again and
   * again. The tabs come back one after the other.
   */
  function refuse(tab: string, ref: string | undefined, wait: number): void {
    const payload = "The tabs have sent too much together.";
    const retryAfterMs = wait * (1 + Math.random() * tabs.size);
    const event = { type: "error", code: "rate_limited", payload, retryAfterMs } as const;
    post({ events: [[{ ...event, ...(ref && { ref }) }, [tab]]] });
  }

  /** Says hello. Tabs that come together say the same. Without a `ref` it is a probe: any event will do. */
  function hello(tab: string, command: wire.HelloCommand): void {
    // A tab without a token is the same guest as the others. Over HTTP it would be another one.
    const { token = guestToken, name, ref } = command;
    const text = JSON.stringify([token, name]);
    let hello = hellos.find((sent) => sent.text === text);
    if (!hello) {
      hellos.push(hello = { text, tabs: [] });
      frame.push({ ...command, ref: HELLO_REF, ...(token && { token }) });
    }
    if (ref) hello.tabs.push(tab);
  }

  function join(tab: string, command: wire.JoinCommand): void {
    const room = rooms.get(command.room) ?? { tabs: new Set(), joins: [] };
    rooms.set(command.room, room);
    room.tabs.add(tab);
    if (room.joins.push([tab, command]) === 1) frame.push(command);
  }

  function leave(tab: string, name: string): void {
    const room = rooms.get(name);
    if (!room?.tabs.delete(tab)) return;
    room.joins = room.joins.filter(([other], index) => index === 0 || other !== tab);
    if (!room.joins.length) advance(name, room);
  }

  /** Goes on when no `join` is under way: with the next one, or without the room. */
  function advance(name: string, { tabs, joins: [next] }: HeldRoom): void {
    if (!tabs.size) {
      if (rooms.delete(name)) frame.push({ type: "leave", room: name });
    } else if (next) frame.push(next[1]);
  }

  /** Returns the event, and whom it answers. */
  function routed(event: wire.Event): Routed {
    if (event.type === "welcome") {
      spend ??= allowance(event.limits);
      guestToken = event.token;
      return [event, hellos.shift()?.tabs ?? []];
    }
    if (event.type === "error") return refused(event);
    const room = "room" in event ? rooms.get(event.room) : undefined;
    if (event.type === "right" && event.right === "none") rooms.delete(event.room);
    // Without a `join` the server begins anew for all. An event stream that was opened again tells by `ref`.
    const [, asked] = room?.joins[0] ?? [];
    const isAnswer = asked && event.type === "joined" &&
      ("ref" in event ? event.ref === asked.ref : asked.since || !event.recovered);
    return isAnswer && room ? answer(event, room) : [event];
  }

  function refused(event: wire.ErrorEvent): Routed {
    const { code, field, ref, retryAfterMs = 0 } = event;
    if (code === "rate_limited" && field !== "room") pausedUntil = now() + retryAfterMs;
    if (ref === HELLO_REF && hellos.length) return [event, hellos.shift()?.tabs ?? []];
    for (const room of rooms.values()) {
      const [, asked] = room.joins[0] ?? [];
      if (ref && asked?.ref === ref) return answer({ ...event, room: asked.room }, room);
    }
    // Nobody asked: an event stream that was opened again is in the room no more.
    return event.room && rooms.has(event.room) ? [event, []] : [event];
  }

  /** Returns the answer to a `join`, which is that to all with the same cursor, and goes on. */
  function answer(event: Answer, room: HeldRoom): Routed {
    const since = room.joins[0]?.[1].since;
    const isSame = (cursor?: wire.Cursor) => JSON.stringify(cursor) === JSON.stringify(since);
    const answered = room.joins.filter(([, join]) => isSame(join.since));
    room.joins = room.joins.filter((join) => !answered.includes(join));
    if (event.type === "error") {
      for (const [tab] of answered) room.tabs.delete(tab);
      for (const [tab] of room.joins) room.tabs.add(tab); // one may have asked again
      // The connection is not in the room, unless the command was not carried out.
      if (!room.tabs.size && event.code !== "rate_limited") rooms.delete(event.room);
    }
    advance(event.room, room);
    return [event, answered.map(([, { ref = "" }]) => ref), since];
  }

  channel.onmessage = ({ data }: MessageEvent<HolderMessage | TabMessage>) => {
    if (!("tab" in data) || data.holder && data.holder !== holder) return;
    if (data.holder && !tabs.has(data.tab)) admit(data.tab);
    if (data.frame) carryOut(data.tab, JSON.parse(data.frame));
    else post();
  };
  post();
  return end;
}
