/**
 * `Voice` is what an application says and asks in its own name, in the process of its server. It is no
 * member of a room, needs no right, and has no limit of rate. What it says is checked by the rules that
 * hold for requests with an API key.
 *
 * @module
 */
import type { ChatEvent, CustomEvent, Json, Message, User } from "./protocol/messages.ts";
import { parseName } from "./protocol/names.ts";
import { parsePublication } from "./protocol/publications.ts";
import { badField } from "./protocol/refusal.ts";
import { type HistoryRange, MAX_LIMIT, readHistory } from "./rooms/history.ts";
import type { Hub } from "./rooms/hub.ts";
import { type Members, membersOf } from "./rooms/members.ts";
import { publish } from "./rooms/publish.ts";

/** How an application publishes a text. */
export interface PublishOptions {
  /**
   * The sender, as all members see it. It may be anyone.
   *
   * @default {{ id: "server", name: "Server" }}
   */
  readonly from?: User | undefined;
  /**
   * Names the message: the same sender, room and `ref` is stored once, and a retry gets the original.
   * From 1 to 64 characters.
   */
  readonly ref?: string | undefined;
}

/** How an application emits an event of its own. */
export interface EmitOptions extends PublishOptions {
  /**
   * Whether the event is stored and numbered. Without it, it reaches who is there now, at most once.
   *
   * @default {false}
   */
  readonly durable?: boolean | undefined;
  /**
   * Whether the newest event of this name is kept and given to everyone who joins. It does not go with
   * `durable`. A payload of `null` removes what is kept.
   *
   * @default {false}
   */
  readonly retain?: boolean | undefined;
}

/** A page of a room's history. */
export interface HistoryPage {
  /** Names the room's log. */
  readonly epoch: string;
  /** The room's newest `seq`. */
  readonly head: number;
  /** The messages in the order of their `seq`. A page ends sooner at 65,536 characters. */
  readonly messages: readonly Message[];
}

/** The part of a `Server` by which an application speaks in its rooms. */
export class Voice {
  readonly #hub: Hub;

  /** Makes the voice of a node. Programs call `createServer`. */
  constructor(hub: Hub) {
    this.#hub = hub;
  }

  /**
   * Publishes a text: a `chat` message, which is stored, numbered and sent to all members.
   *
   * @returns the message, when it is on disk; for a repeated `ref`, the original.
   * @throws {Refusal} `bad_field` if a value does not fit, and `field` names it; `too_large` above 1,048,576 characters of JSON;
   * `conflict` if the `ref` belongs to another message; `unavailable` if it could not be stored.
   */
  async publish(room: string, text: string, options: PublishOptions = {}): Promise<ChatEvent> {
    const { event } = await this.#say(room, { ...options, type: "chat", payload: text });
    return JSON.parse(event);
  }

  /**
   * Emits an event of the application: a `custom` event, with any JSON, to all members.
   *
   * @param name the name of the event.
   * @param payload any JSON, nested at most 32 deep. What JSON does not have is refused: a date, a map,
   * `NaN`, or a field that is `undefined`.
   * @returns the event; with `durable`, when it is on disk, and with its `seq`.
   * @throws {Refusal} as {@linkcode Voice.publish} does.
   */
  async emit(
    room: string,
    name: string,
    payload: Json,
    options: EmitOptions = {},
  ): Promise<CustomEvent> {
    const { event } = await this.#say(room, { ...options, type: "custom", name, payload });
    return JSON.parse(event);
  }

  /**
   * Reads a page of a room's history: the newest messages, those after a `seq`, or those before one.
   *
   * @throws {Refusal} `bad_field`
   */
  async history(room: string, range: HistoryRange = {}): Promise<HistoryPage> {
    checkRange(range);
    const { broker } = this.#hub.context;
    const { epoch, head, messages } = await readHistory(broker, parseName("room", room), range);
    return { epoch, head, messages: JSON.parse(messages) };
  }

  /**
   * Lists the members of a room, on all nodes.
   *
   * @throws {Refusal} `bad_field`
   */
  async members(room: string): Promise<Members> {
    return await membersOf(this.#hub, parseName("room", room));
  }

  async #say(room: string, fields: Readonly<Record<string, unknown>>): Promise<{ event: string }> {
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    const publication = parsePublication(Object.fromEntries(given));
    return await publish(this.#hub, parseName("room", room), publication);
  }
}

/** An embedding program may hand in any value. */
function checkRange({ after, before, limit }: HistoryRange): void {
  checkWhole("after", after, 0, Number.MAX_SAFE_INTEGER);
  checkWhole("before", before, 0, Number.MAX_SAFE_INTEGER);
  checkWhole("limit", limit, 1, MAX_LIMIT);
}

function checkWhole(field: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || Number.isInteger(value) && value >= min && value <= max) return;
  throw badField(field, `"${field}" must be a whole number from ${min} to ${max}.`);
}
