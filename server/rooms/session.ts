/**
 * One client's conversation: its person, its rooms, its patience; every command is carried out here, by
 * one switch. It speaks in typed commands and encoded events, and leaves bytes to its connection.
 *
 * Nothing thrown leaves a session: what a client provoked costs that client an `error`.
 *
 * @module
 */
import { costOf, COSTS } from "../access/allowances.ts";
import type { Source } from "../access/source.ts";
import { Batch } from "../broker/page.ts";
import { reason } from "../log.ts";
import type {
  ChatCommand,
  Command,
  Cursor,
  CustomCommand,
  Event,
  HelloCommand,
  TypingCommand,
  User,
} from "../protocol/messages.ts";
import { chatRest, encode, messageRest, unnumbered } from "../protocol/encode.ts";
import { CLOSE, type CloseCode } from "../protocol/tables.ts";
import { parseCommand, parseJson, refOf } from "../protocol/parse.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Hub } from "./hub.ts";
import { Patience } from "./patience.ts";
import type { ConnectedUser } from "./user.ts";
import type { Room, Subscriber } from "./room.ts";
import { welcome } from "./welcome.ts";

/** What a session needs of its connection. */
export interface SessionConnection {
  /** Whether it takes more now. If not, the session hears {@linkcode Session.drained} later. */
  readonly ready: boolean;
  /** Queues a frame, to be written at the end of this turn. */
  send(frame: Batch): void;
  /** The same for an answer, which goes out even if much is queued; a connection that is far over is dropped. */
  reply(frame: Batch): void;
  close(code: CloseCode): void;
}

export class Session implements Subscriber {
  readonly #hub: Hub;
  readonly #line: SessionConnection;
  readonly #source: Source;
  readonly #batched: boolean;
  readonly #rooms = new Map<string, Room>();
  /** Made when it is needed: most connections listen. */
  #patience: Patience | undefined;
  #person: ConnectedUser;
  #ended = false;

  /** @param batched whether a frame may hold an array of commands. */
  constructor(hub: Hub, line: SessionConnection, source: Source, batched: boolean) {
    const { identity } = hub.context;
    this.#hub = hub;
    this.#line = line;
    this.#source = source;
    this.#batched = batched;
    this.#person = hub.users.hold(identity.newId());
  }

  get user(): ConnectedUser {
    return this.#person;
  }

  get ready(): boolean {
    return this.#line.ready;
  }

  send(frame: Batch): void {
    this.#line.send(frame);
  }

  reply(frame: Batch): void {
    this.#line.reply(frame);
  }

  /** @param room that was refused, where no `ref` tells. */
  refuse(refusal: Refusal, ref?: string, room?: string): void {
    if (this.#ended) return;
    this.#answer({ ...refusal.event(ref), ...(room !== undefined && { room }) });
  }

  stored(room: string, seq: number, event: string): void {
    this.#rooms.get(room)?.repeat(this, seq, event);
  }

  expelled(room: Room, ref: string | undefined): void {
    this.#rooms.delete(room.name);
    const refusal = new Refusal("unavailable", `Cannot join ${JSON.stringify(room.name)} now.`, {
      field: "room",
      retryAfterMs: 1000,
    });
    this.refuse(refusal, ref, room.name);
  }

  /** One frame from the client. */
  receive(text: string): void {
    if (this.#ended) return;
    if (this.#batched) this.#hub.countFrame();
    try {
      const cost = this.#source.costOfText(text);
      const value = this.#parse(text, cost);
      if (!Array.isArray(value) || !this.#batched) return this.#take(value, cost);
      if (value.length === 0) throw new Refusal("bad_command", "An array of no commands.");
      for (const item of value) this.#take(item, cost / value.length);
    } catch (thrown) {
      this.#complain(thrown, undefined);
    }
  }

  /** Says for a plain client what its address says: who it is and where it goes. */
  enter(room: string, name: string | undefined): void {
    try {
      if (name !== undefined) this.#person.rename(name);
      this.#join(room);
    } catch (thrown) {
      this.#complain(thrown, undefined);
    }
  }

  /**
   * Says for a client that can only listen who it is.
   *
   * @throws {Refusal} `unauthorized`, or if that name may not be taken.
   */
  introduce(token: string | undefined, name: string | undefined): void {
    this.#hello({
      type: "hello",
      ...(token !== undefined && { token }),
      ...(name !== undefined && { name }),
    });
  }

  /**
   * Enters a room for a client that can only listen.
   *
   * @throws {Refusal} if it may not.
   */
  follow(room: string, since: Cursor | undefined): void {
    this.#join(room, since);
  }

  /** The connection takes more again. */
  drained(): void {
    for (const room of this.#rooms.values()) room.drained(this);
  }

  /** The connection is gone. May be called more than once. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const room of this.#rooms.values()) this.#leaveForGood(room);
    this.#rooms.clear();
    this.#hub.users.release(this.#person);
  }

  /** Leaves a room because the connection is gone. What fails there must not keep it in the others. */
  #leaveForGood(room: Room): void {
    try {
      room.leave(this, false);
    } catch (thrown) {
      this.#hub.context.log.error("leave failed", { room: room.name, reason: reason(thrown) });
    }
  }

  /** @param cost what the text costs its address: what is no JSON costs as much as a command. */
  #parse(text: string, cost: number): unknown {
    try {
      return parseJson(text);
    } catch (thrown) {
      this.#source.spend(COSTS.command + cost);
      throw thrown;
    }
  }

  /** @param cost what the command costs its address for its length. */
  #take(value: unknown, cost: number): void {
    if (this.#ended) return;
    let ref: string | undefined;
    try {
      this.#source.spend(costOf(value) + cost);
      const command = parseCommand(value);
      ref = command.ref;
      const wait = this.#hub.allowances.take(this.#person.id);
      if (wait > 0) {
        throw new Refusal("rate_limited", "Too many messages. Slow down.", { retryAfterMs: wait });
      }
      this.#carryOut(command);
    } catch (thrown) {
      this.#complain(thrown, ref ?? refOf(value));
    }
  }

  #carryOut(command: Command): void {
    switch (command.type) {
      case "chat":
        return this.#chat(command);
      case "custom":
        return this.#custom(command);
      case "typing":
        return this.#typing(command);
      case "join":
        return this.#join(command.room, command.since, command.ref);
      case "leave":
        return this.#leave(command.room);
      case "hello":
        return this.#hello(command);
      case "rename":
        return this.#person.rename(command.name);
      case "pong":
        return;
      default:
        command satisfies never;
    }
  }

  #hello({ name, token }: HelloCommand): void {
    const { identity } = this.#hub.context;
    if (token !== undefined) {
      const user = identity.verify(token);
      if (user === undefined) {
        throw new Refusal("unauthorized", "That token is not one of this server's.", {
          field: "token",
        });
      }
      this.#become(user);
    }
    if (name !== undefined) this.#person.rename(name);
    this.#answer(welcome(this.#hub.context, this.#person.user));
  }

  /** Continues as that user, in all rooms. */
  #become({ id, name }: User): void {
    const old = this.#person;
    if (id === old.id) return;
    this.#person = this.#hub.users.hold(id, name);
    this.#hub.allowances.follow(id, old.id); // being many people in turn is no way around it
    for (const room of this.#rooms.values()) room.changeUser(this, old);
    this.#hub.users.release(old);
  }

  #join(name: string, since?: Cursor, ref?: string): void {
    const { options, authorize } = this.#hub.context;
    if (!authorize(this.#person.user, "join", name)) throw forbidden("join", name);
    const most = options.maxRoomsPerConnection;
    if (most > 0 && this.#rooms.size >= most && !this.#rooms.has(name)) {
      throw new Refusal("too_many_rooms", `One connection may be in ${most} rooms.`, {
        field: "room",
      });
    }
    const room = this.#hub.room(name, this.#source);
    room.join(this, since, ref);
    this.#rooms.set(name, room);
  }

  #leave(name: string): void {
    this.#roomOf(name).leave(this, true);
    this.#rooms.delete(name);
  }

  #chat({ room, payload, ref }: ChatCommand): void {
    const rest = chatRest(this.#person.json, payload, ref);
    this.#roomToSpeakIn(room).publish(this, "chat", rest, ref);
  }

  #custom({ room, name, payload, ref, durable }: CustomCommand): void {
    const target = this.#roomToSpeakIn(room);
    const rest = messageRest<"custom">({ name, from: this.#person.user, payload }, ref);
    if (durable) return target.publish(this, "custom", rest, ref);
    this.#hub.signal(room, { event: unnumbered("custom", room, rest) });
  }

  #typing({ room, payload }: TypingCommand): void {
    this.#roomToSpeakIn(room);
    this.#hub.typing.tell(room, this.#person.user, payload);
  }

  #roomToSpeakIn(name: string): Room {
    const room = this.#roomOf(name);
    if (!this.#hub.context.authorize(this.#person.user, "speak", name)) {
      throw forbidden("speak in", name);
    }
    return room;
  }

  #roomOf(name: string): Room {
    const room = this.#rooms.get(name);
    if (room !== undefined) return room;
    throw new Refusal("not_in_room", `You are not in ${JSON.stringify(name)}; join it first.`, {
      field: "room",
    });
  }

  /** Tells the client what went wrong, and ends it when it has gone wrong too often. */
  #complain(thrown: unknown, ref: string | undefined): void {
    let refusal: Refusal;
    if (thrown instanceof Refusal) {
      refusal = thrown;
    } else {
      this.#hub.context.log.error("command failed", { reason: reason(thrown) });
      refusal = new Refusal("unavailable", "The server failed to do that.");
    }
    this.#answer(refusal.event(ref));
    const { options, now } = this.#hub.context;
    this.#patience ??= new Patience(options.badCommands, now);
    if (this.#patience.endsWith(refusal)) this.#line.close(CLOSE.policy);
  }

  #answer(event: Event): void {
    this.#line.reply(Batch.of(encode(event)));
  }
}

function forbidden(action: string, room: string): Refusal {
  return new Refusal("forbidden", `You may not ${action} ${JSON.stringify(room)}.`, {
    field: "room",
  });
}
