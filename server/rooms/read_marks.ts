/**
 * `ReadMarks` moves the read marks of users, and tells all connections of a user when one has moved. Marks
 * are gathered in memory and written once a second, so what is told of a `read` is at most a second ahead of
 * the disk.
 *
 * @module
 */
import { Batch } from "../broker/page.ts";
import type { MovedMark } from "../broker/marks.ts";
import { reason } from "../log.ts";
import { encode } from "../protocol/encode.ts";
import type { ReadCommand, User } from "../protocol/messages.ts";
import { badField, Refusal } from "../protocol/refusal.ts";
import type { NodeContext } from "./context.ts";
import { ForgottenUsers } from "./forgotten_users.ts";
import { HeardMarks } from "./heard_marks.ts";
import { type LogPosition, logPosition } from "./log_position.ts";
import { logThrown } from "./log_thrown.ts";
import type { Pending } from "./pending.ts";
import { newestMark, RecentMarks } from "./recent_marks.ts";
import type { Position } from "./room_log.ts";
import type { ConnectedUsers } from "./user.ts";
import { writeMarks } from "./write_marks.ts";

/** What read marks need of a room. */
interface OpenRoom {
  readonly feed: { readonly position: Position | undefined };
}

/** What read marks need of the hub. */
export interface ReadMarksContext extends NodeContext {
  readonly users: ConnectedUsers;
  /** The rooms that have members on this node. */
  readonly rooms: ReadonlyMap<string, OpenRoom>;
}

/** Who has read something: a session, or the sender of a request. */
export interface Reader {
  readonly user: Pick<User, "id">;
  /** Sends the answer. */
  tell(batch: Batch): void;
}

/** A user's mark in a room, and the room's head. */
export interface RoomMark {
  readonly room: string;
  readonly head: number;
  readonly read: number;
}

/** How often marks are written. */
const WRITE_MS = 1000;
/** Marks that may wait while they cannot be written. Above it, those that moved longest ago are lost. */
const MAX_UNWRITTEN = 100_000;
const RETRY_MS = 1000;

export class ReadMarks {
  readonly #context: ReadMarksContext;
  /** Marks that are not written yet, and those that are being written. */
  #unwritten = new RecentMarks();
  #writing = new RecentMarks();
  readonly #heard = new HeardMarks();
  readonly #forgotten: ForgottenUsers;
  #writeTimer: ReturnType<typeof setTimeout> | undefined;
  #written: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(context: ReadMarksContext) {
    this.#context = context;
    this.#forgotten = new ForgottenUsers(context.now);
  }

  /** Moves the marks of those who have said something. It is called for every batch. */
  committed(batch: readonly Pending[]): void {
    for (const { movesMark, userId, room, seq = 0 } of batch) {
      if (movesMark && seq > 0) this.#move(userId, room, seq, -1);
    }
  }

  /**
   * Moves a user's mark because the user has read so far. All connections of the user are told; if it has
   * not moved, only the one that asked.
   *
   * @throws {Refusal} `bad_field` if the room has no such message; `unavailable`
   */
  async read(reader: Reader, { room, seq, ref }: Omit<ReadCommand, "type">): Promise<void> {
    const { user: { id: userId } } = reader;
    const { log, head } = await this.#ask(() => this.#logOf(room, seq));
    if (seq > head) {
      const sentence = `Field "seq" is ${seq}, but the newest message of the room is ${head}.`;
      throw badField("seq", sentence);
    }
    const mark = await this.#ask(() => this.of(userId, room, log));
    if (mark !== undefined && mark >= seq) return reader.tell(readEvent(room, mark, ref));
    this.#move(userId, room, seq, seq);
    this.#tell([{ userId, room, seq, ref }]);
  }

  /**
   * Returns a user's mark in a room.
   *
   * @param log the digest of the room's log. The mark of another log is none.
   */
  async of(userId: string, room: string, log: string): Promise<number | undefined> {
    const recent = this.#recent;
    const stored = await this.#context.broker.marks.get(userId, room);
    return newestMark(recent, userId, room, log, stored);
  }

  /** Returns the marks of a user in those rooms that `isListed` accepts. */
  async all(
    userId: string,
    isListed: (room: string) => boolean | Promise<boolean>,
  ): Promise<readonly RoomMark[]> {
    const recent = this.#recent;
    const stored = await this.#context.broker.marks.all(userId);
    const byRoom = new Map(stored.map((mark) => [mark.room, mark]));
    const rooms = new Set([
      ...byRoom.keys(),
      ...recent.flatMap((marks) => [...marks.roomsOf(userId)]),
    ]);
    const marks = await Promise.all([...rooms].map(async (room) => {
      if (!await isListed(room)) return undefined;
      const { log, head } = await this.#logOf(room, Infinity);
      const read = newestMark(recent, userId, room, log, byRoom.get(room));
      return read === undefined ? undefined : { room, head, read: Math.min(read, head) };
    }));
    return marks.filter((mark) => mark !== undefined);
  }

  /** Takes over marks that another node tells of. */
  heard(marks: readonly MovedMark[]): void {
    this.#heard.add(marks);
    this.#tellHere(marks);
  }

  /** Forgets what is remembered of a room whose log was replaced. */
  logReplaced(room: string): void {
    for (const marks of this.#recent) marks.forget(room);
  }

  /** Forgets what is remembered of a user who was erased, and what is still to come. */
  forgetUser(userId: string): void {
    this.#forgotten.add(userId);
    for (const marks of this.#recent) marks.forgetUser(userId);
    this.#context.broker.marks.forget?.(userId);
  }

  /** Writes what is not written yet, for the last time. */
  async stop(): Promise<void> {
    this.close();
    await this.#written;
    await this.#write();
  }

  /** Writes nothing any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#writeTimer);
    this.#heard.close();
  }

  /**
   * The marks that may not be in the store. Take them before the store is asked: while it answers, a mark may
   * be written and be in neither.
   */
  get #recent(): readonly RecentMarks[] {
    return [this.#unwritten, this.#writing, ...this.#heard.recent];
  }

  #logOf(room: string, seq: number): Promise<LogPosition> {
    const { broker, rooms } = this.#context;
    return logPosition(broker, room, rooms.get(room)?.feed.position, seq);
  }

  /** Asks the broker. @throws {Refusal} `unavailable` */
  async #ask<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (thrown) {
      this.#context.log.warn("marks unreadable", { reason: reason(thrown) });
      const sentence = "The mark cannot be moved now. Send it again later.";
      throw new Refusal("unavailable", sentence, { retryAfterMs: RETRY_MS });
    }
  }

  #move(userId: string, room: string, seq: number, told: number): void {
    if (this.#forgotten.has(userId)) return;
    this.#unwritten.move(userId, room, seq, told);
    if (this.#isClosed) return;
    this.#writeTimer ??= setTimeout(() => this.#writeSoon(), WRITE_MS);
  }

  #writeSoon(): void {
    this.#writeTimer = undefined;
    // One after the other: a slow store may take longer than the time between two writes.
    this.#written = this.#written.then(() => this.#write());
  }

  /** Writes what was gathered, and tells of the marks that moved because somebody said something. */
  async #write(): Promise<void> {
    const writing = this.#writing = this.#unwritten;
    this.#unwritten = new RecentMarks();
    try {
      await writeMarks(writing, {
        store: this.#context.broker.marks,
        logOf: (room, seq) => this.#logOf(room, seq),
        isForgotten: (userId) => this.#forgotten.has(userId),
      });
      this.#tell(writing.untold());
    } catch (thrown) {
      this.#context.log.warn("marks not written", { reason: reason(thrown) });
      this.#unwritten.takeOver(writing, MAX_UNWRITTEN);
    }
    this.#writing = new RecentMarks();
    if (this.#unwritten.isEmpty || this.#isClosed) return;
    this.#writeTimer ??= setTimeout(() => this.#writeSoon(), WRITE_MS);
  }

  /** Tells all connections of the users, on all nodes. */
  #tell(marks: readonly MovedMark[]): void {
    if (marks.length === 0) return;
    this.#tellHere(marks);
    logThrown(this.#context.log, "marks not told", () => this.#context.broker.marks.tell?.(marks));
  }

  #tellHere(marks: readonly MovedMark[]): void {
    for (const { userId, room, seq, ref } of marks) {
      const user = this.#context.users.get(userId);
      if (user === undefined) continue;
      const batch = readEvent(room, seq, ref);
      for (const session of user.sessions) {
        logThrown(this.#context.log, "delivery failed", () => session.tell(batch));
      }
    }
  }
}

function readEvent(room: string, seq: number, ref: string | undefined): Batch {
  return Batch.of(encode({ type: "read", room, seq, ...(ref !== undefined && { ref }) }));
}
