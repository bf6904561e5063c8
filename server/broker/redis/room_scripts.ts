/**
 * Runs the scripts of rooms: gives each its keys and arguments, and tries a commit again until Redis has
 * made it or refused it. The caller passes the position that this node knows of a room. Only by comparing
 * with it can the scripts detect that a log was lost.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { BrokerError, FullError } from "../broker.ts";
import type { LogPosition } from "../replicated_room.ts";
import { isFinal, isFull } from "./connection.ts";
import { keysOf, type Script } from "./entries_script.ts";
import type { RedisLink } from "./link.ts";

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

/** Returns the position that this node knows of a room; `undefined` if the room is not open. */
export type KnownPosition = () => LogPosition | undefined;

/** A batch is retried for this long, always under the same number. Then it has failed for good. */
export const RETRY_MS = 5_000;
/** Redis refuses a batch this long before that, since its clock is not exactly known. */
const SLACK_MS = 100;
/** A batch fails at once if Redis has been away for this long. */
const MAX_AWAY_MS = 1_000;
const PAUSE_MS = 100;

export class RoomScripts {
  readonly link: RedisLink;
  readonly policy: LogPolicy;
  /** Names this node. */
  readonly node = randomBytes(9).toString("base64url");
  #batches = 0;
  #candidates = 0;

  constructor(link: RedisLink, policy: LogPolicy) {
    this.link = link;
    this.policy = policy;
  }

  /** Returns a key of a room. */
  key(room: string, what: string): string {
    return this.link.names.key(room, what);
  }

  /** Runs a script that only reads. */
  read(script: Script, room: string, args: string[]): Promise<readonly unknown[]> {
    return this.link.run(script, keysOf(this.link.names, room), args);
  }

  /** Runs `POSITION` until another node, which may know more, has had its time. */
  async position(
    script: Script,
    room: string,
    known: LogPosition | undefined,
  ): Promise<readonly unknown[]> {
    const until = performance.now() + RETRY_MS;
    for (;;) {
      const [outcome, ...answer] = await this.read(script, room, this.#args(room, known));
      if (outcome === "ok") return answer;
      if (performance.now() > until) {
        throw new BrokerError(
          "Redis has restarted, and it is not known yet whether its log is complete.",
        );
      }
      await this.link.pause(PAUSE_MS);
    }
  }

  /**
   * Runs a script that commits a batch. The script recognises it when it is tried again.
   *
   * @param more the arguments after the batch's number.
   * @param until when it has failed for good.
   * @returns the script's answer, other than `late` and `doubt`.
   * @throws {BrokerError} if it is not stored, or if that cannot be known.
   */
  async commit(
    script: Script,
    room: string,
    known: KnownPosition,
    more: string[],
    until = performance.now() + RETRY_MS,
  ): Promise<readonly unknown[]> {
    const batch = String(++this.#batches);
    await this.link.ready(MAX_AWAY_MS);
    for (;;) {
      try {
        const left = until - SLACK_MS - performance.now();
        const latest = String(Math.ceil(this.link.now + left));
        const args = [...this.#args(room, known()), latest, batch, ...more];
        const answer = await this.read(script, room, args);
        if (answer[0] === "late") this.link.setNow(Number(answer[1]));
        else if (answer[0] !== "doubt") return answer;
      } catch (thrown) {
        if (isFull(thrown)) throw new FullError("Redis has no memory left for more messages.");
        if (isFinal(thrown) || performance.now() > until) throw thrown;
      }
      if (performance.now() > until) {
        throw new BrokerError("Redis did not store the batch in time.");
      }
      await this.link.pause(PAUSE_MS);
      await this.link.ready(Math.max(0, until - performance.now()));
    }
  }

  /** The first arguments of the scripts that write. */
  #args(room: string, known: LogPosition | undefined): string[] {
    const { runId, isSettled, names, trustedNow } = this.link;
    const { retainMessages, retainDays, retainDaysOf } = this.policy;
    const days = retainDaysOf?.(room) ?? retainDays;
    return [
      runId,
      `${this.node}${(++this.#candidates).toString(36)}`,
      names.channel(room),
      isSettled ? "" : "1",
      known?.epoch ?? "",
      String(known?.head ?? 0),
      known === undefined || known.runId === runId ? "" : known.tip,
      String(known?.rev ?? 0),
      known?.revRunId ?? "",
      String(retainMessages),
      String(Math.ceil(days * 86_400_000)),
      String(trustedNow),
    ];
  }
}
