/**
 * An answer in JSON. Nobody may keep it: what it says is true now.
 *
 * @module
 */
export function json(status: number, text: string, headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set("content-type", "application/json");
  if (!all.has("cache-control")) all.set("cache-control", "no-store");
  all.set("x-content-type-options", "nosniff");
  return new Response(text + "\n", { status, headers: all });
}
