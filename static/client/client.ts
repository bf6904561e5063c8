/**
 * `Client` is a connection to a Parley server that reconnects by itself. It owns the connection, the
 * cursors of its rooms, and the messages that are not acknowledged yet. It does not touch the DOM,
 * keeps no history, and runs in browsers, Deno and Node 22+.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { Connection } from "./connection.ts";
import { ClientError, closedError } from "./errors.ts";
import { type ClientEvents, type ClientState, ClientTarget } from "./events.ts";
import { readPage } from "./http.ts";
import { Identity } from "./identity.ts";
import { Membership } from "./membership.ts";
import type { ClientOptions } from "./options.ts";
import { newRef, Outbox, type Unsent } from "./outbox.ts";
import { Receiver } from "./receiver.ts";
import { type ClientParts, Sender } from "./sender.ts";
import { browserStorage } from "./storage.ts";
import { CLOSE_DONE } from "./transport.ts";

/** A connection to a server, with all that survives a reconnect. {@linkcode connect} makes one. */
export class Client extends ClientTarget {
  readonly #url: URL;
  readonly #parts: ClientParts;
  readonly #sender: Sender;
  readonly #receiver: Receiver;

  /** Begins to connect, as {@linkcode connect} does. */
  constructor(url: string | URL, options: ClientOptions = {}) {
    super();
    this.#url = new URL(url);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    const identity = new Identity(options.identity ?? browserStorage("localStorage"), options.name);
    const outboxStorage = options.outbox ?? browserStorage("sessionStorage");
    const outbox = new Outbox(outboxStorage, options.maxUnsent ?? 256);
    const connection = new Connection(this.#url.href, options, identity, {
      state: (state) => this.#dispatch("state", state),
      doubt: (isInDoubt) => this.#dispatch("doubt", isInDoubt),
      welcomed: (event) => {
        this.#sender.connected(event.limits);
        this.#dispatch("welcome", event);
      },
      received: (event) => this.#receiver.receive(event),
      disconnected: () => this.#sender.disconnected(),
      ended: (reason, forget) => this.#ended(reason, forget),
    });
    const parts = this.#parts = { connection, identity, outbox, rooms: new Map() };
    this.#sender = new Sender(parts);
    this.#receiver = new Receiver(parts, this.#sender, (...event) => this.#dispatch(...event));
    connection.open();
  }

  /** The state of the connection. Its changes are dispatched as `state`. */
  get state(): ClientState {
    return this.#parts.connection.state;
  }

  /** The client's user; undefined before the first `welcome`. */
  get user(): wire.User | undefined {
    return this.#parts.identity.user;
  }

  /** The limits that the server announced in its last `welcome`. */
  get limits(): wire.AnnouncedLimits | undefined {
    return this.#sender.limits;
  }

  /** The messages that are not acknowledged, oldest first. After a reload, those from before it. */
  get unsent(): readonly Unsent[] {
    return this.#parts.outbox.commands;
  }

  /**
   * Enters a room, now and after every reconnect, until {@linkcode leave}. Entering a room again
   * changes nothing.
   *
   * @param since the application's own cursor. By default the room's recent messages come.
   * @returns the first `joined`. While the room is full, the client tries again, and dispatches `error`.
   * @throws {ClientError} if the server refuses for good, or if the room is left first.
   */
  join(room: string, since?: wire.Cursor): Promise<wire.JoinedEvent> {
    if (this.state.status === "closed") return Promise.reject(closedError());
    let membership = this.#parts.rooms.get(room);
    if (!membership) {
      membership = new Membership(room, since, (event) => this.#dispatch("typing", event));
      this.#parts.rooms.set(room, membership);
      this.#sender.flush();
    }
    return membership.entered.promise;
  }

  /** Leaves a room. Its unacknowledged messages fail with the code `left`. */
  leave(room: string): void {
    const membership = this.#parts.rooms.get(room);
    if (!membership) return;
    if (membership.ref) this.#sender.sendNow({ type: "leave", room });
    this.#parts.rooms.delete(room);
    membership.disconnected();
    const error = new ClientError("left", `The room "${room}" was left.`);
    membership.entered.reject(error);
    this.#parts.outbox.fail(error, (command) => command.room === room);
  }

  /**
   * Sends a message to a room that was joined. The client keeps it, over reconnects and in a browser
   * over reloads, until the server has stored it. Messages are stored once, in the order of the calls.
   *
   * @param ref names the message, 1 to 64 characters. While a message with that `ref` is unsent, a
   * second call returns the same promise.
   * @returns the message as stored.
   * @throws {ClientError} if it will not be stored.
   */
  send(room: string, payload: string, ref: string = newRef()): Promise<wire.Message> {
    this.#parts.rooms.get(room)?.userSent();
    return this.#keep({ type: "chat", room, payload, ref });
  }

  /**
   * Sends an application's own event. With `durable` it is stored, numbered and kept like a message.
   * Otherwise it is sent now or not at all.
   *
   * @returns with `durable`, the message as stored. Otherwise whether it was sent: it is not sent if
   * the room is not joined, if the connection is not open, or beyond the rate that the server allows.
   * The last is also dispatched as `error` with the code `rate_limited`.
   */
  emit(
    room: string,
    name: string,
    payload: wire.Json,
    how: { durable: true },
  ): Promise<wire.Message>;
  /** Sends an application's own event, now or not at all. */
  emit(room: string, name: string, payload: wire.Json): boolean;
  emit(
    room: string,
    name: string,
    payload: wire.Json,
    how?: { durable: true },
  ): Promise<wire.Message> | boolean {
    const command = { type: "custom", room, name, payload } as const;
    if (how) return this.#keep({ ...command, durable: true, ref: newRef() });
    if (!this.#parts.rooms.get(room)?.joined) return false;
    const retryAfterMs = this.#sender.sendNow(command);
    if (retryAfterMs > 0 && retryAfterMs < Infinity) {
      const payload = `Cannot send the event "${name}": too many commands.`;
      this.#dispatch("error", { type: "error", code: "rate_limited", payload, retryAfterMs });
    }
    return retryAfterMs === 0;
  }

  /** Tells the other members that the user types, or stopped. It can be called at every key. */
  typing(room: string, active = true): void {
    const membership = this.#parts.rooms.get(room);
    if (membership?.joined && membership.userTypes(active)) {
      this.#sender.sendNow({ type: "typing", room, payload: active });
    }
  }

  /** Changes the user's name. A `system` event of the kind `renamed` follows, or an `error`. */
  rename(name: string): void {
    this.#parts.identity.rename = { name, ref: "" };
    this.#sender.flush();
  }

  /**
   * Reads a page of the messages before the `seq` in `before`, oldest first. It is empty at the
   * beginning of the room.
   *
   * @throws {ClientError} `unavailable` if the server cannot be reached, or refuses.
   */
  history(room: string, before: number, limit = 50): Promise<readonly wire.Message[]> {
    return readPage(this.#url, this.#parts.identity.token, room, before, limit);
  }

  /** Connects now if the client is waiting to. Probes the connection if it is open. */
  retry(): void {
    this.#parts.connection.check();
  }

  /**
   * Closes the connection for good. Unacknowledged messages fail with the code `closed` and are
   * forgotten. When the server closes for good, they stay in storage for the next client instead.
   */
  close(): void {
    if (this.state.status !== "closed") this.#parts.connection.end(CLOSE_DONE, "", true);
  }

  #ended(reason: string, forget: boolean): void {
    const error = closedError(reason);
    for (const { entered } of this.#parts.rooms.values()) entered.reject(error);
    this.#parts.rooms.clear();
    this.#parts.outbox.abandon(error, forget);
  }

  #keep(command: Unsent): Promise<wire.Message> {
    if (this.state.status === "closed") return Promise.reject(closedError());
    queueMicrotask(() => this.#sender.flush()); // the messages of one turn go in one frame
    return this.#parts.outbox.add(command);
  }

  #dispatch<K extends keyof ClientEvents>(type: K, detail: ClientEvents[K]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * Connects to a server, and reconnects whenever the connection is lost.
 *
 * @param url the server's `/ws`, with ws:, wss:, http: or https:.
 * @throws {TypeError} if the URL is not valid.
 */
export function connect(url: string | URL, options?: ClientOptions): Client {
  return new Client(url, options);
}
