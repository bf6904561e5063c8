/**
 * `Voice` is what an application says and asks in its own name, in the process of its server. It is no
 * member of a room, needs no right, and has no limit of rate. What it says is checked by the rules that
 * hold for requests with an API key.
 *
 * @module
 */
import { reason } from "./log.ts";
import type { ChatEvent, CustomEvent, Json, Message, User } from "./protocol/messages.ts";
import { parseName } from "./protocol/names.ts";
import type { Revision } from "./protocol/encode.ts";
import { parsePublication, parseText, SERVER } from "./protocol/publications.ts";
import { badField, Refusal } from "./protocol/refusal.ts";
import { parseReaction, parseSeq, parseUserId } from "./protocol/requests.ts";
import { type HistoryRange, MAX_LIMIT, readHistory } from "./rooms/history.ts";
import { unavailable } from "./rooms/answers.ts";
import type { Hub } from "./rooms/hub.ts";
import { type Members, membersOf } from "./rooms/members.ts";
import { postRevision } from "./rooms/post.ts";
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
  /** The `seq` of the message that a text answers. */
  readonly replyTo?: number | undefined;
}

/** How an application reacts to a message. */
export interface ReactOptions {
  /**
   * The id of the user who reacts.
   *
   * @default {"server"}
   */
  readonly from?: string | undefined;
  /**
   * Whether the reaction is there from now on.
   *
   * @default {true}
   */
  readonly on?: boolean | undefined;
}

/** How an application emits an event of its own. */
export interface EmitOptions extends Omit<PublishOptions, "replyTo"> {
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
  /** The room's newest revision. The messages are as they were then, or newer. */
  readonly rev: number;
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
   * @throws {Refusal} `bad_field` if a value does not fit, and `field` names it; `too_large` above 1,048,576
   * characters of JSON; `conflict` if the `ref` belongs to another message; `unavailable` if it could not be
   * stored.
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
   * Changes the text of a `chat` message, anyone's and at any time.
   *
   * @returns the message as it is now, when it is on disk.
   * @throws {Refusal} `not_found` if there is no such message, or not any more; `conflict` if it was
   * deleted or is no `chat`; and as {@linkcode Voice.publish} does.
   */
  async editMessage(room: string, seq: number, text: string): Promise<ChatEvent> {
    const payload = parseText(text);
    const message = await this.#revise(room, SERVER.id, {
      kind: "edit",
      seq,
      payload,
      isManager: true,
      maxAgeMs: Infinity,
    });
    if (message.type !== "chat") throw new TypeError("Only a chat can be edited.");
    return message;
  }

  /**
   * Deletes a message, anyone's and at any time. Its place stays, and its text is gone.
   *
   * @returns the message as it is now, when it is on disk.
   * @throws {Refusal} `not_found` if there is no such message, or not any more.
   */
  async deleteMessage(room: string, seq: number): Promise<Message> {
    const revision = { kind: "delete", seq, isManager: true, maxAgeMs: Infinity } as const;
    return await this.#revise(room, SERVER.id, revision);
  }

  /**
   * Adds a reaction to a message, or removes it, in the name of the application or of a user.
   *
   * @param reaction such as an emoji: 1 to 32 characters without blanks.
   * @returns the message as it is now, when it is on disk.
   * @throws {Refusal} `not_found` if there is no such message, or not any more; `conflict` if it was
   * deleted, or has 50 different reactions.
   */
  async react(
    room: string,
    seq: number,
    reaction: string,
    { from, on = true }: ReactOptions = {},
  ): Promise<Message> {
    const payload = parseReaction("reaction", reaction);
    const userId = from === undefined ? SERVER.id : parseUserId("from", from);
    return await this.#revise(room, userId, { kind: "react", seq, payload, on, isManager: true });
  }

  /**
   * Reads a page of a room's history: the newest messages, those after a `seq`, those before one, or those
   * around one. Each is as it is now.
   *
   * @throws {Refusal} `bad_field`; `unavailable` if it cannot be read now, and the log says why.
   */
  async history(room: string, range: HistoryRange = {}): Promise<HistoryPage> {
    checkRange(range);
    const { broker } = this.#hub.context;
    const name = parseName("room", room);
    const page = await this.#read(name, () => readHistory(broker, name, range));
    const { epoch, head, rev, messages } = page;
    return { epoch, head, rev, messages: JSON.parse(messages) };
  }

  /**
   * Lists the members of a room, on all nodes.
   *
   * @throws {Refusal} as {@linkcode Voice.history} does.
   */
  async members(room: string): Promise<Members> {
    const name = parseName("room", room);
    return await this.#read(name, () => membersOf(this.#hub, name));
  }

  /** Reads something of a room. @throws {Refusal} `unavailable` if that fails. */
  async #read<T>(room: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (thrown) {
      if (thrown instanceof Refusal) throw thrown;
      this.#hub.context.log.error("reading failed", { room, reason: reason(thrown) });
      throw unavailable(`${JSON.stringify(room)} cannot be read now. Ask again later.`);
    }
  }

  async #revise(room: string, userId: string, revision: Revision): Promise<Message> {
    parseSeq("seq", String(revision.seq));
    return await postRevision(this.#hub, parseName("room", room), userId, revision);
  }

  async #say(room: string, fields: Readonly<Record<string, unknown>>): Promise<{ event: string }> {
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    const publication = parsePublication(Object.fromEntries(given));
    return await publish(this.#hub, parseName("room", room), publication);
  }
}

/** An embedding program may hand in any value. */
function checkRange({ after, before, around, limit }: HistoryRange): void {
  checkWhole("around", around, 1, Number.MAX_SAFE_INTEGER);
  checkWhole("after", after, 0, Number.MAX_SAFE_INTEGER);
  checkWhole("before", before, 0, Number.MAX_SAFE_INTEGER);
  checkWhole("limit", limit, 1, MAX_LIMIT);
}

function checkWhole(field: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || Number.isInteger(value) && value >= min && value <= max) return;
  throw badField(field, `"${field}" must be a whole number from ${min} to ${max}.`);
}
