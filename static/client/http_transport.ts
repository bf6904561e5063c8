/**
 * A connection for where WebSocket is blocked: commands are POSTed one after the other, and the rooms
 * come as event streams. To the client it is a transport like any other; what the two cannot do that a
 * socket can (an application's own events) is refused in the wire's terms.
 *
 * @module
 */
import type { Command, Event, PongCommand } from "../../server/protocol/messages.ts";
import { refusalOf } from "./problem.ts";
import { type Listener, RoomStreams } from "./room_streams.ts";
import { CLOSE_LOST, type Transport, type TransportHandlers } from "./transport.ts";

const TIMEOUT_MS = 10_000;
const HELLO = "hello";

/**
 * HTTP requests and event streams.
 *
 * @param heldBackMs a stream on which nothing was heard for so long is held back on its way.
 */
export function overHttp(
  heldBackMs: number,
  url: string,
  { opened, received, closed }: TransportHandlers,
): Transport {
  let ended = false;
  let work = Promise.resolve();
  const listener: Listener = {
    base: url.replace(/^ws/, "http"),
    heldBackMs,
    token: "",
    name: undefined,
    roomsPerConnection: 0,
    received: (events) => ended || received(events),
    closed: (code, reason) => ended || closed(code, reason),
  };
  const streams = new RoomStreams(listener);
  const hear = (event: Event) => listener.received([event]);
  const pathOf = (room: string, what: string) => `rooms/${encodeURIComponent(room)}/${what}`;

  /** What the server answers; a refusal is told. An answer that is not the server's is a lost connection. */
  async function post(path: string, body: unknown, ref?: string): Promise<Event | undefined> {
    const { base, token } = listener;
    try {
      const response = await fetch(new URL(path, base), {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(token && { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status === 204) return undefined;
      if (response.ok) return await response.json();
      const refusal = await refusalOf(response, ref);
      // The server that gave out the token is gone: begin again, with hello.
      if (response.status === 401 && path !== HELLO) throw new Error("a token of other times");
      hear(refusal);
    } catch {
      listener.closed(CLOSE_LOST, "no answer");
    }
    return undefined;
  }

  async function hello(as: { name?: string; ref?: string }): Promise<void> {
    const name = as.name ?? listener.name;
    const welcome = await post(HELLO, { ...(name && { name }) }, as.ref);
    if (welcome?.type !== "welcome") return;
    listener.token = welcome.token;
    listener.name = welcome.user.name;
    listener.roomsPerConnection = welcome.limits.roomsPerConnection;
    hear(welcome);
  }

  async function carryOut(command: Command): Promise<void> {
    const { name } = listener;
    switch (command.type) {
      case "hello":
        listener.token = command.token ?? ""; // without one, somebody new
        return await hello(command);
      case "rename":
        return await hello(command);
      case "join":
        return streams.join(command);
      case "leave":
        return streams.leave(command.room);
      case "chat": {
        const { room, payload, ref } = command;
        const body = { payload, ...(ref && { ref }), ...(name && { name }) };
        const stored = await post(pathOf(room, "messages"), body, ref);
        if (stored) hear(stored);
        return;
      }
      case "typing":
        await post(pathOf(command.room, "typing"), { payload: command.payload });
        return;
      case "custom":
        return hear({
          type: "error",
          code: "bad_command",
          payload: "Not without WebSocket.",
          ...(command.ref && { ref: command.ref }),
        });
    }
    command satisfies PongCommand; // not required of anyone
  }

  queueMicrotask(() => ended || opened());
  return {
    send(commands) {
      for (const command of commands) work = work.then(() => ended ? undefined : carryOut(command));
    },
    close() {
      ended = true;
      streams.close();
    },
  };
}
