/**
 * The client library: one connection to a Parley server that mends itself. It owns the connection,
 * the cursors of the rooms it is in, and the messages that are not acknowledged yet. It knows
 * nothing of the DOM, keeps no history, and runs in browsers, Deno and Node 22+.
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
  Cursor,
  JoinedEvent,
  Json,
  Message,
  User,
} from "../../server/protocol/messages.ts";
import { ClientError, closedError } from "./client_error.ts";
import {
  type ClientEvents,
  type ClientOptions,
  type ClientState,
  ClientTarget,
} from "./client_types.ts";
import { Connection } from "./connection.ts";
import { readPage } from "./history.ts";
import { Identity } from "./identity.ts";
import { Membership } from "./membership.ts";
import { Outbox, type Unsent } from "./outbox.ts";
import { newRef } from "./ref.ts";
import { Receiver } from "./receiver.ts";
import { Sender } from "./sender.ts";
import { browserStorage } from "./storage.ts";
import { CLOSE_DONE } from "./transport.ts";

export { ClientError } from "./client_error.ts";
export { FINAL_CLOSE_CODES, RETRIABLE_ERRORS } from "./client_types.ts";
export type { ClientEvents, ClientOptions, ClientState } from "./client_types.ts";
export type { Unsent } from "./outbox.ts";
export { newRef } from "./ref.ts";
export type { KeyValue } from "./storage.ts";
export {
  type OpenTransport,
  type Transport,
  type TransportHandlers,
  webSocket,
} from "./transport.ts";

/** A connection to a server, and all that must outlive it. Made by {@linkcode connect}. */
export class Client extends ClientTarget {
  readonly #url: URL;
  readonly #identity: Identity;
  readonly #outbox: Outbox;
  readonly #rooms = new Map<string, Membership>();
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #receiver: Receiver;

  constructor(url: string | URL, options: ClientOptions = {}) {
    super();
    this.#url = new URL(url);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    const kept = options.identity ?? browserStorage("localStorage");
    this.#identity = new Identity(kept, options.name);
    this.#outbox = new Outbox(
      options.outbox ?? browserStorage("sessionStorage"),
      options.maxUnsent ?? 256,
    );
    this.#connection = new Connection(this.#url.href, options, this.#identity, {
      state: (state) => this.#dispatch("state", state),
      doubt: (isInDoubt) => this.#dispatch("doubt", isInDoubt),
      welcomed: (event) => {
        this.#sender.begin(event.limits);
        this.#dispatch("welcome", event);
      },
      received: (event) => this.#receiver.receive(event),
      detached: () => this.#sender.detached(),
      ended: (reason, forget) => this.#ended(reason, forget),
    });
    const [connection, identity, outbox] = [this.#connection, this.#identity, this.#outbox];
    const sources = { connection, identity, outbox, rooms: this.#rooms };
    this.#sender = new Sender(sources);
    this.#receiver = new Receiver(sources, this.#sender, (...told) => this.#dispatch(...told));
    this.#connection.open();
  }

  /** Where the connection stands. Changes are dispatched as `state`. */
  get state(): ClientState {
    return this.#connection.state;
  }

  /** Who this client is; undefined before the first `welcome`. */
  get user(): User | undefined {
    return this.#identity.user;
  }

  /** What the server announced in its last `welcome`. */
  get limits(): AnnouncedLimits | undefined {
    return this.#sender.limits;
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
    if (this.state.status === "closed") return Promise.reject(closedError());
    let membership = this.#rooms.get(room);
    if (!membership) {
      membership = new Membership(room, since, (event) => this.#dispatch("typing", event));
      this.#rooms.set(room, membership);
      this.#sender.flush();
    }
    return membership.entered.promise;
  }

  /** Leaves a room. What was not acknowledged in it fails with `left`. */
  leave(room: string): void {
    const membership = this.#rooms.get(room);
    if (!membership) return;
    if (membership.ref) this.#sender.say({ type: "leave", room });
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
   * Sends an application's own event. With `durable` it is stored, numbered and kept like a message.
   * Without, it is sent once, now or not at all.
   *
   * @returns with `durable`, the message as stored. Without, whether it was sent: it is not where the
   * room was not joined or the connection is not open, and over the rate that the server allows; then
   * `error` tells of it too, with the code `rate_limited`.
   */
  emit(room: string, name: string, payload: Json, how: { durable: true }): Promise<Message>;
  emit(room: string, name: string, payload: Json): boolean;
  emit(
    room: string,
    name: string,
    payload: Json,
    how?: { durable: true },
  ): Promise<Message> | boolean {
    const command = { type: "custom", room, name, payload } as const;
    if (how) return this.#keep({ ...command, durable: true, ref: newRef() });
    if (!this.#rooms.get(room)?.joined) return false;
    const retryAfterMs = this.#sender.say(command);
    if (retryAfterMs > 0 && retryAfterMs < Infinity) {
      const payload = `Event "${name}" was not sent: that is more than the server allows.`;
      this.#dispatch("error", { type: "error", code: "rate_limited", payload, retryAfterMs });
    }
    return retryAfterMs === 0;
  }

  /** Tells the others that the user types, or stopped. Cheap enough to call at every key. */
  typing(room: string, active = true): void {
    const membership = this.#rooms.get(room);
    if (membership?.joined && membership.types(active)) {
      this.#sender.say({ type: "typing", room, payload: active });
    }
  }

  /** Takes a new name; `system` with kind `renamed` tells that it is so, or else `error`. */
  rename(name: string): void {
    this.#identity.rename = { name, ref: "" };
    this.#sender.flush();
  }

  /**
   * A page of what was said before `before` (a `seq`), oldest first; empty at the beginning of
   * the room.
   *
   * @throws {ClientError} `unavailable` if the server cannot be reached or refuses.
   */
  history(room: string, before: number, limit = 50): Promise<readonly Message[]> {
    return readPage(this.#url, this.#identity.token, room, before, limit);
  }

  /** Tries to connect now, if it is waiting to; asks for a sign of life, if it is open. */
  retry(): void {
    this.#connection.check();
  }

  /**
   * Closes the connection for good. What was not acknowledged fails with `closed` and is forgotten;
   * when it is the server that closes for good, it stays in the outbox for the next client.
   */
  close(): void {
    if (this.state.status !== "closed") this.#connection.end(CLOSE_DONE, "", true);
  }

  #ended(reason: string, forget: boolean): void {
    const error = closedError(reason);
    for (const { entered } of this.#rooms.values()) entered.reject(error);
    this.#rooms.clear();
    this.#outbox.abandon(error, forget);
  }

  #keep(command: Unsent): Promise<Message> {
    if (this.state.status === "closed") return Promise.reject(closedError());
    queueMicrotask(() => this.#sender.flush()); // what is said in one turn goes in one frame
    return this.#outbox.add(command);
  }

  #dispatch<K extends keyof ClientEvents>(type: K, detail: ClientEvents[K]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
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
