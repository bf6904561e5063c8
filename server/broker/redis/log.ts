/**
 * The logs of all rooms, as Redis keeps them: looking, appending, reading. It knows nothing of who
 * listens. Whoever calls brings what it has seen of a log; from that, and only from that, it is found
 * out that a log was lost.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { type Draft, numbered } from "../../protocol/encode.ts";
import { BrokerError, FullError, type LogState, type Range, type Receipt } from "../broker.ts";
import { concat, cut, type Page } from "../page.ts";
import { APPEND } from "./append_script.ts";
import { isFinal, isFull } from "./connection.ts";
import type { RedisLink } from "./link.ts";
import { drafted, frameOf, placed } from "./batch_text.ts";
import { LOOK, READ } from "./scripts.ts";

export interface LogPolicy {
  /** Messages kept in each room; 0 keeps all. */
  readonly retainMessages: number;
  /** Days that a message is kept; 0 is for ever. */
  readonly retainDays: number;
  /** Newest messages of a room among which a repeated `ref` is recognised. */
  readonly dedupeMessages: number;
}

/** Where a log stands, in Redis's own terms. */
export interface Standing {
  /** The epoch; once it has a mark, a dot and the mark. */
  readonly epoch: string;
  readonly head: number;
}

/** What was seen of a log. */
export interface Known extends Standing {
  /** When the newest batch was committed, as text. */
  readonly tip: string;
  /** The life of Redis in which that was last held against the log. */
  readonly runId: string;
}

/** What came of a batch. */
export interface Appended<D extends Draft> {
  readonly epoch: string;
  readonly last: number;
  readonly receipts: readonly Receipt<D>[];
}

/** A batch is tried again for so long, always under the same name; then it is given up for good. */
const PATIENCE_MS = 5_000;
/** Redis must have begun so long before that: its clock is not quite ours. */
const SLACK_MS = 100;
/** But not while Redis has been away for so long already. */
const AWAY_MS = 1_000;
const PAUSE_MS = 100;

export class RedisLog {
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

  /** Where a log stands, for whoever only wants to know. */
  async state(room: string): Promise<Standing> {
    const answer = await this.#link.ask(
      "HMGET",
      this.#link.names.key(room, "log"),
      "epoch",
      "head",
    );
    const [epoch, head] = Array.isArray(answer) ? answer : [];
    return { epoch: String(epoch ?? NO_EPOCH), head: Number(head ?? 0) };
  }

  /** Whether what was shown up to `seq` under an earlier mark is what the log holds. */
  async vouches(room: string, mark: string, seq: number): Promise<boolean> {
    const marks = await this.#link.ask("HGET", this.#link.names.key(room, "log"), "marks");
    for (const entry of String(marks ?? "").split(" ")) {
      const [earlier, end] = entry.split(":");
      if (earlier === mark && end !== undefined) return seq <= Number(end);
    }
    return false;
  }

  /** Where a log stands; begun anew if it is not what it was. */
  async look(room: string, known: Known | undefined): Promise<Known> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await this.#link.run(LOOK, this.#keysOf(room), this.#about(room, known));
      const [how, epoch, head, tip] = answer;
      if (how === "ok") {
        const { runId } = this.#link;
        return { epoch: String(epoch), head: Number(head), tip: String(tip), runId };
      }
      if (performance.now() > until) throw new BrokerError("The log's state is in doubt.");
      await this.#link.pause(PAUSE_MS);
    }
  }

  /**
   * Stores what a batch brings to one room.
   *
   * @throws {BrokerError} if it is not stored, and will not be; or if that cannot be known.
   */
  async append<D extends Draft>(
    room: string,
    drafts: readonly D[],
    known: () => Known | undefined,
  ): Promise<Appended<D>> {
    const batch = String(++this.#batches);
    const keys = this.#keysOf(room);
    const text = drafted(drafts);
    const refs = drafts.some(({ ref }) => ref !== undefined)
      ? drafts.map(({ userId, ref }) => ref === undefined ? "" : `${userId}\0${ref}`)
      : [];
    const until = performance.now() + PATIENCE_MS;
    await this.#link.ready(AWAY_MS);
    for (;;) {
      try {
        const left = until - SLACK_MS - performance.now();
        const { dedupeMessages } = this.#policy;
        const [how, ...answer] = await this.#link.run(APPEND, keys, [
          ...this.#about(room, known()),
          String(Math.ceil(this.#link.now + left)),
          batch,
          String(dedupeMessages),
          String(drafts.length),
          text,
          `by:${this.node}`,
          ...refs,
        ]);
        if (how === "ok") {
          this.#link.correctNow(Number(answer[3]));
          return appended(drafts, answer);
        }
        if (how === "late") this.#link.setNow(Number(answer[0]));
      } catch (thrown) {
        if (isFull(thrown)) throw new FullError("Redis has no memory left for more messages.");
        if (isFinal(thrown) || performance.now() > until) throw thrown;
      }
      if (performance.now() > until) throw new BrokerError("Redis did not take it in time.");
      await this.#link.pause(PAUSE_MS);
      await this.#link.ready(Math.max(0, until - performance.now()));
    }
  }

  /** A page of history. */
  async read(room: string, range: Range): Promise<Page | undefined> {
    const { after, before, limit, chars = Infinity } = range;
    if (limit < 1) return undefined;
    const up = after === undefined ? "" : String(Math.max(0, after) + 1);
    const down = after !== undefined ? "" : String(Math.min(before ?? Infinity, MAX_SEQ) - 1);
    if (down !== "" && Number(down) < 1) return undefined;
    const most = Math.min(chars, Number.MAX_SAFE_INTEGER);
    const args = [up, down, String(limit), String(most)];
    const answer = await this.#link.run(READ, [this.#link.names.key(room, "entries")], args);
    const whole = concat(pagesOf(answer));
    if (whole === undefined) return undefined;
    if (after !== undefined) {
      return cut(whole, after, Math.max(after, whole.first - 1) + limit);
    }
    const last = Math.min(whole.last, Number(down));
    return cut(whole, last - limit, last);
  }

  #keysOf(room: string): string[] {
    return ["log", "entries", "young", "old"].map((what) => this.#link.names.key(room, what));
  }

  #about(room: string, known: Known | undefined): string[] {
    const { runId, isSettled, names, trustedNow } = this.#link;
    return [
      runId,
      `${this.node}${(++this.#candidates).toString(36)}`,
      names.channel(room),
      isSettled ? "" : "1",
      known?.epoch ?? "",
      String(known?.head ?? 0),
      known === undefined || known.runId === runId ? "" : known.tip,
      String(this.#policy.retainMessages),
      String(Math.round(this.#policy.retainDays * 86_400_000)),
      String(trustedNow),
    ];
  }
}

/** Of a log that nobody has begun: asking for it does not make one. */
const NO_EPOCH = "none";
const MAX_SEQ = Number.MAX_SAFE_INTEGER;

function pagesOf(answer: readonly unknown[]): Page[] {
  const pages: Page[] = [];
  for (let index = 0; index < answer.length; index += 4) {
    const [last, count, at, text] = answer.slice(index, index + 4);
    const first = Number(last) - Number(count) + 1;
    const batch = frameOf(String(text), first, Number(last), String(at));
    if (batch === undefined) throw new BrokerError("Redis holds a batch that is not ours.");
    pages.push({ first, last: Number(last), batch });
  }
  return pages;
}

/** Where a log stands, as the hub is told. */
export function stateOf({ epoch, head }: Standing): LogState {
  const [name = "", mark] = epoch.split(".");
  return { epoch: name, head, ...(mark !== undefined && { mark }) };
}

/** The receipts of a batch, from which of its drafts were repeats. */
function appended<D extends Draft>(drafts: readonly D[], answer: readonly unknown[]): Appended<D> {
  const [epoch, first, last, at, ...repeats] = answer;
  const originals = new Map<number, { seq: number; event: string }>();
  for (let index = 0; index < repeats.length; index += 4) {
    const [draft, place, came, text] = repeats.slice(index, index + 4);
    const seq = Number(place);
    originals.set(Number(draft) - 1, { seq, event: placed(String(text), seq, String(came)) });
  }
  const receipts: Receipt<D>[] = [];
  let seq = Number(first) - 1;
  drafts.forEach((draft, index) => {
    const original = originals.get(index);
    if (original !== undefined) {
      // Its text is empty if it was pruned after this batch came and before its answer was asked again.
      const event = original.event || numbered(draft, original.seq, Number(at));
      receipts.push({ draft, ...original, event, repeated: true });
    } else if (++seq && draft.receipt) {
      receipts.push({ draft, seq, event: numbered(draft, seq, Number(at)), repeated: false });
    }
  });
  return { epoch: String(epoch), last: Number(last), receipts };
}
