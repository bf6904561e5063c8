/**
 * Documents that stay the same for as long as the server runs, encoded once.
 *
 * @module
 */
import { json } from "../responses.ts";
import type { Handler } from "../router.ts";

/** A document, to be fetched by whatever page likes to show it. */
export function published(document: unknown): Handler {
  const text = JSON.stringify(document, null, 2);
  return () => json(200, text, { "cache-control": "public, max-age=300" });
}
