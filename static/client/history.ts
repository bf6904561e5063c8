/** Reads what was said before, over HTTP. */
import type { Message } from "../../server/protocol/messages.ts";
import { ClientError } from "./client_error.ts";

const TIMEOUT_MS = 10_000;

/** A page of a room's messages before that `seq`, oldest first. @throws {ClientError} `unavailable` */
export async function readPage(
  base: URL,
  token: string | undefined,
  room: string,
  before: number,
  limit: number,
): Promise<readonly Message[]> {
  const url = new URL(`rooms/${encodeURIComponent(room)}/messages`, base);
  url.protocol = url.protocol.replace("ws", "http");
  url.search = `before=${before}&limit=${limit}`;
  const headers = new Headers(token ? { authorization: `Bearer ${token}` } : {});
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, { headers, signal }).catch(() => undefined);
  if (!response?.ok) {
    await response?.body?.cancel();
    throw new ClientError("unavailable", "The history cannot be read.");
  }
  const page: { messages: readonly Message[] } = await response.json();
  return page.messages;
}
