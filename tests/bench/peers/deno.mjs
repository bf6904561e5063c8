/**
 * A bare `Deno.upgradeWebSocket` loop, as Deno's "Broadcasting messages" example: one `send` for
 * each member and message. It is what Deno gives before any cleverness.
 */
import { numbered, visitor } from "./event.mjs";

const rooms = new Map();

/** @param keep is given every message before it is sent. */
export function loop(keep) {
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
      keep?.(text);
      for (const member of members) {
        if (member.readyState === WebSocket.OPEN) member.send(text);
      }
    };
    return response;
  });
}

if (import.meta.main) loop();
