/** What is said to which server: the handshake, the greeting, and messages as text. */
import type { Dialect } from "./job.ts";

/** As long as a short line of chat. */
const PAYLOAD = "The quick brown fox jumps over the lazy dog.";

/** Who sent a message, and which of its messages it is, can be read off a `ref` of digits. */
export const AUTHOR_DIGITS = 5;
export const COUNT_DIGITS = 8;

/** The first is the room that a command means when it names none; all are equally long. */
export function roomName(room: number): string {
  return room === 0 ? "lobby" : `r${String(room).padStart(4, "0")}`;
}

export function personName(index: number): string {
  return `person-${String(index).padStart(AUTHOR_DIGITS, "0")}`;
}

/** The request that opens a connection. */
export function handshake(dialect: Dialect, port: number, room: string, name: string): string {
  const query = `room=${room}&name=${name}`;
  const path = dialect === "socketio"
    ? "/socket.io/?EIO=4&transport=websocket"
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

/** A message as text, with its author's count still zero, at `countAt`. */
export interface Template {
  readonly text: Buffer;
  readonly countAt: number;
}

/** What one author says in a room, again and again. */
export function template(dialect: Dialect, room: string, author: number): Template {
  const ref = String(author).padStart(AUTHOR_DIGITS, "0") + "0".repeat(COUNT_DIGITS);
  const text = Buffer.from(command(dialect, room, ref), "latin1");
  return { text, countAt: text.indexOf(ref) + AUTHOR_DIGITS };
}

function command(dialect: Dialect, room: string, ref: string): string {
  switch (dialect) {
    case "plain":
      return `{"type":"chat","payload":"${PAYLOAD}","ref":"${ref}"}`;
    case "batched":
      return `{"type":"chat","room":"${room}","payload":"${PAYLOAD}","ref":"${ref}"}`;
    case "socketio":
      return `42["chat",{"payload":"${PAYLOAD}","ref":"${ref}"}]`;
  }
}
