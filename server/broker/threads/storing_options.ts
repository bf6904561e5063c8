/**
 * What the storing thread is started with. It crosses from one thread to another, so it is data alone.
 *
 * @module
 */
import { matches } from "../../protocol/pattern.ts";

/** Says how long the messages of some rooms are kept. A `RoomRule` is one, too. */
export interface RetentionRule {
  /** The pattern of the rooms' names. */
  readonly match: string;
  /** Days that a message is kept; without it, as many as in other rooms. */
  readonly retainDays?: number;
}

export interface StoringOptions {
  /** Path of the file, or `:memory:`. */
  readonly path: string;
  /**
   * Megabytes of the file that may be in use; 0 for no bound.
   *
   * @default {0}
   */
  readonly maxDatabaseMb?: number;
  /** Messages kept in each room; 0 keeps all. */
  readonly retainMessages: number;
  /** Days that a message is kept; 0 keeps it for ever. */
  readonly retainDays: number;
  /**
   * The rules of rooms, of which the first that matches holds.
   *
   * @default {[]}
   */
  readonly rules?: readonly RetentionRule[];
  /** Newest messages of a room among which a repeated `ref` is recognised. */
  readonly dedupeMessages: number;
  /**
   * How long the users of a serving thread that is gone stay members, in milliseconds. So users who come back
   * to another thread have not left.
   *
   * @default {0}
   */
  readonly absenceMs?: number;
}

/** Returns the days that a room's messages are kept by its rule; `undefined` if no rule says so. */
export function retainDaysIn(rules: readonly RetentionRule[], room: string): number | undefined {
  return rules.find(({ match }) => matches(match, room))?.retainDays;
}
