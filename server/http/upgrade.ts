/**
 * The opening handshake of a WebSocket (RFC 6455 §4.2). Deno checks almost nothing of it, and a throw or
 * another response after `Deno.upgradeWebSocket` closes the whole listener. So everything is checked
 * before, one refusal after the other.
 *
 * @module
 */
import type { Handshake } from "../connections/web_socket.ts";
import { DEFAULT_ROOM, SUBPROTOCOLS } from "../protocol/tables.ts";
import { parseName } from "../protocol/names.ts";
import type { Origins } from "./origins.ts";
import { problem } from "./responses.ts";
import { tokenOf } from "./token.ts";

/** Tells whether a request asks for a WebSocket. */
export function asksForUpgrade({ headers }: Request): boolean {
  return has(headers.get("upgrade"), "websocket");
}

/**
 * Checks a handshake.
 *
 * @param admit takes what the connection costs, as the last check but for the names in the URL.
 * @returns the handshake, or the response that refuses it.
 * @throws {Refusal} as `admit` does, and `bad_field`.
 */
export function checkHandshake(
  request: Request,
  origins: Origins,
  admit: () => void,
): Response | Handshake {
  const { headers } = request;
  if (request.method !== "GET") {
    return problem(405, "A WebSocket is opened with GET.", { allow: "GET" });
  }
  if (!asksForUpgrade(request) || !has(headers.get("connection"), "upgrade")) {
    return problem(
      426,
      "A WebSocket needs the headers Upgrade: websocket and Connection: Upgrade.",
      {
        upgrade: "websocket",
        connection: "upgrade",
      },
    );
  }
  if (headers.get("sec-websocket-version") !== "13") {
    return problem(426, "Sec-WebSocket-Version must be 13.", { "sec-websocket-version": "13" });
  }
  if (!isKey(headers.get("sec-websocket-key"))) {
    return problem(400, "Sec-WebSocket-Key must be 16 bytes in base64.");
  }
  const refused = origins.refuseOrigin(request);
  if (refused !== undefined) return refused;
  admit();
  const protocol = chooseProtocol(headers.get("sec-websocket-protocol"));
  const { searchParams } = new URL(request.url);
  const room = searchParams.get("room") ?? DEFAULT_ROOM;
  const name = searchParams.get("name") || undefined;
  if (protocol === undefined) {
    parseName("room", room);
    if (name !== undefined) parseName("name", name);
  }
  return { protocol, token: tokenOf(request, searchParams), plain: { room, name } };
}

/** Returns the best known of the offered subprotocols. Their names have a case (RFC 6455 §11.3.4). */
function chooseProtocol(offered: string | null): string | undefined {
  const names = membersOf(offered);
  return Object.values(SUBPROTOCOLS).find((known) => names.includes(known));
}

/** Tells whether a comma-separated header has a member, in any case. */
function has(header: string | null, member: string): boolean {
  return membersOf(header).some((item) => item.toLowerCase() === member);
}

/**
 * Returns the members of a comma-separated header (RFC 9110 §5.6.1). A header with a no-break space has
 * none: `trim` removes it, but the runtime does not, and would throw after our checks.
 */
function membersOf(header: string | null): readonly string[] {
  if (header === null || header.includes("\u00a0")) return [];
  return header.split(",").map((item) => item.trim());
}

function isKey(key: string | null): boolean {
  return key !== null && /^[A-Za-z0-9+/]{22}==$/.test(key);
}
