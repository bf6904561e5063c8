/**
 * A transport for where WebSocket is blocked: commands are POSTed one after the other, and the events
 * of the rooms come as event streams. A custom event cannot be sent this way: it is refused with an
 * `error`, as a server would.
 *
 * @module
 */
import type {
  Command,
  DeleteCommand,
  EditCommand,
  Event,
  HelloCommand,
  PongCommand,
  ReactCommand,
  RenameCommand,
} from "../../server/protocol/messages.ts";
import { refusalOf, request, roomPath } from "./http.ts";
import { HELLO_REF } from "./identity.ts";
import { type HttpSession, roomStreams } from "./room_streams.ts";
import {
  CLOSE_LOST,
  CLOSE_UNAUTHORIZED,
  type Transport,
  type TransportHandlers,
} from "./transport.ts";

/**
 * Opens a transport of HTTP requests and event streams.
 *
 * @param streamTimeoutMs after so long a silence at its start, a stream counts as buffered by a proxy.
 */
export function overHttp(
  streamTimeoutMs: number,
  url: string,
  { opened, received, closed }: TransportHandlers,
): Transport {
  let isClosed = false;
  let lastCommand = Promise.resolve();
  const session: HttpSession = {
    url,
    token: undefined,
    received: (events) => isClosed || received(events),
    closed: (...why) => isClosed || closed(...why),
  };
  const streams = roomStreams(session, streamTimeoutMs);
  const receive = (event: Event) => session.received([event]);

  /**
   * Posts a command, and receives the answer. A refusal is received as an `error`; any answer that is not
   * this server's, or none, ends the connection.
   */
  async function post(path: string, body: object, ref?: string): Promise<void> {
    try {
      const response = await request(session, path, body);
      if (response.status === 204) return;
      const event: Event = response.ok ? await response.json() : await refusalOf(response, ref);
      // The token has ended. A new connection begins with a new hello. A guest, whose token never ends,
      // lacks the right.
      const isGuest = session.welcome?.token !== undefined;
      if (
        event.type === "error" && event.code === "unauthorized" && ref !== HELLO_REF && !isGuest
      ) {
        return session.closed(CLOSE_UNAUTHORIZED, event.payload);
      }
      if (event.type === "welcome") {
        session.token = event.token ?? session.token;
        session.welcome = event;
      }
      receive(event);
    } catch {
      session.closed(CLOSE_LOST);
    }
  }

  /** Posts a `hello`, which also takes a new name. */
  async function hello({ ref, name }: HelloCommand | RenameCommand): Promise<void> {
    await post("hello", { name: name ?? session.welcome?.user.name }, ref);
  }

  async function carryOut(command: Command): Promise<void> {
    switch (command.type) {
      case "hello":
        session.token = command.token; // without a token it is a new guest
        return await hello(command);
      case "rename":
        return await hello(command);
      case "join":
        return streams.join(command);
      case "leave":
        return streams.leave(command.room);
      case "chat": {
        const { room, payload, ref } = command;
        const name = session.welcome?.user.name;
        return await post(roomPath(room, "messages"), { payload, ref, name }, ref);
      }
      case "typing":
        return await post(roomPath(command.room, "typing"), { payload: command.payload });
      case "custom":
        return receive({
          type: "error",
          code: "bad_command",
          payload: "A custom event needs WebSocket.",
          ...(command.ref && { ref: command.ref }),
        });
      default:
        // The client sends none of these.
        command satisfies PongCommand | EditCommand | DeleteCommand | ReactCommand;
    }
  }

  queueMicrotask(() => isClosed || opened());
  return {
    send(commands) {
      for (const command of commands) {
        lastCommand = lastCommand.then(() => isClosed ? undefined : carryOut(command));
      }
    },
    close() {
      isClosed = true;
      streams.close();
    },
  };
}
