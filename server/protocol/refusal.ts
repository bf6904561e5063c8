/**
 * `Refusal` is how everything here says no: with a code of the wire, a sentence for people, and the field
 * that was wrong. Every door turns it into its own kind of answer.
 *
 * @module
 */
import type { ErrorCode } from "./tables.ts";
import type { ErrorEvent } from "./messages.ts";

/** A command or request that cannot be carried out, in the wire's own terms. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  /** Whole milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    sentence: string,
    more: { field?: string; retryAfterMs?: number } = {},
  ) {
    super(sentence);
    this.name = "Refusal";
    this.code = code;
    this.field = more.field;
    this.retryAfterMs = more.retryAfterMs && Math.ceil(more.retryAfterMs);
  }

  /** The `error` event that tells the sender. */
  event(ref?: string): ErrorEvent {
    return {
      type: "error",
      code: this.code,
      payload: this.message,
      ...(this.field !== undefined && { field: this.field }),
      ...(ref !== undefined && { ref }),
      ...(this.retryAfterMs !== undefined && { retryAfterMs: this.retryAfterMs }),
    };
  }
}

export function badField(field: string, sentence: string): Refusal {
  return new Refusal("bad_field", sentence, { field: clip(field) });
}

/** Hostile text within our own sentences: short, and escaped. */
export function quote(text: string): string {
  return JSON.stringify(clip(text));
}

function clip(text: string): string {
  return text.slice(0, 64).toWellFormed();
}
