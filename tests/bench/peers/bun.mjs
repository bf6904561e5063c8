/**
 * Bun's native publish/subscribe, as its WebSockets page says: `subscribe` on open,
 * `server.publish` for all, no permessage-deflate (its default).
 */
import { numbered, visitor } from "./event.mjs";

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  fetch(request, server) {
    if (server.upgrade(request, { data: visitor(request.url) })) return;
    return new Response("This is a WebSocket.", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    // Its default is to drop what exceeds 16 MB for one reader; here all must arrive.
    backpressureLimit: 1 << 30,
    open(socket) {
      socket.subscribe(socket.data.room);
    },
    message(socket, data) {
      const { room, from } = socket.data;
      server.publish(room, JSON.stringify(numbered(room, from, JSON.parse(data))));
    },
    close(socket) {
      socket.unsubscribe(socket.data.room);
    },
  },
});

process.stdout.write(`listening ${server.port}\n`);
