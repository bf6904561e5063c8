/**
 * The mark of a room from which messages were erased. A cursor from before would not tell its client that
 * they are gone, so the room's mark is that of the start and the cut.
 *
 * @module
 */

/** Returns the mark of a room. @param cut 0 if nothing was ever erased from it. */
export function cutMark(start: string, cut: number): string {
  return cut === 0 ? start : `${start}-${cut}`;
}

/** Returns the mark of the start in a room's mark; `undefined` if it is from before the room's last cut. */
export function startOfMark(mark: string, cut: number): string | undefined {
  if (cut === 0) return mark;
  const end = `-${cut}`;
  return mark.endsWith(end) ? mark.slice(0, -end.length) : undefined;
}
