/**
 * The opening handshake of a WebSocket (RFC 6455 §4.2): flat guard clauses, one refusal each, all of
 * them before the upgrade. Deno checks next to nothing here, and a throw or another answer after
 * `Deno.upgradeWebSocket` would close the whole listener.
 *
 * @module
 */
import type { Handshake } from "../connections/web_socket.ts";
import { DEFAULT_ROOM, SUBPROTOCOLS } from "../protocol/tables.ts";
import { parseName } from "../protocol/names.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Origins } from "./origin.ts";
import { problem, problemOf } from "./problem.ts";

/** Whether somebody wants to speak WebSocket here. */
export function asksForUpgrade(request: Request): boolean {
  return has(request.headers.get("upgrade"), "websocket");
}

/**
 * The refusal, or what the handshake is about.
 *
 * @throws {Refusal} as `admit` does.
 */
export function examine(
  request: Request,
  origins: Origins,
  admit: () => void,
): Response | Handshake {
  const { headers } = request;
  if (request.method !== "GET") {
    return problem(405, "A WebSocket is opened with GET.", { allow: "GET" });
  }
  if (!asksForUpgrade(request) || !has(headers.get("connection"), "upgrade")) {
    return problem(426, "This is a WebSocket; ask for an upgrade.", {
      upgrade: "websocket",
      connection: "upgrade",
    });
  }
  if (headers.get("sec-websocket-version") !== "13") {
    return problem(426, "Only version 13 is spoken here.", { "sec-websocket-version": "13" });
  }
  if (!isKey(headers.get("sec-websocket-key"))) {
    return problem(400, "Sec-WebSocket-Key must be 16 bytes in base64.");
  }
  const refused = origins.refusal(request);
  if (refused !== undefined) return refused;
  admit();
  const protocol = choose(headers.get("sec-websocket-protocol"));
  const { searchParams } = new URL(request.url);
  const room = searchParams.get("room") ?? DEFAULT_ROOM;
  const name = searchParams.get("name") || undefined;
  const handshake = { protocol, plain: { room, name } };
  if (protocol !== undefined) return handshake;
  try {
    parseName("room", room);
    if (name !== undefined) parseName("name", name);
    return handshake;
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    return problemOf(thrown);
  }
}

/** The best of the offered subprotocols that we know; their names have a case (RFC 6455 §11.3.4). */
function choose(offered: string | null): string | undefined {
  const names = membersOf(offered);
  return Object.values(SUBPROTOCOLS).find((known) => names.includes(known));
}

/** Whether a comma-separated header has that member, in any case. */
function has(header: string | null, member: string): boolean {
  return membersOf(header).some((item) => item.toLowerCase() === member);
}

/**
 * What a comma-separated header lists (RFC 9110 §5.6.1). A no-break space is no space there, though
 * `trim` takes it for one: the runtime would throw at what we had let in.
 */
function membersOf(header: string | null): readonly string[] {
  if (header === null || header.includes("\u00a0")) return [];
  return header.split(",").map((item) => item.trim());
}

function isKey(key: string | null): boolean {
  return key !== null && /^[A-Za-z0-9+/]{22}==$/.test(key);
}
