/**
 * Patterns of names: `*` stands for any characters, none included, and everything else for itself.
 *
 * @module
 */

/** Says whether a name matches a pattern. It takes time in proportion to the two lengths. */
export function matches(pattern: string, name: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return name === pattern;
  if (!name.startsWith(pattern.slice(0, star))) return false; // as most do where many are compared
  const middle = pattern.slice(star + 1).split("*");
  const end = middle.pop() ?? "";
  let from = star;
  for (const part of middle) {
    const index = name.indexOf(part, from);
    if (index < 0) return false;
    from = index + part.length;
  }
  return name.length - end.length >= from && name.endsWith(end);
}
