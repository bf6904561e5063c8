/**
 * The responses that have a body of JSON: answers, and errors as `application/problem+json` (RFC 9457).
 *
 * @module
 */
// @ts-types="./std.d.ts"
import { STATUS_TEXT } from "@std/http/status";
import type { Refusal } from "../protocol/refusal.ts";
import { ERRORS } from "../protocol/tables.ts";

/** `HttpError` refuses a request with a status for which the wire has no error code. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** Returns an answer in JSON, which no cache keeps unless the headers say otherwise. */
export function json(status: number, text: string, headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set("content-type", "application/json");
  if (!all.has("cache-control")) all.set("cache-control", "no-store");
  all.set("x-content-type-options", "nosniff");
  return new Response(text + "\n", { status, headers: all });
}

/** The headers of an event stream. */
export const EVENT_STREAM = {
  "content-type": "text/event-stream",
  // A proxy that compresses the stream would gather events before it sends them …
  "cache-control": "no-store, no-transform",
  // … and so would nginx, whatever the headers before say.
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
};

/** Returns an answer that has nothing to say. */
export function noContent(): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}

/** Returns an error that has a status and no code of the wire. */
export function problem(status: number, detail: string, headers: HeadersInit = {}): Response {
  return problemJson({ status, detail }, headers);
}

/** Returns a refusal as a response: with the status and the code that the wire has for it. */
export function problemOf(refusal: Refusal): Response {
  const { code, field, message: detail, retryAfterMs } = refusal;
  const { status } = ERRORS[code];
  const headers = new Headers();
  if (retryAfterMs !== undefined) headers.set("retry-after", `${Math.ceil(retryAfterMs / 1000)}`);
  if (status === 401) headers.set("www-authenticate", "Bearer"); // RFC 9110 §15.5.2
  return problemJson({ status, detail, code, field, retryAfterMs }, headers);
}

/** The members of RFC 9457 §3.1 without the title, and ours. */
interface Problem {
  readonly status: number;
  readonly detail: string;
  readonly code?: string;
  readonly field?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

function problemJson(members: Problem, headers: HeadersInit): Response {
  const { status } = members;
  const all = new Headers(headers);
  all.set("content-type", "application/problem+json");
  all.set("cache-control", "no-store");
  const body = JSON.stringify({ title: STATUS_TEXT[status], ...members });
  return new Response(body + "\n", { status, headers: all });
}
