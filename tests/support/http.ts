/**
 * Requests as tests make them: over plain HTTP, with JSON both ways.
 *
 * @module
 */
import type { ChatEvent, Server, User } from "../../server/mod.ts";
import { member } from "./harness.ts";

export const MESSAGES = "/rooms/lobby/messages";
export const JSON_TYPE = { "content-type": "application/json" };

export interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** What answers may say: of an event, a page, a list or a problem. Each test says which it expects. */
export interface Body extends ChatEvent {
  readonly user: User;
  readonly token: string;
  readonly rooms: readonly { readonly name: string; readonly memberCount: number }[];
  readonly epoch: string;
  readonly head: number;
  readonly messages: readonly ChatEvent[];
  readonly mine?: Readonly<Record<string, readonly string[]>>;
  readonly status: number;
  readonly code?: string;
  readonly field?: string;
  readonly retryAfterMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Body;
}

export async function ask(
  { url }: { readonly url: string },
  path: string,
  { method = "GET", body, headers = {} }: Ask = {},
): Promise<Answer> {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(url + path, {
    method,
    headers: { ...(body !== undefined && JSON_TYPE), ...headers },
    ...(text !== undefined && { body: text }),
  });
  const answer = await response.text();
  const { status } = response;
  return {
    status,
    headers: response.headers,
    json: answer === "" ? undefined : JSON.parse(answer),
  };
}

export function say(
  server: Server,
  payload: string,
  more: Record<string, unknown> = {},
  headers = {},
) {
  return ask(server, MESSAGES, { method: "POST", body: { payload, ...more }, headers });
}

/** Somebody's token, given out on a connection that is gone again. */
export async function tokenOf(
  server: Server,
  name: string,
): Promise<{ id: string; token: string }> {
  await using client = await member(server, { name: "?" });
  client.send({ type: "hello", name });
  const { token, user: { id } } = await client.next("welcome");
  return { id, token };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Says so many things in the lobby, and waits until they are stored. */
export async function fill(server: Server, count: number, payload = "x"): Promise<void> {
  await using client = await member(server, { protocol: "parley.v1.batched", name: "Filler" });
  const { head } = (await ask(server, "/rooms/lobby/messages?limit=1")).json;
  for (let n = 0; n < count; n++) client.send({ type: "chat", payload });
  await client.next("chat", ({ seq }) => seq === head + count);
  client.send({ type: "leave", room: "lobby" });
}
