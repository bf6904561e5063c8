/**
 * Which web pages may talk to us. Browsers say where a page comes from and cannot be made to lie;
 * without this check any page that a user visits could speak here in the user's name (RFC 6455 §10.2).
 *
 * @module
 */

/** Whether a request's `Origin` is our own, or one that was allowed. Programs send none. */
export function isAllowedOrigin(request: Request, allowed: readonly string[]): boolean {
  const origin = request.headers.get("origin");
  if (origin === null || allowed.includes("*") || allowed.includes(origin)) return true;
  // The host only: behind a proxy that ends TLS, the page is https and the request is http.
  return origin !== "null" && URL.parse(origin)?.host === request.headers.get("host");
}
