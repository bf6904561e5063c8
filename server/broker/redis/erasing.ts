/**
 * `RedisEraser` erases rooms and users from Redis. There is no list of rooms, so it looks through all keys,
 * and reads every room's entries some at a time.
 *
 * @module
 */
import { BrokerError } from "../broker.ts";
import {
  type ErasedMessage,
  eraseFrom,
  type Eraser,
  type Erasure,
  isRetainedBy,
  removalOf,
  senderText,
} from "../eraser.ts";
import type { LogPosition } from "../replicated_room.ts";
import { batchOf, withoutPlace } from "./batch_text.ts";
import { ERASE, ERASE_ROOM } from "./erase_scripts.ts";
import type { RedisLink } from "./link.ts";
import type { RedisMarks } from "./marks.ts";
import { readHash } from "./read_hash.ts";
import { RedisKeys } from "./redis_keys.ts";
import type { RedisRetained } from "./retained.ts";
import type { RoomScripts } from "./room_scripts.ts";

/** The scripts that it runs. */
export const ERASE_SCRIPTS = [ERASE, ERASE_ROOM];

/** Entries that are read at once. */
const ENTRIES_AT_ONCE = 64;
/** Characters that one script replaces. */
const MAX_CHARS = 1_048_576;
/** How often a room is begun again because another node revises its messages meanwhile. */
const TRIES = 20;

/** The changes that one script makes. */
class Changes {
  readonly members: string[] = [];
  readonly seqs: string[] = [];
  readonly reacted: string[] = [];
  readonly fields: string[] = [];
  chars = 0;

  get isEmpty(): boolean {
    return this.members.length === 0 && this.reacted.length === 0;
  }

  /** The arguments of `ERASE`. */
  args(isLast: boolean): string[] {
    const lists = [this.members, this.seqs, this.reacted, this.fields];
    return [isLast ? "1" : "", ...lists.flatMap((list) => [String(list.length), ...list])];
  }
}

export class RedisEraser implements Eraser {
  readonly #scripts: RoomScripts;
  readonly #retained: RedisRetained;
  readonly #marks: RedisMarks;
  readonly #known: (room: string) => LogPosition | undefined;
  readonly #keys: RedisKeys;

  /** @param known returns the position that this node knows of a room, if it is open. */
  constructor(
    scripts: RoomScripts,
    retained: RedisRetained,
    marks: RedisMarks,
    known: (room: string) => LogPosition | undefined,
  ) {
    this.#scripts = scripts;
    this.#retained = retained;
    this.#marks = marks;
    this.#known = known;
    this.#keys = new RedisKeys(scripts.link);
  }

  get #link(): RedisLink {
    return this.#scripts.link;
  }

  async room(room: string): Promise<void> {
    await this.#scripts.position(ERASE_ROOM, room, undefined);
    for (const [name, event] of await readHash(this.#link, this.#scripts.key(room, "retained"))) {
      if (name !== "") await this.#retained.retain(room, removalOf(name, event));
    }
    const { names } = this.#link;
    for await (const keys of this.#keys.marks()) {
      await Promise.all(keys.map((key) => this.#link.ask("HDEL", key, room)));
      await this.#link.ask("ZREM", names.guestMarks, ...keys.map((key) => `${key}\n${room}`));
    }
  }

  async user(erasure: Erasure): Promise<void> {
    const { userId, isWhole } = erasure;
    for await (const room of this.#keys.rooms("entries")) await this.#eraseFrom(room, erasure);
    for await (const room of this.#keys.rooms("retained")) {
      for (const [name, event] of await readHash(this.#link, this.#scripts.key(room, "retained"))) {
        if (name === "" || !isRetainedBy(event, userId)) continue;
        await this.#retained.retain(room, removalOf(name, event));
      }
    }
    if (isWhole) await this.#marks.erase(userId);
  }

  async #eraseFrom(room: string, erasure: Erasure): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      if (await this.#tryToErase(room, erasure)) return;
    }
    throw new BrokerError("Other nodes have revised the same messages all the time.");
  }

  /** @returns false if a message was revised meanwhile: then the room has to be read again. */
  async #tryToErase(room: string, erasure: Erasure): Promise<boolean> {
    const reactions = erasure.isWhole ? await this.#reactionsOf(room, erasure.userId) : new Map();
    let changes = new Changes();
    let after = "-inf";
    for (;;) {
      const key = this.#scripts.key(room, "entries");
      const range = [after, "+inf", "LIMIT", "0", String(ENTRIES_AT_ONCE)];
      const members = await this.#link.ask("ZRANGEBYSCORE", key, ...range);
      if (!Array.isArray(members) || members.length === 0) break;
      for (const member of members.map(String)) {
        // What gives the log its new epoch comes last, so something is always held back for it.
        if (changes.chars > MAX_CHARS) {
          if (!await this.#apply(room, changes, false)) return false;
          changes = new Changes();
        }
        after = `(${eraseFromEntry(member, erasure, reactions, changes)}`;
      }
    }
    for (const own of reactions.values()) changes.reacted.push(...own);
    return changes.isEmpty || await this.#apply(room, changes, true);
  }

  async #apply(room: string, changes: Changes, isLast: boolean): Promise<boolean> {
    const known = () => this.#known(room);
    const [outcome] = await this.#scripts.commit(ERASE, room, known, changes.args(isLast));
    return outcome === "ok";
  }

  /** Reads a user's own reactions in a room: the members of `reactions`, by `seq`. */
  async #reactionsOf(room: string, userId: string): Promise<Map<number, string[]>> {
    const range = [`[${userId}\0`, `(${userId}\x01`];
    const key = this.#scripts.key(room, "reactions");
    const members = await this.#link.ask("ZRANGEBYLEX", key, ...range);
    return Map.groupBy(
      Array.isArray(members) ? members.map(String) : [],
      (member) => Number(member.split("\0")[1]),
    );
  }
}

/** Erases a user from an entry. @returns the entry's last `seq`. */
function eraseFromEntry(
  member: string,
  erasure: Erasure,
  reactions: ReadonlyMap<number, readonly string[]>,
  changes: Changes,
): number {
  const end = member.indexOf("\n");
  const [last = 0, count = 0, at = 0] = member.slice(0, end).split(" ").map(Number);
  const first = last - count + 1;
  const isHit = member.includes(senderText(erasure.userId)) ||
    [...reactions.keys()].some((seq) => seq >= first && seq <= last);
  const batch = isHit ? batchOf(member.slice(end + 1), first, last, String(at)) : undefined;
  if (batch === undefined) return last;
  const erased = batch.events.map((event, index): ErasedMessage | undefined => {
    const own = (reactions.get(first + index) ?? []).map((one) => one.split("\0")[2] ?? "");
    return eraseFrom(event, erasure, own);
  });
  if (erased.every((one) => one === undefined)) return last;
  const texts = batch.events.map((event, index) =>
    withoutPlace(erased[index]?.text ?? event, first + index, at)
  );
  const after = `${member.slice(0, end + 1)}${texts.join(",\n")}`;
  changes.members.push(member, after);
  changes.chars += member.length + after.length;
  erased.forEach((one, index) => {
    if (one?.isOwn !== true) return;
    changes.seqs.push(String(first + index));
    const { ref }: { ref?: string } = JSON.parse(batch.events[index] ?? "{}");
    if (erasure.isWhole && ref !== undefined) changes.fields.push(`${erasure.userId}\0${ref}`);
  });
  return last;
}
