/**
 * `writeMarks` stores the read marks that were gathered.
 *
 * @module
 */
import { MARKS_AT_ONCE, type MarkStore, type UserMark } from "../broker/marks.ts";
import type { LogPosition } from "./log_position.ts";
import type { RecentMarks } from "./recent_marks.ts";

/** What is asked while marks are written. */
export interface MarkWriter {
  readonly store: MarkStore;
  /** Says where a room's log stands. */
  logOf(room: string, seq: number): Promise<LogPosition>;
  /** Whether a user was erased a moment ago. */
  isForgotten(userId: string): boolean;
}

export async function writeMarks(
  marks: RecentMarks,
  { store, logOf, isForgotten }: MarkWriter,
): Promise<void> {
  const logs = new Map<string, LogPosition>();
  let some: UserMark[] = [];
  const write = async () => {
    // Logs were asked for since the marks were gathered, and a user may have been erased meanwhile.
    const left = some.filter(({ userId }) => !isForgotten(userId));
    some = [];
    if (left.length > 0) await store.write(left);
  };
  for (const { userId, room, seq } of marks.all()) {
    let known = logs.get(room);
    if (known === undefined || seq > known.head) logs.set(room, known = await logOf(room, seq));
    if (seq > known.head) continue; // the log was lost meanwhile
    some.push({ userId, room, log: known.log, seq });
    if (some.length === MARKS_AT_ONCE) await write();
  }
  await write();
}
