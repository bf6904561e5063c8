/**
 * HTTP requests to the server, and its refusals as the `error` events that a WebSocket would bring.
 *
 * @module
 */
import type { ErrorEvent, Message } from "../../server/protocol/messages.ts";
import { ClientError } from "./errors.ts";

/** How long the client waits for a response, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** To whom requests go, and from whom they are. */
export interface Requester {
  /** The server's `/ws`. */
  readonly url: string;
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

/**
 * Reads a page of a room's messages before the `seq` in `before`, oldest first.
 *
 * @throws {ClientError} if the server refuses; `unavailable` if it does not answer.
 */
export async function readPage(
  requester: Requester,
  room: string,
  before: number,
  limit: number,
): Promise<readonly Message[]> {
  const path = `${roomPath(room, "messages")}?before=${before}&limit=${limit}`;
  const page: { messages: readonly Message[] } = await read(requester, path, `"${room}"`);
  return page.messages;
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
 * @throws {ClientError} if the server refuses; `unavailable` if it does not answer.
 */
export async function readRooms(requester: Requester): Promise<readonly ListedRoom[]> {
  const list: { rooms: readonly ListedRoom[] } = await read(requester, "rooms", "the rooms");
  return list.rooms;
}

async function read<T>(requester: Requester, path: string, what: string): Promise<T> {
  let refusal: ErrorEvent | undefined;
  try {
    const response = await request(requester, path);
    if (response.ok) return await response.json();
    refusal = await refusalOf(response);
  } catch {
    // The server was not reached, or another one answered.
  }
  const { code = "unavailable", payload = `Cannot read ${what}.` } = refusal ?? {};
  throw new ClientError(code, payload);
}
