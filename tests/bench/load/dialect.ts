/** What is said to which server: the handshake, the greeting, and messages as text. */
import type { Dialect } from "./job.ts";

/** Parley reads frames up to 16 KiB (`--frame-bytes`); 64 of our commands stay well below. */
const COMMANDS_A_FRAME = 64;

/** As long as a short line of chat. */
const PAYLOAD = "The quick brown fox jumps over the lazy dog.";

/** Who sent a message, and which of its messages it is, can be read off a `ref` of digits. */
export const AUTHOR_DIGITS = 5;
export const COUNT_DIGITS = 8;

export function roomName(room: number): string {
  return `room-${String(room).padStart(5, "0")}`;
}

export function personName(index: number): string {
  return `person-${String(index).padStart(AUTHOR_DIGITS, "0")}`;
}

/** The request that opens a connection. */
export function handshake(dialect: Dialect, port: number, room: string, name: string): string {
  const query = `room=${room}&name=${name}`;
  const path = dialect === "socketio"
    ? `/socket.io/?EIO=4&transport=websocket&${query}`
    : dialect === "plain"
    ? `/?${query}`
    : "/";
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...(dialect === "batched" ? ["Sec-WebSocket-Protocol: parley.v1.batched"] : []),
    "\r\n",
  ].join("\r\n");
}

/** One author's messages, `count` of them, as the payloads of as few frames as the dialect has. */
export function messages(
  dialect: Dialect,
  room: string,
  author: number,
  first: number,
  count: number,
): Buffer[] {
  const texts: string[] = [];
  for (let i = 0; i < count; i++) texts.push(command(dialect, room, author, first + i));
  if (dialect !== "batched") return texts.map((text) => Buffer.from(text, "latin1"));
  const payloads: Buffer[] = [];
  for (let i = 0; i < count; i += COMMANDS_A_FRAME) {
    const part = texts.slice(i, i + COMMANDS_A_FRAME);
    payloads.push(Buffer.from(part.length === 1 ? part[0]! : `[${part}]`, "latin1"));
  }
  return payloads;
}

function command(dialect: Dialect, room: string, author: number, count: number): string {
  const ref = String(author).padStart(AUTHOR_DIGITS, "0") +
    String(count).padStart(COUNT_DIGITS, "0");
  switch (dialect) {
    case "plain":
      return `{"type":"chat","payload":"${PAYLOAD}","ref":"${ref}"}`;
    case "batched":
      return `{"type":"chat","room":"${room}","payload":"${PAYLOAD}","ref":"${ref}"}`;
    case "socketio":
      return `42["chat",{"payload":"${PAYLOAD}","ref":"${ref}"}]`;
  }
}
