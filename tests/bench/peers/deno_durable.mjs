/**
 * No peer, but a yardstick: the bare Deno loop, and every message committed to SQLite before it is
 * sent, a row and a transaction each, as durable as Parley's. What it lacks of the loop is the disk's.
 */
import { DatabaseSync } from "node:sqlite";
import { numbered, visitor } from "./event.mjs";

const database = new DatabaseSync(Deno.args[1]);
database.exec(`
  PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE messages (id INTEGER PRIMARY KEY, event TEXT NOT NULL) STRICT;
`);
const store = database.prepare("INSERT INTO messages (event) VALUES (?)");
const rooms = new Map();

Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0] ?? 0),
  onListen: ({ port }) => Deno.stdout.writeSync(new TextEncoder().encode(`listening ${port}\n`)),
}, (request) => {
  if (request.headers.get("upgrade") !== "websocket") return new Response(null, { status: 426 });
  const { room, from } = visitor(request.url);
  const { socket, response } = Deno.upgradeWebSocket(request);
  const members = rooms.get(room) ?? new Set();
  rooms.set(room, members);
  socket.onopen = () => members.add(socket);
  socket.onclose = () => members.delete(socket);
  socket.onerror = () => {};
  socket.onmessage = ({ data }) => {
    const text = JSON.stringify(numbered(room, from, JSON.parse(data)));
    store.run(text);
    for (const member of members) {
      if (member.readyState === WebSocket.OPEN) member.send(text);
    }
  };
  return response;
});
