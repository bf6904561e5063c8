/**
 * A client in a fuzzed conversation, and the model of it: what it must be answered, and what is to be
 * in the logs afterwards.
 *
 * @module
 */
import type { Event, Message } from "../../server/mod.ts";
import { type Expected, isOwnCursor, ROOMS, type Said } from "./grammar.ts";
import type { Client } from "./harness.ts";

/** What the server is told to allow. */
export const MOST_ROOMS = 3;

/** A message that was said and not refused. */
interface Accepted {
  readonly number: number;
  readonly ref: unknown;
}

/** One client, and what the model expects of it. */
export class Actor {
  readonly client: Client;
  readonly id: string;
  readonly #token: string;
  readonly #batched: boolean;
  readonly #epoch: string;
  readonly rooms = new Set<string>();
  readonly errors: Expected[] = [];
  /**
   * What is refused only when it comes to storing it: repeated `ref`s, as no two messages are the same, and
   * what revises a message that does not exist.
   */
  readonly conflicts: Expected[] = [];
  /** What is to be in each room's log, in that order. */
  readonly stored = new Map<string, Accepted[]>(ROOMS.map((room) => [room, []]));
  /** What may be seen though it is in no log. */
  readonly passing = new Set<number>();

  constructor(client: Client, user: { id: string; token: string; epoch: string }, index: number) {
    this.client = client;
    this.id = user.id;
    this.#token = user.token;
    this.#epoch = user.epoch;
    this.#batched = index === 0;
    if (index === 2) this.rooms.add("lobby"); // it is plain
  }

  say(frame: readonly Said[] | Said | string): void {
    if (typeof frame === "string") {
      this.errors.push({ code: "bad_json" });
      this.client.raw(frame);
    } else if ("value" in frame) {
      this.client.send(this.#expect(frame));
    } else if (this.#batched && frame.length > 0) {
      this.client.send(frame.map((said) => this.#expect(said)));
    } else {
      this.errors.push({ code: "bad_command" });
      this.client.send(frame.map(({ value }) => value));
    }
  }

  /** What is really said: with a number of its own, and with what only now is known. */
  #expect({ value, wrong }: Said): unknown {
    if (wrong !== undefined) {
      this.errors.push(wrong);
      return value;
    }
    const number = ++said;
    const command = { ...value as Record<string, unknown> };
    if (command.token === "own") command.token = this.#token;
    if (isOwnCursor(command.since)) command.since = { ...command.since, epoch: this.#epoch };
    if (command.type === "chat") command.payload = `${command.payload}#${number}`;
    if (command.type === "custom") command.payload = { number, value: command.payload };
    this.#carryOut(command, number);
    return command;
  }

  #carryOut(command: Record<string, unknown>, number: number): void {
    const { type, room = "lobby", ref } = command;
    const name = String(room);
    const refused = (code: Expected["code"], field: string) =>
      this.errors.push({ code, field, ...(typeof ref === "string" && { ref }) });
    if (type === "hello" && String(command.token ?? "").startsWith("forged")) {
      refused("unauthorized", "token");
    } else if (type === "join") {
      if (this.rooms.size < MOST_ROOMS || this.rooms.has(name)) this.rooms.add(name);
      else refused("too_many_rooms", "room");
    } else if (["edit", "delete", "react"].includes(String(type))) {
      if (!this.rooms.has(name)) refused("not_in_room", "room");
      else {
        this.conflicts.push({
          code: "not_found",
          field: "seq",
          ...(typeof ref === "string" && { ref }),
        });
      }
    } else if (["leave", "chat", "custom", "typing"].includes(String(type))) {
      if (!this.rooms.has(name)) refused("not_in_room", "room");
      else if (type === "leave") this.rooms.delete(name);
      else if (type === "chat" || command.durable === true) this.#store(name, { number, ref });
      else if (type === "custom") this.passing.add(number);
    }
  }

  /** A repeated `ref` is stored once; with another text it is refused. */
  #store(room: string, message: Accepted): void {
    const stored = this.stored.get(room) ?? [];
    const isKnown = ({ ref }: Accepted) => ref !== undefined && ref === message.ref;
    if (!stored.some(isKnown)) stored.push(message);
    else this.conflicts.push({ code: "conflict", field: "ref", ref: String(message.ref) });
  }

  get events(): readonly Event[] {
    return this.client.frames.flatMap((frame) => JSON.parse(frame));
  }
}

/** Numbers all that is said. */
let said = 0;

/** The number of a message, which it carries in its payload. */
export function numberOf(event: Message | Event & { type: "custom" }): number {
  if (event.type === "chat") return Number(event.payload.split("#").at(-1));
  return event.type === "custom" ? Number(Object(event.payload).number) : NaN;
}
