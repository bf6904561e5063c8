/**
 * The server as a program that can be looked into: for each line that it reads it lets go of all that
 * it need not hold, and says what is left. Started by `watched_process.ts`, with its options as JSON.
 *
 * @module
 */
import { tell, told } from "./line_process.ts";
import type { Sample } from "./watched_process.ts";

/**
 * Some of the pages that one collection empties are handed back to the system by the next, or the one
 * after it: 40 MB went with the third.
 */
const COLLECTIONS = 5;
/** Timers that have not fired and were not cleared. */
const timers = new Set<unknown>();
/** The runtime's end of every WebSocket that is not closed. */
const sockets = new Set<WebSocket>();
/** A handler of every WebSocket's connection. It is no garbage as long as the connection is none. */
const handlers = new Set<WeakRef<object>>();
watchTimers();
watchSockets();
// Only now: what it takes of these at its start it takes from us.
const { createServer, silentLog } = await import("../../server/mod.ts");
const server = await createServer(JSON.parse(Deno.args[0] ?? "{}"), { log: silentLog });
server.listen();
tell({ url: server.url });
for await (const _ of told()) {
  settle();
  tell(sample());
}
Deno.exit(); // whoever started it is done with it, or gone

function sample(): Sample {
  for (const handler of handlers) if (handler.deref() === undefined) handlers.delete(handler);
  const { rss, heapUsed } = Deno.memoryUsage();
  const queued = [...sockets].map(({ bufferedAmount }) => bufferedAmount);
  return {
    rssBytes: rss,
    heapBytes: heapUsed,
    queuedBytes: queued.reduce((sum, bytes) => sum + bytes, 0),
    mostQueuedBytes: Math.max(0, ...queued),
    stuck: queued.filter((bytes) => bytes > 0).length,
    sockets: sockets.size,
    connections: server.connectionCount,
    keptConnections: handlers.size,
    rooms: server.roomCount,
    timers: timers.size,
  };
}

/** Collects garbage, and hands back to the system what glibc keeps of it. */
function settle(): void {
  const { gc } = globalThis as { gc?: () => void };
  for (let n = 0; n < COLLECTIONS; n++) gc?.();
  try {
    const libc = Deno.dlopen("libc.so.6", {
      malloc_trim: { parameters: ["usize"], result: "i32" },
    });
    libc.symbols.malloc_trim(0n);
    libc.close();
  } catch {
    // Another libc, which keeps less.
  }
}

type Act = (...rest: unknown[]) => void;
type Start = (act: Act, delay?: number, ...rest: unknown[]) => unknown;

function watchTimers(): void {
  const real: { setTimeout: Start; setInterval: Start; clearTimeout(timer: unknown): void } = {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    clearTimeout: (timer) => clear.call(globalThis, Number(timer)),
  };
  const clear = globalThis.clearTimeout;
  const setTimeout: Start = (act, delay, ...rest) => {
    const timer = real.setTimeout(() => {
      timers.delete(timer);
      act(...rest);
    }, delay);
    timers.add(timer);
    return timer;
  };
  const setInterval: Start = (act, delay, ...rest) => {
    const timer = real.setInterval(() => act(...rest), delay);
    timers.add(timer);
    return timer;
  };
  const clearTimeout = (timer: unknown) => {
    timers.delete(timer);
    if (timer !== undefined) real.clearTimeout(timer);
  };
  Object.assign(globalThis, { setTimeout, setInterval, clearTimeout, clearInterval: clearTimeout });
}

function watchSockets(): void {
  const upgradeWebSocket = Deno.upgradeWebSocket;
  Deno.upgradeWebSocket = (request, options) => {
    const upgrade = upgradeWebSocket(request, options);
    sockets.add(upgrade.socket);
    upgrade.socket.addEventListener("close", () => sockets.delete(upgrade.socket));
    queueMicrotask(() => { // by then the connection is made
      if (upgrade.socket.onmessage) handlers.add(new WeakRef(upgrade.socket.onmessage));
    });
    return upgrade;
  };
}
