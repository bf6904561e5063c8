/**
 * A session is one connection's conversation: its user and its rooms. It carries out typed commands, and
 * sends encoded events to the connection.
 *
 * @module
 */
import type { Source } from "../access/source.ts";
import { Batch } from "../broker/page.ts";
import type { RetainedEvent } from "../broker/retained.ts";
import type {
  ChatCommand,
  Command,
  Cursor,
  CustomCommand,
  Event,
  User,
} from "../protocol/messages.ts";
import { chatRest, encode, messageRest, unnumbered } from "../protocol/encode.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Hub } from "./hub.ts";
import { logThrown } from "./log_thrown.ts";
import type { Room } from "./room.ts";
import type { ClientConnection, Subscriber } from "./subscriber.ts";
import { retain } from "./retain.ts";
import type { ConnectedUser } from "./user.ts";
import { welcome } from "./welcome.ts";

export class Session implements Subscriber {
  readonly connection: ClientConnection;
  readonly #hub: Hub;
  readonly #source: Source;
  readonly #rooms = new Map<string, Room>();
  #user: ConnectedUser;
  #hasEnded = false;

  constructor(hub: Hub, connection: ClientConnection, source: Source) {
    this.connection = connection;
    this.#hub = hub;
    this.#source = source;
    this.#user = hub.users.hold(hub.context.identity.newId());
  }

  get user(): ConnectedUser {
    return this.#user;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Continues as the user of the token, takes the name, and sends `welcome`.
   *
   * @throws {Refusal} `unauthorized`
   */
  hello(token: string | undefined, name: string | undefined): void {
    if (token !== undefined) this.#become(this.#hub.context.identity.userOf(token));
    if (name !== undefined) this.#user.rename(name);
    this.#answer(welcome(this.#hub.context, this.#user.user));
  }

  /**
   * Joins a room.
   *
   * @param ref of the `join`, for an error that comes later.
   * @throws {Refusal} `forbidden`, `too_many_rooms`, `room_full`
   */
  join(name: string, since?: Cursor, ref?: string): void {
    this.#hub.rights.assertCanJoin(this.#user.user, name);
    const max = this.#hub.context.options.maxRoomsPerConnection;
    if (max > 0 && this.#rooms.size >= max && !this.#rooms.has(name)) {
      const sentence = `Cannot join ${JSON.stringify(name)}: a connection may be in ${max} rooms.`;
      throw new Refusal("too_many_rooms", sentence, { field: "room" });
    }
    const room = this.#hub.room(name, this.#source);
    room.join(this, since, ref);
    this.#rooms.set(name, room);
  }

  /** @param room the room that was refused, where no `ref` says it. */
  refuse(refusal: Refusal, ref?: string, room?: string): void {
    if (this.#hasEnded) return;
    this.#answer({ ...refusal.event(ref), ...(room !== undefined && { room }) });
  }

  stored(room: string, seq: number, event: string): void {
    this.#rooms.get(room)?.feed.repeat(this, seq, event);
  }

  joinFailed(room: string, refusal: Refusal, ref: string | undefined): void {
    this.#rooms.delete(room);
    this.refuse(refusal, ref, room);
  }

  /** Goes on with all rooms: the connection takes more again. */
  drained(): void {
    for (const room of this.#rooms.values()) room.feed.drained(this);
  }

  /** Leaves all rooms: the connection is gone. May be called more than once. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const room of this.#rooms.values()) {
      const facts = { room: room.name };
      logThrown(this.#hub.context.log, "leave failed", () => room.leave(this, false), facts);
    }
    this.#rooms.clear();
    this.#hub.users.release(this.#user);
  }

  /**
   * Carries out a command.
   *
   * @throws {Refusal}
   */
  carryOut(command: Command): void {
    switch (command.type) {
      case "chat":
        return this.#chat(command);
      case "custom":
        return this.#custom(command);
      case "typing":
        this.#roomToSpeakIn(command.room);
        return this.#hub.typing.set(command.room, this.#user.user, command.payload);
      case "join":
        return this.join(command.room, command.since, command.ref);
      case "leave":
        this.#roomOf(command.room).leave(this, true);
        this.#rooms.delete(command.room);
        return;
      case "hello":
        return this.hello(command.token, command.name);
      case "rename":
        return this.#user.rename(command.name);
      case "pong":
        return;
      default:
        command satisfies never;
    }
  }

  /** Continues as that user, in all rooms. */
  #become({ id, name }: User): void {
    const previous = this.#user;
    if (id === previous.id) return;
    this.#user = this.#hub.users.hold(id, name);
    this.#hub.allowances.inherit(id, previous.id); // a change of user is no way to a new allowance
    for (const room of this.#rooms.values()) room.changeUser(this, previous);
    this.#hub.users.release(previous);
  }

  #chat({ room, payload, ref }: ChatCommand): void {
    this.#roomToSpeakIn(room).publish(this, "chat", chatRest(this.#user.json, payload, ref), ref);
  }

  #custom({ room, name, payload, ref, durable, retain }: CustomCommand): void {
    const target = this.#roomToSpeakIn(room);
    const rest = messageRest<"custom">({ name, from: this.#user.user, payload }, ref);
    if (durable) return target.publish(this, "custom", rest, ref);
    const event = unnumbered("custom", room, rest);
    if (retain) return this.#retain(room, { name, event, isRemoval: payload === null }, ref);
    this.#hub.context.broker.signal(room, { event });
  }

  #retain(room: string, event: RetainedEvent, ref: string | undefined): void {
    retain(this.#hub.context, room, event).catch((thrown) => this.refuse(thrown, ref));
  }

  #roomToSpeakIn(name: string): Room {
    const room = this.#roomOf(name);
    this.#hub.rights.assertCanSpeak(this.#user.user, name);
    return room;
  }

  #roomOf(name: string): Room {
    const room = this.#rooms.get(name);
    if (room !== undefined) return room;
    const sentence = `You are not in ${JSON.stringify(name)}. Join it first.`;
    throw new Refusal("not_in_room", sentence, { field: "room" });
  }

  #answer(event: Event): void {
    this.connection.reply(Batch.of(encode(event)));
  }
}
