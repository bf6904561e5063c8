/**
 * `preloadLinks` tells a browser with the page itself which modules it will need. Without that it learns
 * of each only from the module that imports it, one round trip after the other.
 *
 * @module
 */

/** What a module imports or passes on, once its types are gone. */
const SPECIFIER = /\bfrom "(\.{1,2}\/[^"]+)"/g;

/**
 * Makes the links for all modules that some modules need, themselves included.
 *
 * @param scripts the modules as they are served, by their paths.
 * @param entries the paths of those that are loaded first.
 */
export function preloadLinks(
  scripts: ReadonlyMap<string, string>,
  entries: readonly string[],
): string {
  const found = new Set(entries);
  for (const path of found) { // a set that grows while it is gone through is gone through to its end
    for (const [, specifier = ""] of scripts.get(path)?.matchAll(SPECIFIER) ?? []) {
      found.add(new URL(specifier, `file:///${path}`).pathname.slice(1));
    }
  }
  return [...found].map((path) => `<link rel="modulepreload" href="${path}" />`).join("\n    ");
}
