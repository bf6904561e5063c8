/**
 * `stripBasePath` finds the path that the routes know: what is left of a request's path without the option
 * `basePath`.
 *
 * @module
 */

/**
 * Returns the path below the base path. The base path itself is `/`, with or without its slash.
 *
 * @returns `undefined` if the path is not under the base path.
 */
export function stripBasePath(pathname: string, basePath: string): string | undefined {
  if (pathname === basePath) return "/";
  return pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : undefined;
}
