/**
 * A cursor as text: what an event of a stream carries as `id`, and comes back as `Last-Event-ID`.
 *
 * @module
 */
import type { Cursor } from "../protocol/messages.ts";

/** Writes a cursor as text: `epoch:seq`, and `:rev` once there is one. */
export function cursorId({ epoch, seq, rev = 0 }: Cursor): string {
  return rev === 0 ? `${epoch}:${seq}` : `${epoch}:${seq}:${rev}`;
}

/** Reads a cursor from text. @returns `undefined` if it is none. */
export function parseCursorId(id: string): Cursor | undefined {
  const [, epoch, digits, digitsOfRev = 0] =
    /^([\w.-]{1,64}):(\d{1,16})(?::(\d{1,16}))?$/.exec(id) ?? [];
  const [seq, rev] = [Number(digits), Number(digitsOfRev)];
  if (epoch === undefined || !Number.isSafeInteger(seq) || !Number.isSafeInteger(rev)) {
    return undefined;
  }
  return { epoch, seq, rev };
}
