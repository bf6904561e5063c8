/**
 * HTTP requests to the server, and its refusals as the `error` events that a WebSocket would bring.
 *
 * @module
 */
import type { ErrorEvent, Message } from "../../server/protocol/messages.ts";

/** How long the client waits for a response, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** To whom requests go, and from whom they are. */
export interface Requester {
  /** The server's `/ws`. */
  readonly url: string;
  /** The token of the user; undefined is a new guest. */
  readonly token: string | undefined;
}

/** Sends a request: by default a POST if there is a body, or else a GET. */
export function request(
  { url, token }: Requester,
  path: string,
  body?: object,
  signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  method = body ? "POST" : "GET",
): Promise<Response> {
  return fetch(new URL(path, url.replace("ws", "http")), {
    method,
    headers: {
      "content-type": "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    signal,
  });
}

/** Returns the path of something that belongs to a room. */
export function roomPath(room: string, what: string): string {
  return `rooms/${encodeURIComponent(room)}/${what}`;
}

/**
 * Reads the `error` event from a response that is a refusal.
 *
 * @param ref of the command that was refused.
 * @throws {Error} if the response is not from this server: a gateway's refusal has no `code`.
 */
export async function refusalOf(response: Response, ref?: string): Promise<ErrorEvent> {
  const { detail, ...problem } = await response.json();
  if (typeof problem.code !== "string") throw new Error(detail);
  return { ...problem, type: "error", payload: String(detail), ...(ref && { ref }) };
}

/** A page of a room's history. */
export interface HistoryPage {
  /** The messages as they are now, oldest first. */
  readonly messages: readonly Message[];
  /** The user's own reactions to them, by `seq` of those that have any. */
  readonly mine: Readonly<Record<string, readonly string[]>>;
}

/**
 * Reads a page of a room's messages before the `seq` in `before`, oldest first.
 *
 * @throws as {@linkcode answered} does.
 */
export async function readPage(
  requester: Requester,
  room: string,
  before: number,
  limit: number,
): Promise<HistoryPage> {
  const path = `${roomPath(room, "messages")}?before=${before}&limit=${limit}`;
  return await answered(request(requester, path), async (page) => {
    const { messages, mine = {} } = await page.json();
    if (!messages) throw new TypeError("Another server answered.");
    return { messages, mine };
  });
}

/** A room that has members. */
export interface ListedRoom {
  /** The room's name. */
  readonly name: string;
  /** How many users are in it. */
  readonly memberCount: number;
}

/**
 * Reads which rooms have members and may be read, the fullest first.
 *
 * @throws as {@linkcode answered} does.
 */
export async function readRooms(requester: Requester): Promise<readonly ListedRoom[]> {
  return await answered(request(requester, "rooms"), async (list) => (await list.json()).rooms);
}

/**
 * Returns what `read` makes of the answer to a request.
 *
 * @throws {ErrorEvent} if the server refuses; another thing if it does not answer.
 */
export async function answered<T>(
  request: Promise<Response>,
  read: (response: Response) => T | Promise<T>,
): Promise<T> {
  const response = await request;
  if (!response.ok) throw await refusalOf(response);
  return await read(response);
}
