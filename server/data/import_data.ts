/**
 * `importData` reads the lines that `exportData` has written into a store. Each room appears whole or not at
 * all, and under an epoch that no client has seen: whoever comes with a cursor starts afresh.
 *
 * @module
 */
import {
  type Archive,
  type ArchivedMessage,
  RoomExistsError,
  type RoomHead,
  type RoomWriter,
} from "../broker/archive.ts";
import type { Broker } from "../broker/broker.ts";
import { BrokerError } from "../broker/broker_error.ts";
import { digestOf, epochOf } from "../broker/epoch.ts";
import type { UserMark } from "../broker/marks.ts";
import type { RetainedEvent } from "../broker/retained.ts";
import { reason } from "../log.ts";
import { OptionError } from "../options.ts";
import { FORMAT_VERSION } from "./export_data.ts";
import { badLine, type Line, parseLine } from "./lines.ts";
import type { Progress } from "./progress.ts";

/** Messages and marks that are written at once. */
const MESSAGES_AT_ONCE = 256;
const CHARS_AT_ONCE = 1_048_576;
const MARKS_AT_ONCE = 256;
/** The longest line. A message has about 1,048,576 characters at most. */
const MAX_LINE_CHARS = 8_388_608;

export interface ImportOptions {
  /** Whether a room that is there already is passed over. Otherwise it ends the import. */
  readonly skipsExisting: boolean;
}

/** A room while its lines are read. */
interface OpenRoom {
  readonly room: RoomHead;
  /** Undefined if it is passed over. */
  readonly writer: RoomWriter | undefined;
  waiting: ArchivedMessage[];
  chars: number;
  last: number;
  count: number;
  readonly retained: RetainedEvent[];
}

export class DataImport {
  readonly #broker: Broker;
  readonly #archive: Archive;
  readonly #options: ImportOptions;
  readonly #skipped = new Set<string>();
  #open: OpenRoom | undefined;
  #marks: UserMark[] = [];
  readonly #logs = new Map<string, string>();
  #isBegun = false;
  #isEnded = false;
  rooms = 0;
  messages = 0;

  constructor(broker: Broker, archive: Archive, options: ImportOptions) {
    this.#broker = broker;
    this.#archive = archive;
    this.#options = options;
  }

  /** Reads all lines. @throws {OptionError} for the first one that does not fit. */
  async run(lines: AsyncIterable<string>, progress: Progress): Promise<void> {
    let number = 0;
    try {
      for await (const text of lines) {
        const line = parseLine(text, ++number);
        await this.#take(line, number).catch((thrown) => {
          if (thrown instanceof OptionError || thrown instanceof BrokerError) throw thrown;
          throw badLine(number, `it cannot be stored: ${reason(thrown)}`);
        });
        await progress.show(() => this.#summary());
      }
      if (!this.#isEnded) throw badLine(number + 1, "the file ends before its last line.");
      await this.#writeMarks();
    } catch (thrown) {
      await this.#open?.writer?.abort();
      throw thrown;
    }
    const skipped = this.#skipped.size === 0 ? "" : ` ${this.#skipped.size} rooms were there.`;
    await progress.end(`Imported ${this.#summary()}.${skipped}`);
  }

  #summary(): string {
    return `${this.rooms} rooms, ${this.messages} messages`;
  }

  async #take(line: Line, number: number): Promise<void> {
    if (this.#isEnded) throw badLine(number, "it comes after the end.");
    if (!this.#isBegun) {
      const isFormat = line.kind === "parley" && line.version === FORMAT_VERSION;
      if (!isFormat) throw badLine(number, `it must be {"parley":{"version":${FORMAT_VERSION}}}.`);
      this.#isBegun = true;
      return;
    }
    const open = this.#open;
    if (open !== undefined) return await this.#takeInRoom(line, open, number);
    switch (line.kind) {
      case "room":
        this.#open = await this.#begin(line.room, number);
        return;
      case "mark":
        return await this.#takeMark(line);
      case "sanction":
        return await this.#broker.order(line.sanction);
      case "end":
        this.#isEnded = true;
        return;
      default:
        throw badLine(number, `a ${line.kind} must be within a room.`);
    }
  }

  async #takeInRoom(line: Line, open: OpenRoom, number: number): Promise<void> {
    const { room, writer } = open;
    switch (line.kind) {
      case "message":
        this.#check(line, open, number);
        open.last = line.message.seq;
        open.count++;
        open.waiting.push(line.message);
        open.chars += line.message.text.length;
        if (open.waiting.length >= MESSAGES_AT_ONCE || open.chars >= CHARS_AT_ONCE) {
          await this.#flush(open);
        }
        return;
      case "reaction":
        if (line.reaction.seq > room.head) {
          throw badLine(number, `field "seq" must be at most ${room.head}.`);
        }
        await this.#flush(open);
        return await writer?.react([line.reaction]);
      case "retained":
        assertIsIn(open.room, line.room, number);
        open.retained.push(line.retained);
        return;
      case "end":
        if (line.messages !== open.count) {
          throw badLine(number, `field "messages" must be ${open.count}: some lines are missing.`);
        }
        if (open.count > 0 && open.last !== room.head) {
          throw badLine(number, `the last message must have the seq ${room.head}.`);
        }
        return await this.#finish(open);
      default:
        throw badLine(number, `a ${line.kind} must not be within a room.`);
    }
  }

  #check(line: Line & { readonly kind: "message" }, open: OpenRoom, number: number): void {
    const { message: { seq, rev } } = line;
    const { room, last } = open;
    assertIsIn(room, line.room, number);
    if (last !== 0 && seq !== last + 1) {
      throw badLine(number, `field "seq" must be ${last + 1}, the next one.`);
    }
    if (seq > room.head) throw badLine(number, `field "seq" must be at most ${room.head}.`);
    if (rev > room.rev) throw badLine(number, `field "rev" must be at most ${room.rev}.`);
  }

  async #begin(room: RoomHead, number: number): Promise<OpenRoom> {
    const state = { room, waiting: [], chars: 0, last: 0, count: 0, retained: [] };
    try {
      return { ...state, writer: await this.#archive.write(room) };
    } catch (thrown) {
      if (!(thrown instanceof RoomExistsError)) throw thrown;
      if (!this.#options.skipsExisting) {
        throw badLine(number, `${thrown.message} Delete it first, or use --skip-existing.`);
      }
      this.#skipped.add(room.name);
      return { ...state, writer: undefined };
    }
  }

  async #flush(open: OpenRoom): Promise<void> {
    const { waiting, writer } = open;
    if (waiting.length === 0) return;
    open.waiting = [];
    open.chars = 0;
    await writer?.add(waiting);
  }

  async #finish(open: OpenRoom): Promise<void> {
    await this.#flush(open);
    const { writer, retained, count } = open;
    if (writer !== undefined) {
      await writer.retain(retained);
      await writer.commit();
      this.rooms++;
      this.messages += count;
    }
    this.#open = undefined;
  }

  async #takeMark({ userId, room, seq }: Line & { readonly kind: "mark" }): Promise<void> {
    if (this.#skipped.has(room)) return;
    let log = this.#logs.get(room);
    if (log === undefined) {
      log = digestOf(epochOf(await this.#broker.state(room), room));
      if (this.#logs.size < 10_000) this.#logs.set(room, log);
    }
    this.#marks.push({ userId, room, log, seq });
    if (this.#marks.length >= MARKS_AT_ONCE) await this.#writeMarks();
  }

  async #writeMarks(): Promise<void> {
    const marks = this.#marks;
    this.#marks = [];
    if (marks.length > 0) await this.#broker.marks.write(marks);
  }
}

function assertIsIn({ name }: RoomHead, room: string, number: number): void {
  if (room !== name) throw badLine(number, `field "room" must be ${JSON.stringify(name)}.`);
}

/** Splits a stream into lines. Long ones are refused before they are held. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  let number = 1;
  try {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        yield line;
        number++;
      }
      if (rest.length > MAX_LINE_CHARS) throw badLine(number, "it is too long.");
    }
  } catch (thrown) {
    if (thrown instanceof TypeError) throw badLine(number, "it or one soon after is not UTF-8.");
    throw thrown;
  }
  if (rest !== "") yield rest;
}
