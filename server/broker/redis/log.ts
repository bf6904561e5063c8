/**
 * The logs of all rooms on Redis: their positions, appending and reading. The caller passes the
 * position that it knows of a log. Only by comparing with it can the scripts detect that a log was lost.
 *
 * @module
 */
import { type Draft, numbered } from "../../protocol/encode.ts";
import { BrokerError, type Range, type Receipt } from "../broker.ts";
import { concat, cut, type Page } from "../page.ts";
import type { RevisedMessage, RevisedRange } from "../revisions.ts";
import type { LogPosition, ReplicatedLog } from "../replicated_room.ts";
import { APPEND } from "./append_script.ts";
import { batchOf, filled, textOf } from "./batch_text.ts";
import { READ } from "./entries_script.ts";
import { POSITION } from "./log_scripts.ts";
import { REVISED } from "./revise_scripts.ts";
import type { KnownPosition, RoomScripts } from "./room_scripts.ts";

/** The result of appending a batch. */
export interface Appended<D extends Draft> {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  readonly receipts: readonly Receipt<D>[];
  /** The drafts that were stored already, by their index. */
  readonly repeated: ReadonlySet<number>;
}

export class RedisLog implements ReplicatedLog {
  readonly #scripts: RoomScripts;

  constructor(scripts: RoomScripts) {
    this.#scripts = scripts;
  }

  /** Reads where a log stands, without comparing it with anything. */
  async state(room: string): Promise<Pick<LogPosition, "epoch" | "head" | "rev">> {
    const fields = ["epoch", "head", "rev"];
    const answer = await this.#scripts.link.ask("HMGET", this.#scripts.key(room, "log"), ...fields);
    const [epoch, head, rev] = Array.isArray(answer) ? answer : [];
    return { epoch: String(epoch ?? NO_EPOCH), head: Number(head ?? 0), rev: Number(rev ?? 0) };
  }

  /** Tells whether the log still holds what was shown up to `seq` and `rev` under an earlier mark. */
  async canResume(room: string, mark: string, seq: number, rev: number): Promise<boolean> {
    const marks = await this.#scripts.link.ask("HGET", this.#scripts.key(room, "log"), "marks");
    for (const entry of String(marks ?? "").split(" ")) {
      const [earlier, head, newest = 0] = entry.split(":");
      if (earlier === mark && head !== undefined) {
        return seq <= Number(head) && rev <= Number(newest);
      }
    }
    return false;
  }

  async position(room: string, known: LogPosition | undefined): Promise<LogPosition> {
    const [epoch, head, tip, rev] = await this.#scripts.position(POSITION, room, known);
    const { runId } = this.#scripts.link;
    return {
      epoch: String(epoch),
      head: Number(head),
      tip: String(tip),
      rev: Number(rev),
      revRunId: runId,
      runId,
    };
  }

  /**
   * Appends a batch to a room's log.
   *
   * @throws {BrokerError} if it is not stored, or if that cannot be known.
   */
  async append<D extends Draft>(
    room: string,
    drafts: readonly D[],
    known: KnownPosition,
  ): Promise<Appended<D>> {
    const refs = drafts.some(({ ref }) => ref !== undefined)
      ? drafts.map(({ userId, ref }) => ref === undefined ? "" : `${userId}\0${ref}`)
      : [];
    const [, ...answer] = await this.#scripts.commit(APPEND, room, known, [
      String(this.#scripts.policy.dedupeMessages),
      String(drafts.length),
      textOf(drafts),
      `by:${this.#scripts.node}`,
      ...refs,
    ]);
    this.#scripts.link.correctNow(Number(answer[3]));
    return appended(drafts, answer);
  }

  async read(room: string, range: Range): Promise<Page | undefined> {
    const { after, before, limit, chars = Infinity } = range;
    if (limit < 1) return undefined;
    const up = after === undefined ? "" : String(Math.max(0, after) + 1);
    const down = after !== undefined ? "" : String(Math.min(before ?? Infinity, MAX_SEQ) - 1);
    if (down !== "" && Number(down) < 1) return undefined;
    const args = [up, down, String(limit), String(Math.min(chars, MAX_SEQ))];
    const whole = concat(pagesOf(await this.#scripts.read(READ, room, args)));
    if (whole === undefined) return undefined;
    if (after !== undefined) {
      return cut(whole, after, Math.max(after, whole.first - 1) + limit);
    }
    const last = Math.min(whole.last, Number(down));
    return cut(whole, last - limit, last);
  }

  /** Reads messages that were revised, in the order of `rev`. */
  async revisedSince(
    room: string,
    { after, upToSeq = MAX_SEQ, limit, chars = MAX_SEQ }: RevisedRange,
  ): Promise<readonly RevisedMessage[]> {
    if (limit < 1) return [];
    const bounds = [
      Math.min(upToSeq, MAX_SEQ),
      Math.min(limit, MAX_LIMIT),
      Math.min(chars, MAX_SEQ),
    ];
    return revisedMessages(await this.#scripts.read(REVISED, room, [after, ...bounds].map(String)));
  }
}

/** The epoch of a log that does not exist yet. Reading its state does not make it. */
const NO_EPOCH = "none";
const MAX_SEQ = Number.MAX_SAFE_INTEGER;
const MAX_LIMIT = 100_000;

function pagesOf(answer: readonly unknown[]): Page[] {
  const pages: Page[] = [];
  for (let index = 0; index < answer.length; index += 4) {
    const [last, count, at, text] = answer.slice(index, index + 4);
    const first = Number(last) - Number(count) + 1;
    const batch = batchOf(String(text), first, Number(last), String(at));
    if (batch === undefined) {
      throw new BrokerError("Redis holds a batch that Parley has not written.");
    }
    pages.push({ first, last: Number(last), batch });
  }
  return pages;
}

/** Makes the receipts of a batch from the script's answer, which lists the repeated drafts. */
function appended<D extends Draft>(drafts: readonly D[], answer: readonly unknown[]): Appended<D> {
  const [epoch, first, last, at, ...repeats] = answer;
  const originals = new Map<number, { seq: number; event: string }>();
  for (let index = 0; index < repeats.length; index += 4) {
    const [draft, found, at, text] = repeats.slice(index, index + 4);
    const seq = Number(found);
    originals.set(Number(draft) - 1, { seq, event: filled(String(text), seq, String(at)) });
  }
  const receipts: Receipt<D>[] = [];
  let seq = Number(first) - 1;
  drafts.forEach((draft, index) => {
    const original = originals.get(index);
    if (original !== undefined) {
      // The text is empty if the original was pruned between two tries of this batch.
      const event = original.event || numbered(draft, original.seq, Number(at));
      receipts.push({ draft, ...original, event, repeated: true });
      return;
    }
    draft.seq = ++seq;
    if (!draft.receipt) return;
    receipts.push({ draft, seq, event: numbered(draft, seq, Number(at)), repeated: false });
  });
  return {
    epoch: String(epoch),
    first: Number(first),
    last: Number(last),
    receipts,
    repeated: new Set(originals.keys()),
  };
}

function revisedMessages(answer: readonly unknown[]): RevisedMessage[] {
  const messages: RevisedMessage[] = [];
  for (let index = 0; index < answer.length; index += 4) {
    const [seq, rev, at, event] = answer.slice(index, index + 4);
    const message = filled(String(event), Number(seq), String(at));
    messages.push({ seq: Number(seq), rev: Number(rev), message });
  }
  return messages;
}
