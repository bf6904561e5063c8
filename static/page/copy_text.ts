/**
 * Copies a text that the user may need elsewhere.
 *
 * @module
 */

/// <reference lib="dom" />

import { strings } from "./strings.ts";
import { toast } from "./toast.ts";

/** Copies a text, and says so. */
export async function copyText(text: string, done: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    prompt(strings.copyThis, text); // a page without TLS has no clipboard
  }
}
