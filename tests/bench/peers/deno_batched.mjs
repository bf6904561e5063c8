/**
 * No peer, but a yardstick: what this runtime can do with Parley's frames. It says as much of the
 * protocol as the generator needs, gathers a turn and sends it as one list, and waits for more when
 * turns are full and thin; and it checks nothing, keeps nothing and knows nobody.
 */
import { setImmediate } from "node:timers";
import { newcomer, numbered } from "./event.mjs";

/** As in server/rooms/hub.ts. */
const CROWDED_FRAMES = 100;
const THIN = 8;
const GATHER_MS = 10;

const rooms = new Map();
/** Events of this turn, by room. */
let queue = new Map();
let frames = 0;
let queued = 0;
let ticking = false;
let gathering;

function tick() {
  const isCrowded = frames >= CROWDED_FRAMES && queued < THIN * queue.size;
  frames = 0;
  if (isCrowded && gathering === undefined) {
    gathering = setTimeout(tick, GATHER_MS);
    return;
  }
  const batches = queue;
  queue = new Map();
  queued = 0;
  ticking = false;
  gathering = undefined;
  for (const [room, events] of batches) {
    const text = `[${events.join(",\n")}]`;
    for (const member of rooms.get(room)) member.send(text);
  }
}

function say(room, event) {
  const events = queue.get(room);
  if (events === undefined) queue.set(room, [event]);
  else events.push(event);
  queued++;
  if (ticking) return;
  ticking = true;
  setImmediate(tick);
}

Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0] ?? 0),
  onListen: ({ port }) => Deno.stdout.writeSync(new TextEncoder().encode(`listening ${port}\n`)),
}, (request) => {
  if (request.headers.get("upgrade") !== "websocket") return new Response(null, { status: 426 });
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "parley.v1.batched" });
  let from;
  const carryOut = ({ type, name, room = "lobby", payload, ref }) => {
    if (type === "hello") {
      from = newcomer({ room, name }).from;
    } else if (type === "join") {
      const members = rooms.get(room) ?? new Set();
      rooms.set(room, members.add(socket));
      socket.send(JSON.stringify([{ type: "joined", room, epoch: "e", seq: 0, recovered: false }]));
    } else if (type === "chat") {
      say(room, JSON.stringify(numbered(room, from, { payload, ref })));
    }
  };
  socket.onmessage = ({ data }) => {
    frames++;
    const commands = JSON.parse(data);
    if (Array.isArray(commands)) commands.forEach(carryOut);
    else carryOut(commands);
  };
  socket.onclose = () => rooms.forEach((members) => members.delete(socket));
  socket.onerror = () => {};
  return response;
});
