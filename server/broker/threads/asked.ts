/**
 * The parts of a `ThreadBroker` that only ask the storing thread: each stands for the part of the same kind
 * there.
 *
 * @module
 */
import type { Backup, Backups } from "../backups.ts";
import type { RoomSummary, SharedMembers } from "../broker.ts";
import type { Eraser, Erasure } from "../eraser.ts";
import type { Excerpt, Journal, Place } from "../journal.ts";
import type { Mark, MarkStore, MovedMark, UserMark } from "../marks.ts";
import type { User } from "../../protocol/messages.ts";
import type { CallName, Calls, ToStoring } from "./exchange.ts";
import type { ThreadPort } from "./thread_port.ts";

/** Asks the storing thread, or only tells it. */
export interface Asking {
  readonly port: Pick<ThreadPort<ToStoring, never>, "say">;
  call<K extends CallName>(name: K, ...args: Parameters<Calls[K]>): ReturnType<Calls[K]>;
}

export class AskedMembers implements SharedMembers {
  readonly #asking: Asking;
  /**
   * The renames of members that are not answered yet, and what each member has been renamed to since. One command
   * renames a user in all of the user's rooms. While the storing thread waits for a disk that hangs, a port takes
   * any amount, so of each member at most one rename is under way, and only the last one waits.
   */
  readonly #renames = new Map<string, User | undefined>();

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  enter(room: string, user: User): void {
    this.#asking.port.say("enterRoom", room, user);
  }

  leave(room: string, user: User): void {
    const key = keyOf(room, user);
    const last = this.#renames.get(key);
    if (last !== undefined) {
      this.#renames.set(key, undefined);
      // It is told before the user leaves: on another thread the user may stay, with the previous name otherwise.
      this.#asking.call("renameIn", room, last).catch(() => {}); // the storing thread is gone
    }
    this.#asking.port.say("leaveRoom", room, user);
  }

  rename(room: string, user: User): void {
    const key = keyOf(room, user);
    const isUnderWay = this.#renames.has(key);
    this.#renames.set(key, isUnderWay ? user : undefined);
    if (isUnderWay) return;
    const answered = () => {
      const next = this.#renames.get(key);
      this.#renames.delete(key);
      if (next !== undefined) this.rename(room, next);
    };
    this.#asking.call("renameIn", room, user).then(answered, () => this.#renames.delete(key));
  }

  rooms(max: number, skip: number): Promise<readonly RoomSummary[]> {
    return this.#asking.call("roomsWithMembers", max, skip);
  }

  list(room: string): Promise<readonly User[]> {
    return this.#asking.call("membersOf", room);
  }

  find(room: string, id: string): Promise<User | undefined> {
    return this.#asking.call("memberOf", room, id);
  }
}

function keyOf(room: string, { id }: User): string {
  return `${room}\n${id}`;
}

export class AskedMarks implements MarkStore {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  get(userId: string, room: string): Promise<Mark | undefined> {
    return this.#asking.call("mark", userId, room);
  }

  all(userId: string): Promise<readonly Mark[]> {
    return this.#asking.call("marksOf", userId);
  }

  write(marks: readonly UserMark[]): Promise<void> {
    return this.#asking.call("writeMarks", marks);
  }

  tell(marks: readonly MovedMark[]): void {
    this.#asking.port.say("tellMarks", marks);
  }
}

export class AskedEraser implements Eraser {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  room(room: string): Promise<void> {
    return this.#asking.call("eraseRoom", room);
  }

  user(erasure: Erasure): Promise<void> {
    return this.#asking.call("eraseUser", erasure);
  }
}

/** The bytes of a copy cross in pieces: its file is open in the storing thread, and has no name any more. */
export class AskedBackups implements Backups {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  async make(): Promise<Backup> {
    const bytes = await this.#asking.call("makeBackup");
    let unread = bytes; // when nothing is left, the storing thread has ended it
    return {
      bytes,
      next: async () => {
        const piece = await this.#asking.call("readBackup");
        unread -= piece?.length ?? 0;
        return piece;
      },
      [Symbol.dispose]: () => {
        if (unread > 0) this.#asking.port.say("endBackup");
        unread = 0;
      },
    };
  }
}

export class AskedJournal implements Journal {
  readonly #asking: Asking;
  /** What the storing thread has said last. */
  #waitingSince: number | undefined;
  #committed: () => void = () => {};

  constructor(asking: Asking, waitingSince: number | undefined) {
    this.#asking = asking;
    this.#waitingSince = waitingSince;
  }

  listen(committed: () => void): void {
    this.#committed = committed;
  }

  read(upTo?: Place): Promise<Excerpt | undefined> {
    return this.#asking.call("readJournal", upTo);
  }

  waitingSince(): number | undefined {
    return this.#waitingSince;
  }

  take(upTo: Place): Promise<void> {
    return this.#asking.call("takeFromJournal", upTo);
  }

  /** Takes over what the storing thread says. */
  moved(waitingSince: number | undefined, hasGrown: boolean): void {
    this.#waitingSince = waitingSince;
    if (hasGrown) this.#committed();
  }
}
