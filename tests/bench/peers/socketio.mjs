/**
 * Socket.IO on Node, as its "Performance tuning" and "Memory usage" pages say: WebSocket transport
 * alone, no permessage-deflate (its default), `bufferutil` installed, the first request let go of
(and its query with it, so that who comes says in `auth` who it is).
 * `io.to(room).emit()` encodes a packet once for all of a room.
 */
import { createServer } from "node:http";
import { Server } from "socket.io";
import { newcomer, numbered } from "./event.mjs";

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  serveClient: false,
});

io.engine.on("connection", (rawSocket) => {
  rawSocket.request = null;
});

io.on("connection", (socket) => {
  const { room, from } = newcomer(socket.handshake.auth);
  socket.join(room);
  socket.on("chat", (command) => io.to(room).emit("chat", numbered(room, from, command)));
});

http.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 8192 }, () => {
  process.stdout.write(`listening ${http.address().port}\n`);
});
