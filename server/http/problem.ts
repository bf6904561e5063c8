/**
 * What goes wrong over HTTP, as `application/problem+json` (RFC 9457) with the wire's own codes.
 *
 * @module
 */
import { ERRORS } from "../protocol/tables.ts";
import type { Refusal } from "../protocol/refusal.ts";

/** A refusal that has no code on the wire: the request never came near a room. */
export function problem(status: number, detail: string, headers: HeadersInit = {}): Response {
  return answer({ title: TITLES[status] ?? "Error", status, detail }, headers);
}

/** What is wrong with a request that no command can have: it has a status of its own. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** A refusal in the wire's terms. */
export function problemOf(refusal: Refusal, headers: HeadersInit = {}): Response {
  const { status } = ERRORS[refusal.code];
  const retry = refusal.retryAfterMs;
  const body = {
    title: TITLES[status] ?? "Error",
    status,
    detail: refusal.message,
    code: refusal.code,
    field: refusal.field,
    retryAfterMs: retry,
  };
  const all = new Headers(headers);
  if (retry !== undefined) all.set("retry-after", String(Math.ceil(retry / 1000)));
  if (status === 401) all.set("www-authenticate", "Bearer"); // RFC 9110 §15.5.2 wants one
  return answer(body, all);
}

/** The members of RFC 9457 §3.1, and ours. */
interface Body {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code?: string;
  readonly field?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

function answer(body: Body, headers: HeadersInit): Response {
  const all = new Headers(headers);
  all.set("content-type", "application/problem+json");
  all.set("cache-control", "no-store");
  return new Response(JSON.stringify(body) + "\n", { status: body.status, headers: all });
}

/** The reason phrases of RFC 9110 §15 and RFC 6585 that we use. */
const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  426: "Upgrade Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};
