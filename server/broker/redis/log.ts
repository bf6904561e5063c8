/**
 * The logs of all rooms on Redis: their positions, appending and reading. The caller passes the
 * position that it knows of a log. Only by comparing with it can the scripts detect that a log was lost.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { type Draft, numbered } from "../../protocol/encode.ts";
import { BrokerError, FullError, type Range, type Receipt } from "../broker.ts";
import { concat, cut, type Page } from "../page.ts";
import type { LogPosition, ReplicatedLog } from "../replicated_room.ts";
import { APPEND } from "./append_script.ts";
import { isFinal, isFull } from "./connection.ts";
import type { RedisLink } from "./link.ts";
import { batchOf, filled, textOf } from "./batch_text.ts";
import { POSITION, READ } from "./log_scripts.ts";

export interface LogPolicy {
  /** Messages kept in each room; 0 keeps all. */
  readonly retainMessages: number;
  /** Days that a message is kept; 0 is for ever. */
  readonly retainDays: number;
  /** The same for one room; `undefined` if it is `retainDays`. */
  readonly retainDaysOf?: (room: string) => number | undefined;
  /** Newest messages of a room among which a repeated `ref` is recognised. */
  readonly dedupeMessages: number;
}

/** The result of appending a batch. */
export interface Appended<D extends Draft> {
  readonly epoch: string;
  readonly last: number;
  readonly receipts: readonly Receipt<D>[];
}

/** A batch is retried for this long, always under the same number. Then it has failed for good. */
const RETRY_MS = 5_000;
/** Redis refuses a batch this long before that, since its clock is not exactly known. */
const SLACK_MS = 100;
/** A batch fails at once if Redis has been away for this long. */
const MAX_AWAY_MS = 1_000;
const PAUSE_MS = 100;

export class RedisLog implements ReplicatedLog {
  readonly #link: RedisLink;
  readonly #policy: LogPolicy;
  /** Names this node. */
  readonly node = randomBytes(9).toString("base64url");
  #batches = 0;
  #candidates = 0;

  constructor(link: RedisLink, policy: LogPolicy) {
    this.#link = link;
    this.#policy = policy;
  }

  /** Reads where a log stands, without comparing it with anything. */
  async state(room: string): Promise<Pick<LogPosition, "epoch" | "head">> {
    const answer = await this.#link.ask("HMGET", this.#key(room, "log"), "epoch", "head");
    const [epoch, head] = Array.isArray(answer) ? answer : [];
    return { epoch: String(epoch ?? NO_EPOCH), head: Number(head ?? 0) };
  }

  /** Tells whether the log still holds what was shown up to `seq` under an earlier mark. */
  async canResume(room: string, mark: string, seq: number): Promise<boolean> {
    const marks = await this.#link.ask("HGET", this.#key(room, "log"), "marks");
    for (const entry of String(marks ?? "").split(" ")) {
      const [earlier, end] = entry.split(":");
      if (earlier === mark && end !== undefined) return seq <= Number(end);
    }
    return false;
  }

  async position(room: string, known: LogPosition | undefined): Promise<LogPosition> {
    const until = performance.now() + RETRY_MS;
    for (;;) {
      const answer = await this.#link.run(POSITION, this.#keysOf(room), this.#args(room, known));
      const [outcome, epoch, head, tip] = answer;
      if (outcome === "ok") {
        const { runId } = this.#link;
        return { epoch: String(epoch), head: Number(head), tip: String(tip), runId };
      }
      if (performance.now() > until) {
        throw new BrokerError("It is not known yet whether the log is complete.");
      }
      await this.#link.pause(PAUSE_MS);
    }
  }

  /**
   * Appends a batch to a room's log.
   *
   * @throws {BrokerError} if it is not stored, or if that cannot be known.
   */
  async append<D extends Draft>(
    room: string,
    drafts: readonly D[],
    known: () => LogPosition | undefined,
  ): Promise<Appended<D>> {
    const batch = String(++this.#batches);
    const keys = this.#keysOf(room);
    const text = textOf(drafts);
    const refs = drafts.some(({ ref }) => ref !== undefined)
      ? drafts.map(({ userId, ref }) => ref === undefined ? "" : `${userId}\0${ref}`)
      : [];
    const until = performance.now() + RETRY_MS;
    await this.#link.ready(MAX_AWAY_MS);
    for (;;) {
      try {
        const left = until - SLACK_MS - performance.now();
        const { dedupeMessages } = this.#policy;
        const [outcome, ...answer] = await this.#link.run(APPEND, keys, [
          ...this.#args(room, known()),
          String(Math.ceil(this.#link.now + left)),
          batch,
          String(dedupeMessages),
          String(drafts.length),
          text,
          `by:${this.node}`,
          ...refs,
        ]);
        if (outcome === "ok") {
          this.#link.correctNow(Number(answer[3]));
          return appended(drafts, answer);
        }
        if (outcome === "late") this.#link.setNow(Number(answer[0]));
      } catch (thrown) {
        if (isFull(thrown)) throw new FullError("Redis has no memory left for more messages.");
        if (isFinal(thrown) || performance.now() > until) throw thrown;
      }
      if (performance.now() > until) {
        throw new BrokerError("Redis did not store the batch in time.");
      }
      await this.#link.pause(PAUSE_MS);
      await this.#link.ready(Math.max(0, until - performance.now()));
    }
  }

  async read(room: string, range: Range): Promise<Page | undefined> {
    const { after, before, limit, chars = Infinity } = range;
    if (limit < 1) return undefined;
    const up = after === undefined ? "" : String(Math.max(0, after) + 1);
    const down = after !== undefined ? "" : String(Math.min(before ?? Infinity, MAX_SEQ) - 1);
    if (down !== "" && Number(down) < 1) return undefined;
    const args = [up, down, String(limit), String(Math.min(chars, MAX_SEQ))];
    const answer = await this.#link.run(READ, [this.#key(room, "entries")], args);
    const whole = concat(pagesOf(answer));
    if (whole === undefined) return undefined;
    if (after !== undefined) {
      return cut(whole, after, Math.max(after, whole.first - 1) + limit);
    }
    const last = Math.min(whole.last, Number(down));
    return cut(whole, last - limit, last);
  }

  #key(room: string, what: string): string {
    return this.#link.names.key(room, what);
  }

  #keysOf(room: string): string[] {
    return ["log", "entries", "young", "old"].map((what) => this.#key(room, what));
  }

  /** The first arguments of `POSITION` and `APPEND`. */
  #args(room: string, known: LogPosition | undefined): string[] {
    const { runId, isSettled, names, trustedNow } = this.#link;
    const { retainMessages, retainDays, retainDaysOf } = this.#policy;
    const days = retainDaysOf?.(room) ?? retainDays;
    return [
      runId,
      `${this.node}${(++this.#candidates).toString(36)}`,
      names.channel(room),
      isSettled ? "" : "1",
      known?.epoch ?? "",
      String(known?.head ?? 0),
      known === undefined || known.runId === runId ? "" : known.tip,
      String(retainMessages),
      String(Math.ceil(days * 86_400_000)),
      String(trustedNow),
    ];
  }
}

/** The epoch of a log that does not exist yet. Reading its state does not make it. */
const NO_EPOCH = "none";
const MAX_SEQ = Number.MAX_SAFE_INTEGER;

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
  return { epoch: String(epoch), last: Number(last), receipts };
}
