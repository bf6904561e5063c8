/**
 * `Client` is a connection to a Parley server that reconnects by itself. It owns the connection, the
 * cursors of its rooms, and the messages that are not acknowledged yet. It does not touch the DOM,
 * keeps no history, and runs in browsers, Deno and Node 22+.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import type { Right } from "../../server/protocol/tables.ts";
import { createParts } from "./client_parts.ts";
import type { Connection } from "./connection.ts";
import { ClientError, closedError } from "./errors.ts";
import { ClientRequests } from "./client_requests.ts";
import type { AnyEvents, ClientState, Dispatch } from "./events.ts";
import type { Identity } from "./identity.ts";
import { createMembership, type Membership } from "./membership.ts";
import type { ClientOptions } from "./options.ts";
import { type Acknowledgement, newRef, type Outbox, type Unsent } from "./outbox.ts";
import type { Sender } from "./sender.ts";
import { CLOSE_DONE } from "./transport.ts";

/**
 * A connection to a server, with all that survives a reconnect. {@linkcode connect} makes one.
 *
 * `Events` names the application's own events and the types of their payloads. It types `emit` and `on`.
 * Nothing checks what other clients send under these names.
 */
export class Client<Events extends object = AnyEvents> extends ClientRequests<Events> {
  readonly #url: string;
  readonly #connection: Connection;
  readonly #dispatch: Dispatch;
  readonly #identity: Identity;
  readonly #outbox: Outbox;
  readonly #rooms: Map<string, Membership>;
  readonly #sender: Sender;

  /** Begins to connect, as {@linkcode connect} does. */
  constructor(url: string | URL, options: ClientOptions = {}) {
    super(() => ({ url: this.#url, token: this.#identity.token }));
    // A request's URL is relative to the document, as for `fetch`.
    this.#url = new Request(url).url.replace(/^http/, "ws").replace(/(\/ws)?\/?(?=$|\?)/, "/ws");
    const parts = createParts(this.#url, options, (type, detail) => {
      this.dispatchEvent(new CustomEvent(type, { detail }));
    });
    [this.#connection, this.#dispatch, this.#identity, this.#outbox, this.#rooms, this.#sender] =
      parts;
  }

  /** The state of the connection. Its changes are dispatched as `state`. */
  get state(): ClientState {
    return this.#connection.state;
  }

  /** The client's user; undefined before the first `welcome`. */
  get user(): wire.User | undefined {
    return this.#identity.user;
  }

  /** The limits that the server announced in its last `welcome`. */
  get limits(): wire.AnnouncedLimits | undefined {
    return this.#sender.limits;
  }

  /** The commands that are not acknowledged, oldest first. After a reload, those from before it. */
  get unsent(): readonly Unsent[] {
    return this.#outbox.commands;
  }

  /** What the user may do in a room; undefined while it was not entered. */
  right(room: string): Right | undefined {
    return this.#rooms.get(room)?.right;
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
    let membership = this.#rooms.get(room);
    if (!membership) {
      membership = createMembership(room, since, this.#dispatch);
      this.#rooms.set(room, membership);
      this.#sender.flushSoon();
    }
    return membership.entered.promise;
  }

  /**
   * Leaves a room. Its unacknowledged messages fail with the code `left`.
   *
   * @returns the cursor with which {@linkcode join} goes on there; undefined before the first message.
   */
  leave(room: string): wire.Cursor | undefined {
    const since = this.#rooms.get(room)?.since;
    this.#sender.giveUp(room, new ClientError("left", `The room "${room}" was left.`));
    return since;
  }

  /**
   * Sends a message to a room that was joined. The client keeps it, over reconnects and in a browser
   * over reloads, until the server has stored it. Messages are stored once, in the order of the calls.
   *
   * @param ref names the message, 1 to 64 characters. While a message with that `ref` is unsent, a
   * second call returns the same promise.
   * @param replyTo the `seq` of the message that this one answers.
   * @returns the message as stored.
   * @throws {ClientError} if it will not be stored.
   */
  send(
    room: string,
    payload: string,
    ref: string = newRef(),
    replyTo?: number,
  ): Promise<wire.Message> {
    this.#rooms.get(room)?.userSent();
    return this.keep({ type: "chat", room, payload, ref, ...(replyTo && { replyTo }) });
  }

  /**
   * Changes the text of one's own message; with the right `manage`, of anyone's. It is kept like a message
   * until it is stored, and sent in its order among them.
   *
   * @returns the message as it is then.
   * @throws {ClientError} if it will not be stored: `not_found`, or `conflict` if the message was deleted.
   */
  edit(room: string, seq: number, payload: string): Promise<wire.RevisedEvent> {
    return this.keep({ type: "edit", room, seq, payload, ref: newRef() });
  }

  /** Deletes a message, as {@linkcode edit} changes it. Its text is gone, its place stays. */
  remove(room: string, seq: number): Promise<wire.RevisedEvent> {
    return this.keep({ type: "delete", room, seq, ref: newRef() });
  }

  /** Reacts to a message, or with `on: false` takes that back. It is kept as {@linkcode edit} is. */
  react(room: string, seq: number, payload: string, on = true): Promise<wire.RevisedEvent> {
    return this.keep({ type: "react", room, seq, payload, on, ref: newRef() });
  }

  /**
   * Sends a command as {@linkcode send} and {@linkcode edit} do. Of one that is {@linkcode unsent}, it returns
   * the promise. The caller knows what acknowledges it: a message, or `revised`.
   */
  keep<A extends Acknowledgement>(command: Unsent): Promise<A> {
    this.#sender.flushSoon();
    return this.#outbox.add(command) as Promise<A>; // a cast: see above
  }

  /**
   * Sends an application's own event now or not at all; with `latest`, as soon as the connection and the
   * server's rate allow, unless a newer one of that name takes its place first.
   *
   * @returns whether it was sent, or with `latest` whether it is kept. Each loss is dispatched as `lost`.
   */
  emit<Name extends keyof Events & string>(
    room: string,
    name: Name,
    payload: Events[Name],
    how?: { readonly latest?: boolean; readonly retain?: false } | {
      readonly latest: true;
      readonly retain: true;
    },
  ): boolean;
  /** Sends an application's own event, and keeps it like a message until the server has stored it. */
  emit<Name extends keyof Events & string>(
    room: string,
    name: Name,
    payload: Events[Name],
    how: { readonly durable: true },
  ): Promise<wire.Message>;
  /** Sends an application's own event, which each new member is given too. `null` takes it back. */
  emit<Name extends keyof Events & string>(
    room: string,
    name: Name,
    payload: Events[Name] | null,
    how: { readonly retain: true },
  ): Promise<wire.CustomEvent>;
  emit(
    room: string,
    name: string,
    payload: wire.Json,
    { latest, ...how }: { latest?: boolean; durable?: boolean; retain?: boolean } = {},
  ): Promise<wire.Message | wire.CustomEvent> | boolean {
    const command: wire.CustomCommand = { type: "custom", room, name, payload, ...how };
    if (!latest && (how.durable || how.retain)) return this.keep({ ...command, ref: newRef() });
    const membership = this.#rooms.get(room);
    if (!latest || !membership) return this.#sender.sendNow(command);
    membership.newest.set(name, command);
    this.#sender.flushSoon();
    return true;
  }

  /** Tells the other members that the user types, or stopped. It can be called at every key. */
  typing(room: string, active = true): void {
    const membership = this.#rooms.get(room);
    if (!membership?.joined) return;
    membership.userTypes(active);
    this.#sender.flush();
  }

  /**
   * Notes that the user has seen a room up to that message. It can be called for every message: the server
   * is told once a second, and all of the user's devices get `read`.
   */
  read(room: string, seq: number): void {
    this.#rooms.get(room)?.userReads(seq);
    this.#sender.flushSoon();
  }

  /** How many messages of a room the user has not seen on any device; 0 before the first `read`. */
  unread(room: string): number {
    return this.#rooms.get(room)?.unread ?? 0;
  }

  /** Changes the user's name. A `system` event of the kind `renamed` follows, or an `error`. */
  rename(name: string): void {
    this.#identity.rename = { name, ref: "" };
    this.#sender.flushSoon();
  }

  /** Connects now if the client is waiting to. Probes the connection if it is open. */
  retry(): void {
    this.#connection.check();
  }

  /**
   * Closes the connection for good. Unacknowledged messages fail with the code `closed` and are
   * forgotten. When the server closes for good, they stay in storage for the next client instead.
   */
  close(): void {
    this.#connection.end(CLOSE_DONE, "", true);
  }

  /**
   * Closes the connection for good, and forgets the guest: the saved name and token, and what is not
   * acknowledged. The next client is another guest. Nothing brings this one back.
   */
  signOut(): void {
    this.close();
    this.#identity.forget();
  }
}
