/**
 * Patterns of names: `*` stands for any characters, none included, and everything else for itself.
 *
 * @module
 */

/** Says whether a name matches a pattern. It takes time in proportion to the two lengths. */
export function matches(pattern: string, name: string): boolean {
  const [start = "", ...middle] = pattern.split("*");
  const end = middle.pop();
  if (end === undefined) return name === start;
  if (!name.startsWith(start)) return false;
  let from = start.length;
  for (const part of middle) {
    const index = name.indexOf(part, from);
    if (index < 0) return false;
    from = index + part.length;
  }
  return name.length - end.length >= from && name.endsWith(end);
}
