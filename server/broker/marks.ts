/**
 * Read marks: how far each user has seen each room, on whatever device. A mark belongs to one log, and
 * means nothing once that log was replaced. Within the log it only grows.
 *
 * @module
 */

/** A user's mark in a room. */
export interface Mark {
  readonly room: string;
  /** The digest of the room's log, as {@linkcode digestOf} returns it. */
  readonly log: string;
  /** The last message that the user has seen. */
  readonly seq: number;
}

/** A mark, and whose it is. */
export interface UserMark extends Mark {
  readonly userId: string;
}

/** A mark that has moved, for the connections of its user. */
export interface MovedMark extends Omit<UserMark, "log"> {
  /** The `ref` of the command that moved it. */
  readonly ref?: string | undefined;
}

/**
 * Keeps the read marks of all users, with the log. It may keep fewer than were written: the bounds are
 * {@linkcode MAX_MARKS} and {@linkcode MAX_GUEST_MARKS}.
 */
export interface MarkStore {
  /** Reads a user's mark in a room. */
  get(userId: string, room: string): Promise<Mark | undefined>;
  /** Reads all marks of a user, in any order. */
  all(userId: string): Promise<readonly Mark[]>;
  /**
   * Stores marks. One of the same log as the mark that is kept never moves that back.
   *
   * @param marks at most one for each user and room.
   */
  write(marks: readonly UserMark[]): Promise<void>;
  /**
   * Tells the other nodes of marks that have moved. They are called back with `marked`, at most once. A
   * store for a single node leaves this method out.
   */
  tell?(marks: readonly MovedMark[]): void;
  /**
   * Forgets the marks of a user who was erased, as every node is told: one that hears of it late may have
   * written marks since. It never throws. A store for a single node leaves this method out.
   */
  forget?(userId: string): void;
}

/** Marks that are written in one step. */
export const MARKS_AT_ONCE = 256;

/** How many marks a user has. Above it, the one that was moved longest ago is forgotten. */
export const MAX_MARKS = 200;
/** How many marks all guests have together, as about many. Above it, those moved longest ago go. */
export const MAX_GUEST_MARKS = 100_000;
