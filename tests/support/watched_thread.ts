/**
 * Makes a thread that serves one that can be looked into: its timers, its sockets and its server.
 *
 * @module
 */
import type { Server } from "../../server/mod.ts";
import type { Sample } from "./watched_process.ts";

/** Where the first thread asks the others to say what they hold. */
export const CHANNEL = "parley: watched";

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
let server: Server | undefined;

/** Begins to watch. Call it before the server's modules are loaded: what they take then they take from us. */
export async function watch(): Promise<void> {
  watchTimers();
  watchSockets();
  const { Server } = await import("../../server/server.ts");
  const { listen } = Server.prototype;
  Server.prototype.listen = function (how) {
    server = this;
    listen.call(this, how);
  };
}

/** Lets go of all that this thread need not hold. */
export function collect(): void {
  const { gc } = globalThis as { gc?: () => void };
  for (let n = 0; n < COLLECTIONS; n++) gc?.();
}

/** Says what this thread holds. */
export function sample(): Sample {
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
    connections: server?.connectionCount ?? 0,
    keptConnections: handlers.size,
    rooms: server?.roomCount ?? 0,
    timers: timers.size,
  };
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
