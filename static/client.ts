/**
 * The client library: one connection to a Parley server that mends itself. It owns the connection,
 * the cursors of the rooms it is in, and the messages that are not acknowledged yet. It knows
 * nothing of the DOM, keeps no history, and runs in browsers, Deno and Node 22+.
 *
 * The decision worth defending: messages go out one frame at a time, the next when the last is
 * answered. What is said meanwhile gathers and goes together, as on the server, so that a message
 * which is refused and sent again can never be overtaken by a later one.
 *
 * ```ts
 * const client = connect("wss://example.org/ws", { name: "Ada" });
 * client.addEventListener("chat", ({ detail }) => console.log(detail.from.name, detail.payload));
 * client.join("lobby");
 * const stored = await client.send("lobby", "hello"); // stored.seq: its place in the room
 * ```
 *
 * @module
 */

import type {
  AnnouncedLimits,
  ByeEvent,
  ChatEvent,
  Command,
  Cursor,
  CustomEvent as AppEvent,
  ErrorEvent,
  Event as WireEvent,
  JoinedEvent,
  Json,
  Message,
  SystemEvent,
  TypingEvent,
  User,
  WelcomeEvent,
} from "../server/protocol.ts";
import { ClientError } from "./client_error.ts";
import { now } from "./clock.ts";
import { Membership } from "./membership.ts";
import { Outbox, type Unsent } from "./outbox.ts";
import { browserStorage, type KeyValue, load, save } from "./storage.ts";
import { automatic } from "./fallback.ts";
import { type OpenTransport, type Transport, webSocket } from "./transport.ts";

export { ClientError, type KeyValue, type OpenTransport, type Transport, type Unsent, webSocket };
export type { TransportHandlers } from "./transport.ts";

/** Close codes after which a client does not come back (`CLOSE_CODES` of the protocol). */
export const FINAL_CLOSE_CODES: readonly number[] = [1000, 1003, 1008, 1009];
/** Errors after which the same command may succeed later (`ERRORS` of the protocol). */
export const RETRIABLE_ERRORS: readonly string[] = [
  "rate_limited",
  "room_full",
  "too_many_rooms",
  "unavailable",
];

/** How long a connection may take until it is welcomed, in milliseconds. */
const WELCOME_MS = 10_000;
/** Silence after which the server is dead, in heartbeats: two missed, and a little for the road. */
const MISSED_HEARTBEATS = 2.2;
/** A connection that lasted this long was a good one, in milliseconds. */
const LASTED_MS = 5_000;
const IDENTITY_KEY = "parley.me";
/** The `ref`s of the first `hello`, and of the one that says nothing if that is refused. */
const HELLO = "hello";
const HELLO_AS_GUEST = "hello, as a guest";
const encoder = new TextEncoder();

/** What {@linkcode connect} can be told. */
export interface ClientOptions {
  /** The name to begin with. A name that is kept from an earlier visit goes before it. */
  readonly name?: string;
  /**
   * Where identity (token and name) is kept. Clients that share it are one person.
   * @default localStorage in a browser; elsewhere this client only
   */
  readonly identity?: KeyValue;
  /**
   * Where unacknowledged messages are kept. Must not be shared with a client that runs meanwhile.
   * @default sessionStorage in a browser; elsewhere memory
   */
  readonly outbox?: KeyValue;
  /** How many unacknowledged messages are kept; {@linkcode Client.send} refuses more. @default 256 */
  readonly maxUnsent?: number;
  /**
   * The bounds of exponential back-off between tries, in milliseconds. The actual wait is a random
   * part of it (full jitter), so that many clients do not come back together.
   * @default { min: 500, max: 20_000 }
   */
  readonly backoffMs?: { readonly min: number; readonly max: number };
  /** Opens a connection. @default {@linkcode automatic}: WebSocket, or HTTP where that is blocked */
  readonly transport?: OpenTransport;
}

/** Where the connection stands. */
export type ClientState =
  | { readonly status: "connecting" }
  | { readonly status: "open" }
  /** Lost; the next try is at `retryAt` (milliseconds since 1970). */
  | { readonly status: "waiting"; readonly retryAt: number }
  /** For good: by {@linkcode Client.close}, or by the server with a final close code. */
  | { readonly status: "closed"; readonly code: number; readonly reason: string };

/** What a client dispatches, each as the `detail` of a `CustomEvent`. */
export interface ClientEvents {
  state: ClientState;
  welcome: WelcomeEvent;
  /** `recovered: false`: forget what is shown of the room, the messages that follow are all. */
  joined: JoinedEvent;
  chat: ChatEvent;
  custom: AppEvent;
  system: SystemEvent;
  /** Also when it has not been said again for 5 seconds, or a message came: then `false`. */
  typing: TypingEvent;
  /**
   * A refusal that no promise tells of. With `room`: the room cannot be entered, or not yet if the
   * code is in {@linkcode RETRIABLE_ERRORS}.
   */
  error: ErrorEvent & { readonly room?: string };
  bye: ByeEvent;
}

type Timer = ReturnType<typeof setTimeout>;

/** Merged with the class: the one way to type an EventTarget's events without a cast. */
export interface Client {
  addEventListener<K extends keyof ClientEvents>(
    type: K,
    listener: (event: CustomEvent<ClientEvents[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof ClientEvents>(
    type: K,
    listener: (event: CustomEvent<ClientEvents[K]>) => void,
  ): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null): void;
}

/** A connection to a server, and all that must outlive it. Made by {@linkcode connect}. */
export class Client extends EventTarget {
  readonly #url: URL;
  readonly #options: ClientOptions;
  readonly #identity: KeyValue;
  readonly #outbox: Outbox;
  readonly #listening = new AbortController();
  readonly #rooms = new Map<string, Membership>();
  #state: ClientState = { status: "connecting" };
  #transport: Transport | undefined;
  #user: User | undefined;
  #token: string | undefined;
  #limits: AnnouncedLimits | undefined;
  #rename: { name: string; ref: string } | undefined;
  #tries = 0;
  #byeMs: number | undefined;
  #heardAt = 0;
  /** When the frame in flight went out; Infinity without one. */
  #sentAt = Infinity;
  #deadMs = 0;
  #allowance = 0;
  #refilledAt = 0;
  #welcomedAt = 0;
  #pausedUntil = 0;
  #stateTimer: Timer | undefined;
  #flushTimer: Timer | undefined;

  constructor(url: string | URL, options: ClientOptions = {}) {
    super();
    this.#url = new URL(url);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    this.#options = options;
    this.#identity = options.identity ?? browserStorage("localStorage");
    this.#outbox = new Outbox(
      options.outbox ?? browserStorage("sessionStorage"),
      options.maxUnsent ?? 256,
    );
    if (typeof addEventListener === "function") {
      const { signal } = this.#listening;
      addEventListener("online", () => this.retry(), { signal });
      addEventListener("visibilitychange", () => this.retry(), { signal });
      addEventListener("offline", () => this.#lost(1006, ""), { signal });
    }
    this.#connect();
  }

  /** Where the connection stands. Changes are dispatched as `state`. */
  get state(): ClientState {
    return this.#state;
  }

  /** Who this client is; undefined before the first `welcome`. */
  get user(): User | undefined {
    return this.#user;
  }

  /** What the server announced in its last `welcome`. */
  get limits(): AnnouncedLimits | undefined {
    return this.#limits;
  }

  /** The messages that are not acknowledged, oldest first; after a reload, those from before it. */
  get unsent(): readonly Unsent[] {
    return this.#outbox.commands;
  }

  /**
   * Enters a room, now and after every reconnect, until {@linkcode leave}. Entering a room twice is
   * entering it once.
   *
   * @param since where the application left off; by default the room's recent messages come.
   * @returns when first entered. It goes on trying while the room is full, which `error` tells.
   * @throws {ClientError} if the server refuses for good, or the room is left meanwhile.
   */
  join(room: string, since?: Cursor): Promise<JoinedEvent> {
    if (this.#state.status === "closed") return Promise.reject(closedError());
    let membership = this.#rooms.get(room);
    if (!membership) {
      membership = new Membership(room, since, (event) => this.#dispatch("typing", event));
      this.#rooms.set(room, membership);
      this.#flush();
    }
    return membership.entered.promise;
  }

  /** Leaves a room. What was not acknowledged in it fails with `left`. */
  leave(room: string): void {
    const membership = this.#rooms.get(room);
    if (!membership) return;
    if (membership.ref) this.#say({ type: "leave", room });
    this.#rooms.delete(room);
    membership.lost();
    const error = new ClientError("left", `Room "${room}" was left.`);
    membership.entered.reject(error);
    this.#outbox.fail(error, (command) => command.room === room);
  }

  /**
   * Says something in a room that was joined. The message is kept, over reconnects and in a browser
   * over reloads, until the server has it: in the order of the calls, and stored once.
   *
   * @param ref names the message, 1 to 64 characters. While a message of that name is unsent, this
   * returns the promise of that one.
   * @returns the message as stored.
   * @throws {ClientError} if it will not be stored.
   */
  send(room: string, payload: string, ref: string = newRef()): Promise<Message> {
    this.#rooms.get(room)?.said();
    return this.#keep({ type: "chat", room, payload, ref });
  }

  /**
   * Sends an application's own event. With `durable` it is stored, numbered and kept like a
   * message. Without, it is sent once if the connection is open, or not at all.
   */
  emit(room: string, name: string, payload: Json, how: { durable: true }): Promise<Message>;
  emit(room: string, name: string, payload: Json): void;
  emit(
    room: string,
    name: string,
    payload: Json,
    how?: { durable: true },
  ): Promise<Message> | void {
    const command = { type: "custom", room, name, payload } as const;
    if (how) return this.#keep({ ...command, durable: true, ref: newRef() });
    if (this.#rooms.get(room)?.joined) this.#say(command);
  }

  /** Tells the others that the user types, or stopped. Cheap enough to call at every key. */
  typing(room: string, active = true): void {
    const membership = this.#rooms.get(room);
    if (membership?.joined && membership.types(active)) {
      this.#say({ type: "typing", room, payload: active });
    }
  }

  /** Takes a new name; `system` with kind `renamed` tells that it is so, or else `error`. */
  rename(name: string): void {
    this.#rename = { name, ref: "" };
    this.#flush();
  }

  /**
   * A page of what was said before `before` (a `seq`), oldest first; empty at the beginning of
   * the room.
   *
   * @throws {ClientError} `unavailable` if the server cannot be reached or refuses.
   */
  async history(room: string, before: number, limit = 50): Promise<readonly Message[]> {
    const url = new URL(`rooms/${encodeURIComponent(room)}/messages`, this.#url);
    url.protocol = url.protocol.replace("ws", "http");
    url.search = `before=${before}&limit=${limit}`;
    const headers = new Headers(this.#token ? { authorization: `Bearer ${this.#token}` } : {});
    const signal = AbortSignal.timeout(WELCOME_MS);
    const response = await fetch(url, { headers, signal }).catch(() => undefined);
    if (!response?.ok) {
      await response?.body?.cancel();
      throw new ClientError("unavailable", "The history cannot be read.");
    }
    const page: { messages: readonly Message[] } = await response.json();
    return page.messages;
  }

  /** Tries to connect now, if it is waiting to. */
  retry(): void {
    if (this.#state.status === "waiting") this.#connect();
  }

  /**
   * Closes the connection for good. What was not acknowledged fails with `closed` and is forgotten;
   * when it is the server that closes for good, it stays in the outbox for the next client.
   */
  close(): void {
    if (this.#state.status !== "closed") this.#end(1000, "", true);
  }

  // --- the connection -------------------------------------------------------------------------

  #connect(): void {
    clearTimeout(this.#stateTimer);
    this.#setState({ status: "connecting" });
    const open = this.#options.transport ?? automatic;
    const transport = this.#transport = open(this.#url.href, {
      opened: () => this.#hello(),
      received: (events) => {
        this.#heardAt = now();
        for (const event of events) {
          // A listener may have closed the client, or the event may have ended the connection.
          if (this.#transport === transport) this.#receive(event);
        }
      },
      closed: (code, reason) => this.#lost(code, reason),
    });
    this.#stateTimer = setTimeout(() => this.#lost(1006, "no welcome"), WELCOME_MS);
  }

  #hello(): void {
    // Read anew each time: another tab may have taken another name since.
    const saved = load<{ token: string; name: string }>(this.#identity, IDENTITY_KEY);
    this.#token = saved.token;
    const name = this.#rename?.name ?? saved.name ?? this.#options.name;
    this.#transport?.send([{
      type: "hello",
      ref: HELLO,
      ...(this.#token && { token: this.#token }),
      ...(name && { name }),
    }]);
  }

  /** A token of other times, or a name that is refused: begin as somebody new. */
  #helloAsGuest(): void {
    this.#rename = this.#token = undefined;
    save(this.#identity, IDENTITY_KEY, {});
    this.#transport?.send([{ type: "hello", ref: HELLO_AS_GUEST }]);
  }

  #welcomed(event: WelcomeEvent): void {
    clearTimeout(this.#stateTimer);
    this.#token = event.token;
    this.#limits = event.limits;
    this.#rename = undefined;
    this.#byeMs = undefined;
    this.#iAm(event.user);
    this.#allowance = event.limits.burst - 1;
    this.#welcomedAt = this.#refilledAt = this.#heardAt;
    this.#pausedUntil = 0;
    this.#deadMs = event.heartbeatSeconds * 1000 * MISSED_HEARTBEATS;
    this.#setState({ status: "open" });
    this.#watch();
    this.#flush();
  }

  /** Waits until the server has been silent, or a message unanswered, for too long. */
  #watch(): void {
    const left = Math.min(this.#heardAt, this.#sentAt + this.#deadMs) + this.#deadMs - now();
    if (left <= 0) return this.#lost(1006, "silence");
    this.#stateTimer = setTimeout(() => this.#watch(), left);
  }

  #lost(code: number, reason: string): void {
    if (!this.#transport) return;
    if (FINAL_CLOSE_CODES.includes(code)) return this.#end(code, reason);
    // A connection that lasted starts the back-off anew; one that is cut at once does not.
    if (this.#state.status === "open" && now() - this.#welcomedAt > LASTED_MS) this.#tries = 0;
    const { min, max } = this.#options.backoffMs ?? { min: 500, max: 20_000 };
    const wait = this.#byeMs ?? Math.random() * Math.min(max, min * 2 ** this.#tries++);
    this.#detach();
    this.#stateTimer = setTimeout(() => this.#connect(), wait);
    this.#setState({ status: "waiting", retryAt: Date.now() + wait });
  }

  #end(code: number, reason: string, forget = false): void {
    this.#detach();
    this.#listening.abort();
    this.#setState({ status: "closed", code, reason });
    const error = closedError(reason);
    for (const { entered } of this.#rooms.values()) entered.reject(error);
    this.#rooms.clear();
    this.#outbox.abandon(error, forget);
  }

  #detach(): void {
    clearTimeout(this.#stateTimer);
    clearTimeout(this.#flushTimer);
    this.#transport?.close();
    this.#transport = undefined;
    this.#byeMs = undefined;
    this.#sentAt = Infinity;
    this.#outbox.lost();
    for (const membership of this.#rooms.values()) membership.lost();
  }

  #setState(state: ClientState): void {
    this.#state = state;
    this.#dispatch("state", state);
  }

  #dispatch(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // --- what comes in --------------------------------------------------------------------------

  #receive(event: WireEvent): void {
    switch (event.type) {
      case "ping":
        return; // that it came is all it says
      case "welcome":
        this.#welcomed(event);
        break;
      case "bye":
        this.#byeMs = event.retryAfterMs;
        break;
      case "error":
        return this.#refused(event);
      case "joined":
        return this.#joined(event);
      case "chat":
      case "custom":
        return this.#said(event);
      case "typing":
        return this.#rooms.get(event.room)?.typing(event);
      case "system":
        if (event.kind === "renamed" && event.user && event.user.id === this.#user?.id) {
          this.#iAm(event.user);
        }
    }
    this.#dispatch(event.type, event);
  }

  #joined(event: JoinedEvent): void {
    const membership = this.#rooms.get(event.room);
    if (!membership) return;
    this.#sentAt = Infinity;
    membership.join(event);
    this.#dispatch("joined", event);
    this.#flush();
  }

  #said(event: ChatEvent | AppEvent): void {
    const { room, seq, from, ref } = event;
    const membership = this.#rooms.get(room);
    const stored = isMessage(event) && from.id === this.#user?.id;
    const own = stored ? this.#outbox.find(ref, room) : undefined;
    if (own) {
      this.#outbox.remove(own);
      this.#sentAt = Infinity; // an answer: whatever else waits, waits from now
    }
    if (membership?.joined && membership.moveTo(seq, own !== undefined)) {
      membership.notTyping(from);
      this.#dispatch(event.type, event);
    }
    if (stored) own?.resolve(event);
    if (own || membership?.caughtUp) this.#flush();
  }

  #refused(event: ErrorEvent): void {
    const { ref, code } = event;
    this.#sentAt = Infinity;
    const retry = RETRIABLE_ERRORS.includes(code);
    const retryAt = now() + (event.retryAfterMs ?? 1000 + Math.random() * 2000);
    const error = new ClientError(code, event.payload);
    if (code === "rate_limited" || code === "unavailable") this.#pausedUntil = retryAt;
    const outgoing = this.#outbox.find(ref);
    const [room, membership] = [...this.#rooms].find(([, asked]) => ref && asked.ref === ref) ?? [];
    if (outgoing?.inFlight) {
      outgoing.inFlight = false;
      if (!retry) this.#outbox.fail(error, (command) => command === outgoing.command);
    } else if (room !== undefined && membership) {
      if (retry) Object.assign(membership, { ref: "", notBefore: retryAt });
      else this.#rooms.delete(room);
      if (!retry) membership.entered.reject(error);
      this.#dispatch("error", { ...event, room });
    } else if (ref && ref === this.#rename?.ref && retry) {
      this.#rename.ref = "";
    } else {
      if (ref === this.#rename?.ref) this.#rename = undefined;
      this.#dispatch("error", event);
      if (ref === HELLO) this.#helloAsGuest();
    }
    this.#flush();
  }

  // --- what goes out --------------------------------------------------------------------------

  #keep(command: Unsent): Promise<Message> {
    if (this.#state.status === "closed") return Promise.reject(closedError());
    queueMicrotask(() => this.#flush()); // what is said in one turn goes in one frame
    return this.#outbox.add(command);
  }

  /** Sends what is due, in one frame within the server's limits, and comes back for the rest. */
  #flush(): void {
    clearTimeout(this.#flushTimer);
    if (this.#state.status !== "open") return;
    const time = now();
    const frame: Command[] = [];
    const most = this.#limits?.frameBytes || Infinity;
    let bytes = 2;
    let again = this.#pausedUntil > time ? this.#pausedUntil : Infinity;
    const later = (at: number) => again = Math.min(again, at);

    for (const command of again < Infinity ? [] : this.#due(time, later)) {
      const size = encoder.encode(JSON.stringify(command)).length + 1;
      if (size + 2 > most) {
        const error = new ClientError("too_large", `A frame may be ${most} bytes.`);
        this.#outbox.fail(error, (unsent) => unsent === command);
        continue;
      }
      const wait = bytes + size > most ? 1 : this.#spend(time);
      if (wait) {
        later(time + wait);
        break;
      }
      bytes += size;
      frame.push(command);
    }
    if (frame.length) this.#transport?.send(frame);
    const unanswered = this.#outbox.inFlight ||
      [...this.#rooms.values()].some(({ ref, joined }) => ref && !joined);
    this.#sentAt = unanswered ? Math.min(this.#sentAt, time) : Infinity;
    if (again < Infinity) this.#flushTimer = setTimeout(() => this.#flush(), again - time);
  }

  /** What is to be said; asking for the next one means that the last one goes out. */
  *#due(time: number, later: (at: number) => void): Generator<Command> {
    for (const [room, membership] of this.#rooms) {
      if (membership.ref) continue;
      if (membership.notBefore > time) {
        later(membership.notBefore);
        continue;
      }
      const { since } = membership;
      const ref = newRef();
      yield { type: "join", room, ref, ...(since && { since }) };
      membership.ref = ref;
    }
    if (this.#rename && !this.#rename.ref) {
      const rename = { name: this.#rename.name, ref: newRef() };
      yield { type: "rename", ...rename };
      this.#rename = rename;
    }
    if (this.#outbox.inFlight) return;
    for (const outgoing of this.#outbox) {
      const membership = this.#rooms.get(outgoing.command.room);
      if (!membership?.joined) continue;
      // What was missed may hold the echo of this very message.
      if (!membership.caughtUp && membership.notBefore > time) {
        later(membership.notBefore);
        continue;
      }
      yield outgoing.command;
      outgoing.inFlight = true;
    }
  }

  /** Sends at once what is worth nothing later; over the rate it is dropped. */
  #say(command: Command): void {
    if (this.#state.status !== "open") return;
    if (this.#spend(now()) && command.type !== "leave") return;
    this.#transport?.send([command]);
  }

  /** Takes one command from the allowance; if there is none, says when there is, in milliseconds. */
  #spend(time: number): number {
    const { rate, burst } = this.#limits ?? { rate: 0, burst: 0 };
    if (!rate || !burst) return 0;
    const refill = Math.max(0, time - this.#refilledAt) * rate / 1000;
    this.#allowance = Math.min(burst, this.#allowance + refill);
    this.#refilledAt = time;
    if (this.#allowance < 1) return Math.ceil((1 - this.#allowance) * 1000 / rate);
    this.#allowance--;
    return 0;
  }

  // --- what is kept ---------------------------------------------------------------------------

  #iAm(user: User): void {
    this.#user = user;
    if (this.#rename?.ref) this.#rename = undefined;
    save(this.#identity, IDENTITY_KEY, { token: this.#token, name: user.name });
  }
}

/**
 * Connects to a server, and keeps at it.
 *
 * @param url of the server's `/ws`; http: and https: will do.
 * @throws {TypeError} if the URL is none.
 */
export function connect(url: string | URL, options?: ClientOptions): Client {
  return new Client(url, options);
}

function isMessage(event: ChatEvent | AppEvent): event is Message {
  return event.seq !== undefined;
}

/** A name for a message: 96 random bits. `crypto.randomUUID` is missing on plain http. */
export function newRef(): string {
  return crypto.getRandomValues(new Uint32Array(3)).reduce((ref, n) => ref + n.toString(36), "");
}

function closedError(reason = ""): ClientError {
  return new ClientError("closed", reason || "The client is closed.");
}
