/**
 * A `Refusal` is thrown wherever a command or a request cannot be carried out. A session answers it
 * with an `error` event, and HTTP with a problem document.
 *
 * @module
 */
import type { ErrorCode, LimitName } from "./tables.ts";
import type { ErrorEvent } from "./messages.ts";

/** A refused command or request: a code of {@linkcode ERRORS} and a sentence for people. */
export class Refusal extends Error {
  /** Why, for programs. */
  readonly code: ErrorCode;
  /** The field that was wrong. */
  readonly field: string | undefined;
  /** Milliseconds after which the same may succeed, as a whole number. */
  readonly retryAfterMs: number | undefined;
  /** The limit that was reached, for the metrics. Clients are told it in the sentence. */
  readonly limit: LimitName | undefined;

  /**
   * Makes a refusal, to be thrown.
   *
   * @param sentence why, for people.
   */
  constructor(
    code: ErrorCode,
    sentence: string,
    details: { field?: string; retryAfterMs?: number; limit?: LimitName } = {},
  ) {
    super(sentence);
    this.name = "Refusal";
    this.code = code;
    this.field = details.field;
    this.retryAfterMs = details.retryAfterMs && Math.ceil(details.retryAfterMs);
    this.limit = details.limit;
  }

  /**
   * Makes the `error` event for the sender.
   *
   * @param ref the one of the refused command.
   */
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

/** Makes the refusal of a field that is wrong. */
export function badField(field: string, sentence: string): Refusal {
  return new Refusal("bad_field", sentence, { field: clip(field) });
}

/** Makes the refusal of a `ref` that names another message, or another revision. */
export function conflict(): Refusal {
  return new Refusal("conflict", "Something else was sent with this ref. Use a new one.", {
    field: "ref",
  });
}

/** Quotes a client's text in a sentence: cut short and escaped, because it may be hostile. */
export function quote(text: string): string {
  return JSON.stringify(clip(text));
}

function clip(text: string): string {
  return text.slice(0, 64).toWellFormed();
}
