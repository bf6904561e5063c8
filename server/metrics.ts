/**
 * `Metrics` are a server's numbers, which are counted once, where things happen. Readers such as
 * `GET /metrics` take a snapshot of them, and nothing here knows the readers: the table of what each number
 * means is in `monitoring/table.ts`. Each server has numbers of its own; one process may have several.
 *
 * @module
 */
import { COMMANDS } from "./protocol/commands.ts";
import { isRecord } from "./protocol/rules.ts";
import type { Command } from "./protocol/messages.ts";
import type { Refusal } from "./protocol/refusal.ts";
import {
  CLOSE,
  type CloseCode,
  type ErrorCode,
  ERRORS,
  type LimitName,
} from "./protocol/tables.ts";

/** The ways to connect. */
export const KINDS = ["websocket", "stream"] as const;
export type Kind = (typeof KINDS)[number];

/** How the server closes connections, by the close codes. */
const OUTCOME_OF = {
  [CLOSE.done]: "done",
  [CLOSE.goingAway]: "going_away",
  [CLOSE.binaryFrame]: "binary_frame",
  [CLOSE.policy]: "policy",
  [CLOSE.tooLarge]: "too_large",
  [CLOSE.restart]: "restart",
  [CLOSE.tooSlow]: "too_slow",
  [CLOSE.unauthorized]: "unauthorized",
  [CLOSE.forbidden]: "forbidden",
} as const satisfies Readonly<Record<CloseCode, string>>;

/** How a connection ended: the server closed it, the peer left, or the runtime failed. */
export type Outcome = (typeof OUTCOME_OF)[CloseCode] | "left" | "failed";
const OUTCOMES: readonly Outcome[] = ["left", "failed", ...Object.values(OUTCOME_OF)];

const COMMAND_TYPES = Object.keys(COMMANDS) as Command["type"][]; // the table has each type

/** Why a subscriber is behind: it has just joined, reads slowly, or its log was replaced. */
const CAUSES = ["join", "slow", "replaced"] as const;

/** Numbers by one label. */
export type Counts<L extends string> = Record<L, number>;

function zeros<L extends string>(labels: readonly L[]): Counts<L> {
  return Object.fromEntries(labels.map((label) => [label, 0])) as Counts<L>; // each label has a number
}

/** The bounds of durations, in seconds, and of batches. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** A histogram counts values by upper bounds. */
export class Histogram {
  readonly bounds: readonly number[];
  /** How many values were in each bucket, and above the last bound. */
  readonly counts: number[];
  sum = 0;
  /** Is also told each value, for a reader that keeps a histogram of its own. */
  onObserve: ((value: number) => void) | undefined;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let index = 0;
    while (value > (this.bounds[index] ?? Infinity)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += value;
    this.onObserve?.(value);
  }
}

/** What has to be known of a message, or of a revision of one, to count it. */
interface Drafted {
  readonly revision?: unknown;
  readonly seq?: number;
}

/** What has to be known of its receipt. */
interface Receipted {
  readonly draft: Drafted;
  readonly repeated: boolean;
}

/** What happened on one server since its start. Whoever sees it happen adds to these numbers. */
export class Metrics {
  readonly opened: Counts<Kind> = zeros(KINDS);
  readonly ended: Record<Kind, Counts<Outcome>> = {
    websocket: zeros(OUTCOMES),
    stream: zeros(OUTCOMES),
  };
  readonly refusedConnections: Counts<Kind> = zeros(KINDS);
  /** Batches that were handed to the runtime, in bytes of UTF-8. */
  readonly sentBytes: Counts<Kind> = zeros(KINDS);
  /** Commands that were carried out or queued. */
  readonly accepted: Counts<Command["type"]> = zeros(COMMAND_TYPES);
  /** Those that were refused; "invalid" are those of no type. */
  readonly refused: Counts<Command["type"] | "invalid"> = zeros([...COMMAND_TYPES, "invalid"]);
  readonly refusals: Counts<ErrorCode> = zeros(Object.keys(ERRORS) as ErrorCode[]);
  readonly limitRefusals: Counts<LimitName> = {
    rate: 0,
    rule_rate: 0,
    slow_seconds: 0,
    address_rate: 0,
    max_connections: 0,
    max_connections_per_address: 0,
    max_rooms: 0,
    max_rooms_per_connection: 0,
    max_members_per_room: 0,
  };
  readonly responses: Counts<string> = zeros(["1xx", "2xx", "3xx", "4xx", "5xx"]);
  readonly catchUps: Counts<(typeof CAUSES)[number]> = zeros(CAUSES);
  messages = 0;
  revisions = 0;
  deliveries = 0;
  failedCommits = 0;
  /** When a commit succeeded last, on the server's clock. */
  committedAt = -Infinity;
  readonly batchSize: Histogram = new Histogram(SIZES);
  readonly commitSeconds: Histogram = new Histogram(SECONDS);
  readonly loopDelay: Histogram = new Histogram(SECONDS);
  readonly redisSeconds: Histogram = new Histogram(SECONDS);
  readonly webhookRequests: Counts<"taken" | "failed"> = zeros(["taken", "failed"]);

  /**
   * Counts a batch whose commit has succeeded, and what it came to.
   *
   * @param begunAt when the commit began, and ended, in milliseconds on the server's clock.
   */
  countCommit(
    batch: readonly Drafted[],
    receipts: readonly Receipted[],
    begunAt: number,
    endedAt: number,
  ): void {
    for (const { revision, seq = 0 } of batch) {
      if (revision === undefined && seq > 0) this.messages++; // else it was stored before
    }
    for (const { draft, repeated } of receipts) {
      if (draft.revision !== undefined && !repeated) this.revisions++;
    }
    this.batchSize.observe(batch.length);
    this.commitSeconds.observe((endedAt - begunAt) / 1000);
    this.committedAt = endedAt;
  }

  /** Counts a command that was refused, and may be anything. */
  countRefused(command: unknown): void {
    const type = isRecord(command)
      ? COMMAND_TYPES.find((type) => type === command.type)
      : undefined;
    this.refused[type ?? "invalid"]++;
  }

  /** Counts a refusal that a client is answered with. */
  countRefusal({ code, limit }: Refusal): void {
    this.refusals[code]++;
    if (limit !== undefined) this.limitRefusals[limit]++;
  }

  /** Counts a response by the first digit of its status. */
  countResponse(status: number): void {
    const group = `${Math.floor(status / 100)}xx`;
    this.responses[group] = (this.responses[group] ?? 0) + 1;
  }
}

/** Returns the outcome of a connection that the server closes. */
export function outcomeOf(code: CloseCode): Outcome {
  return OUTCOME_OF[code];
}
