/**
 * `ws` on Node, as its README says: the broadcast loop of "Server broadcast", without
 * permessage-deflate (its default), with the optional `bufferutil` add-on for unmasking.
 */
import { WebSocket, WebSocketServer } from "ws";
import { numbered, visitor } from "./event.mjs";

const rooms = new Map();

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  perMessageDeflate: false,
  backlog: 8192,
});

server.on("connection", (socket, request) => {
  const { room, from } = visitor(request.url);
  const members = rooms.get(room) ?? new Set();
  rooms.set(room, members.add(socket));
  socket.on("error", () => {});
  socket.on("close", () => members.delete(socket));
  socket.on("message", (data) => {
    const text = JSON.stringify(numbered(room, from, JSON.parse(data)));
    for (const member of members) {
      if (member.readyState === WebSocket.OPEN) member.send(text);
    }
  });
});

server.on("listening", () => process.stdout.write(`listening ${server.address().port}\n`));
