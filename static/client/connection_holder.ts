/**
 * `holdConnection` holds the one connection that the tabs of a browser share: it sends what they say, and
 * tells each event to the tabs that it is for. It keeps no messages; `held_rooms.ts` has the rooms.
 *
 * @module
 */
import type { Command, ErrorEvent, Event, HelloCommand } from "../../server/protocol/messages.ts";
import { allowance, type Spend } from "./allowance.ts";
import { now } from "./clock.ts";
import { heldRooms, type Routed } from "./held_rooms.ts";
import { HELLO_REF } from "./identity.ts";
import { newRef } from "./outbox.ts";
import type { OpenTransport, Transport } from "./transport.ts";

/** What a tab tells the holder. Without `opens` and `frame` it asks for a sign of life. */
export interface TabMessage {
  readonly tab: string;
  readonly holder: string | undefined;
  /** The tab wants to use the connection. */
  readonly opens?: true;
  /** Commands as JSON: a payload may be an object that cannot be cloned, such as a proxy. */
  readonly frame?: string;
}

/** What the holder tells the tabs. By itself it is a sign of life. */
export interface HolderMessage {
  readonly holder: string;
  /** Which tabs it is for; by default all. */
  readonly to?: readonly string[];
  readonly opened?: true;
  /** The tab is to begin anew from its cursors. */
  readonly reopens?: true;
  readonly events?: readonly Routed[];
  /** See {@linkcode TransportHandlers.received}. */
  readonly isAnswer?: boolean | undefined;
  readonly closed?: readonly [code: number, reason: string];
}

/** The part of the Web Locks API that is used. */
export interface Locks {
  /** Calls `held` when the lock is free, or at once if it is stolen. It is held until that settles. */
  request(
    name: string,
    options: { readonly signal: AbortSignal } | { readonly steal: true },
    held: () => void | Promise<void>,
  ): Promise<void>;
}

/**
 * Begins to hold the connection, which opens when the first tab wants to use it.
 *
 * @param name of the `BroadcastChannel`. Each tab has a lock of that name and the first word of its own.
 * @returns a function that ends it, and closes the connection.
 */
export function holdConnection(
  name: string,
  url: string,
  open: OpenTransport,
  locks: Locks,
): () => void {
  const holder = newRef();
  const channel = new BroadcastChannel(name);
  const ended = new AbortController();
  const tabs = new Set<string>();
  /** The unanswered `hello`s, in order, and the tabs that wait for each. */
  const hellos: { readonly text: string; readonly tabs: string[] }[] = [];
  /** The commands for the next frame. */
  let frame: Command[] = [];
  let connection: Transport | undefined;
  let isOpen = false;
  /** What the server allows the connection, and so all tabs together. */
  let spend: Spend | undefined;
  /** Until then the server refuses every command, as it told one of the tabs. */
  let pausedUntil = 0;
  /** The token of the last `welcome`; only guests get one. */
  let guestToken: string | undefined;

  const say = (command: Command) => void frame.push(command);
  const rooms = heldRooms(say, (to) => post({ to, reopens: true }));

  function post(message: Omit<HolderMessage, "holder"> = {}): void {
    if (!ended.signal.aborted) channel.postMessage({ holder, ...message });
  }

  function flush(): void {
    if (frame.length) connection?.send(frame);
    frame = [];
  }

  function connect(): void {
    const opening: Transport = connection = open(url, {
      opened() {
        isOpen = true;
        hellos.length = 0; // it may open for a second time, and the tabs say hello again then
        post({ opened: true });
      },
      received(events, isAnswer) {
        post({ events: events.flatMap((event) => routed(event, isAnswer)), isAnswer });
        flush();
      },
      closed(code, reason = "") {
        if (connection !== opening) return;
        reset();
        post({ closed: [code, reason] });
      },
    });
  }

  function reset(): void {
    connection?.close();
    connection = guestToken = undefined;
    isOpen = false;
    spend = undefined;
    hellos.length = frame.length = pausedUntil = 0;
    tabs.clear();
    rooms.clear();
  }

  function routed(event: Event, isAnswer?: boolean): Routed[] {
    if (event.type === "welcome") {
      spend ??= allowance(event.limits);
      guestToken = event.token;
    } else if (event.type !== "error" || event.ref !== HELLO_REF || !hellos.length) {
      const { code, field, retryAfterMs = 0 } = event.type === "error" ? event : {};
      if (code === "rate_limited" && field !== "room") pausedUntil = now() + retryAfterMs;
      return rooms.routed(event, isAnswer);
    }
    return [[event, hellos.shift()?.tabs ?? []]];
  }

  function admit(tab: string): void {
    const [life = ""] = tab.split(" ");
    const before = [...tabs].filter((other) => other.startsWith(life));
    tabs.add(tab);
    before.forEach(remove);
    if (!connection) connect();
    else if (isOpen) post({ to: [tab], opened: true });
    // The tab has this lock until it is gone, however it goes.
    locks.request(`${name} ${life}`, ended, () => remove(tab)).catch(() => {});
  }

  function remove(tab: string): void {
    if (!tabs.delete(tab)) return;
    rooms.leaveAll(tab);
    flush();
    if (!tabs.size) reset();
  }

  function carryOut(tab: string, commands: readonly Command[]): void {
    const time = now();
    for (const command of commands) {
      const wait = waitFor(command, time);
      if (command.type === "hello") hello(tab, command);
      else if (command.type === "leave") rooms.leave(tab, command.room);
      else if (wait) refuse(tab, command.ref, wait);
      else if (command.type === "join") rooms.join({ tab, command });
      else say(command);
    }
    flush();
  }

  /**
   * Returns in how many milliseconds a command may be sent; 0: now. A signal has no `ref` and is not counted
   * here: its tab has counted it.
   */
  function waitFor({ ref }: Command, time: number): number {
    return Math.max(0, pausedUntil - time) || (ref && spend?.(time)) || 0;
  }

  /**
   * Refuses a command in the server's place, which closes a connection that asks for too much again and
   * again. The tabs come back one after the other.
   */
  function refuse(tab: string, ref: string | undefined, wait: number): void {
    const event: ErrorEvent = {
      type: "error",
      code: "rate_limited",
      payload: "The tabs have sent too much together.",
      retryAfterMs: wait * (1 + Math.random() * tabs.size),
      ...(ref && { ref }),
    };
    post({ events: [[event, [tab]]] });
  }

  /** Says hello. Tabs that come together say the same. Without a `ref` it is a probe: any event will do. */
  function hello(tab: string, command: HelloCommand): void {
    // A tab without a token is the same guest as the others. Over HTTP it would be another one.
    const { token = guestToken, name, ref } = command;
    const text = JSON.stringify([token, name]);
    let hello = hellos.find((sent) => sent.text === text);
    if (!hello) {
      hellos.push(hello = { text, tabs: [] });
      say({ ...command, ref: HELLO_REF, ...(token && { token }) });
    }
    if (ref) hello.tabs.push(tab);
  }

  channel.onmessage = ({ data }: MessageEvent<TabMessage | HolderMessage>) => {
    if (!("tab" in data) || data.holder && data.holder !== holder) return;
    if (data.opens) admit(data.tab);
    else if (!data.frame) post();
    else if (tabs.has(data.tab)) carryOut(data.tab, JSON.parse(data.frame));
  };
  post();

  return () => {
    ended.abort();
    channel.close();
    reset();
  };
}
