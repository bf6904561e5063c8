/**
 * A room on Redis: subscribes to the room's channel, and reads what the nodes and the scripts publish
 * there. This node's own messages come back this way too, so all nodes deliver the same in the same
 * order.
 *
 * @module
 */
import type { BrokerListener, LogState, Signal } from "../broker.ts";
import {
  type ReceivedPage,
  type ReceivedRevisions,
  type ReplicatedLog,
  ReplicatedRoom,
} from "../replicated_room.ts";
import { batchOf, filled } from "./batch_text.ts";
import type { RevisedMessage } from "../revisions.ts";
import type { RedisLink } from "./link.ts";

/** What takes the messages of a room's channel that are not about its log. */
export interface RoomMessages {
  /** Takes a change of the members. */
  members(message: string): void;
  /** Takes a change of the retained events. */
  retained(message: string): void;
}

export class RedisRoom extends ReplicatedRoom {
  readonly #link: RedisLink;
  readonly #listener: BrokerListener;
  readonly #others: RoomMessages;

  constructor(
    name: string,
    link: RedisLink,
    log: ReplicatedLog,
    listener: BrokerListener,
    others: RoomMessages,
  ) {
    super(name, log, listener);
    this.#link = link;
    this.#listener = listener;
    this.#others = others;
  }

  /** Subscribes first, so that no message is missed between the log's position and the channel. */
  override async open(): Promise<LogState> {
    await this.#link.subscribe(this.#link.names.channel(this.name), this.#take);
    return await super.open();
  }

  override close(): void {
    super.close();
    this.#link.unsubscribe(this.#link.names.channel(this.name), this.#take);
  }

  /** Anyone who may use this Redis can publish: a message of another form is ignored. */
  readonly #take = (message: string): void => {
    if (this.isClosed) return;
    switch (message[0]) {
      case "m": {
        const page = parsePage(message);
        return page && this.receive(page);
      }
      case "v": {
        const revisions = parseRevisions(message);
        return revisions && this.receive(revisions);
      }
      case "s": {
        const signal = parseSignal(message);
        return signal && this.#listener.signalled(this.name, signal);
      }
      case "p":
        return this.#others.members(message.slice(1));
      case "r":
        return this.#others.retained(message.slice(1));
      case "e": // another epoch
        if (this.known !== undefined) void this.catchUp();
    }
  };
}

/** Reads a page: `m`, epoch, first, last, time, line feed, text. The time is also the log's new tip. */
function parsePage(message: string): ReceivedPage | undefined {
  const end = message.indexOf("\n");
  const [epoch = "", from, to, tip = ""] = message.slice(1, Math.max(1, end)).split(" ");
  const [first, last] = [Number(from), Number(to)];
  const isSound = first >= 1 && [first, last, Number(tip)].every(Number.isSafeInteger);
  const batch = isSound ? batchOf(message.slice(end + 1), first, last, tip) : undefined;
  return batch && { epoch, first, last, tip, batch };
}

/**
 * Reads revisions: `v`, epoch, the `rev` before them, the run of Redis; and a line for each message: `seq`,
 * time, text. Each message has the next `rev`.
 */
function parseRevisions(message: string): ReceivedRevisions | undefined {
  const [head = "", ...lines] = message.slice(1).split("\n");
  const [epoch = "", from, runId = ""] = head.split(" ");
  const before = Number(from);
  if (from === undefined || !Number.isSafeInteger(before) || lines.length === 0) return undefined;
  const messages: RevisedMessage[] = [];
  for (const line of lines) {
    // With the flag s: without it, "." would match no text that holds U+2028 or U+2029.
    const [, number, at = "", text = ""] = /^(\d{1,15}) (\d{1,15}) (\{.*\})$/s.exec(line) ?? [];
    if (number === undefined) return undefined;
    const seq = Number(number);
    messages.push({ seq, rev: before + messages.length + 1, message: filled(text, seq, at) });
  }
  return { epoch, before, runId, messages };
}

/** The message of a signal: `s`, the user who does not get it, line feed, event. */
export function signalMessage({ event, exceptUserId = "" }: Signal): string {
  return `s${exceptUserId}\n${event}`;
}

/** An event of several lines is refused: a batched client would take it for several events. */
function parseSignal(message: string): Signal | undefined {
  const end = message.indexOf("\n");
  const isSound = end > 0 && message[end + 1] === "{" && message.endsWith("}") &&
    !message.includes("\n", end + 1);
  if (!isSound) return undefined;
  const exceptUserId = message.slice(1, end);
  return { event: message.slice(end + 1), ...(exceptUserId !== "" && { exceptUserId }) };
}
