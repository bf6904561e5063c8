/**
 * HTTP requests to the server, and its refusals as the `error` events that a WebSocket would bring.
 *
 * @module
 */
import type { ErrorEvent, Message } from "../../server/protocol/messages.ts";
import { ClientError } from "./errors.ts";

/** How long the client waits for a response, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** Sends a request: a POST if there is a body, or else a GET. */
export function request(
  url: URL,
  token: string | undefined,
  body?: unknown,
  signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS),
): Promise<Response> {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { "content-type": "application/json" }),
  };
  const post = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  return fetch(url, { ...post, headers, signal });
}

/** Returns the path of something that belongs to a room. */
export function roomPath(room: string, what: "messages" | "typing"): string {
  return `rooms/${encodeURIComponent(room)}/${what}`;
}

/**
 * Reads the `error` event from a response that is a refusal.
 *
 * @param ref of the command that was refused.
 * @throws {Error} if the response is not from this server: a gateway's refusal has no `code`.
 */
export async function refusalOf(response: Response, ref?: string): Promise<ErrorEvent> {
  const { code, detail, field, retryAfterMs } = await response.json();
  if (typeof code !== "string") throw new Error("not a Parley server");
  return {
    type: "error",
    code: code as ErrorEvent["code"], // a newer server may have more codes: they are passed on
    payload: String(detail),
    ...(ref && { ref }),
    ...(field && { field }),
    ...(retryAfterMs && { retryAfterMs }),
  };
}

/**
 * Reads a page of a room's messages before the `seq` in `before`, oldest first.
 *
 * @throws {ClientError} if the server refuses; `unavailable` if it does not answer.
 */
export async function readPage(
  base: URL,
  token: string | undefined,
  room: string,
  before: number,
  limit: number,
): Promise<readonly Message[]> {
  const url = new URL(roomPath(room, "messages"), base);
  url.protocol = url.protocol.replace("ws", "http");
  url.search = `before=${before}&limit=${limit}`;
  let refusal: ErrorEvent | undefined;
  try {
    const response = await request(url, token);
    if (response.ok) return (await response.json()).messages;
    refusal = await refusalOf(response);
  } catch {
    // The server was not reached, or another one answered.
  }
  const { code = "unavailable", payload = `Cannot read "${room}".` } = refusal ?? {};
  throw new ClientError(code, payload);
}
