/**
 * A transport for where WebSocket is blocked: commands are POSTed one after the other, and the events
 * of the rooms come as event streams. What cannot be sent this way, such as a custom event, is refused with
 * an `error`, as a server would.
 *
 * @module
 */
import type {
  Command,
  CustomCommand,
  Event,
  HelloCommand,
  Message,
  PongCommand,
  RenameCommand,
} from "../../server/protocol/messages.ts";
import { refusalOf, request, REQUEST_TIMEOUT_MS, roomPath } from "./http.ts";
import { HELLO_REF } from "./identity.ts";
import type { ReviseCommand } from "./outbox.ts";
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
  /** Ends the `hello` under way. What else was sent is to be carried out, whether or not the answer is heard. */
  let abort: (() => void) | undefined;
  const session: HttpSession = {
    url,
    token: undefined,
    received: (...what) => isClosed || received(...what),
    closed: (...why) => isClosed || closed(...why),
  };
  const streams = roomStreams(session, streamTimeoutMs);
  const receive = (event: Event) => session.received([event], true);

  /**
   * Requests what a command asks for, and receives the answer. A refusal is received as an `error`; any
   * answer that is not this server's, or none, ends the connection.
   *
   * @param eventOf makes the event of an answer that is none.
   */
  async function post(
    path: string,
    body: object | undefined,
    ref?: string,
    method?: string,
    eventOf = (answer: Event): Event => answer,
  ): Promise<void> {
    const asking = new AbortController();
    const timer = setTimeout(() => asking.abort(), REQUEST_TIMEOUT_MS);
    const isHello = path === "hello" && (ref ?? HELLO_REF) === HELLO_REF; // not a new name
    abort = isHello ? () => asking.abort() : undefined;
    try {
      const response = await request(session, path, body, asking.signal, method);
      if (response.status === 204) return;
      const event = response.ok ? eventOf(await response.json()) : await refusalOf(response, ref);
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
    } finally {
      clearTimeout(timer);
    }
  }

  /** Posts a `hello`, which also takes a new name. */
  async function hello({ ref, name }: HelloCommand | RenameCommand): Promise<void> {
    await post("hello", { name: name ?? session.welcome?.user.name }, ref);
  }

  /** Asks what is to become of a message. The answer is that message. */
  async function revise(
    command: ReviseCommand,
    method: string,
    rest: string,
    body?: object,
  ): Promise<void> {
    const { room, seq, ref = "" } = command;
    const query = ref && `?ref=${encodeURIComponent(ref)}`;
    const path = roomPath(room, `messages/${seq}${rest}${query}`);
    await post(path, body, ref, method, (answer) => {
      const message = answer as Message; // a cast: that is what this request answers
      return { type: "revised", room, rev: message.rev ?? 0, message, ref };
    });
  }

  async function carryOut(command: Command): Promise<void> {
    switch (command.type) {
      case "hello":
        session.token = command.token; // without a token it is a new guest
        return await hello(command);
      case "rename":
        return await hello(command);
      case "join":
        roomPath(command.room, ""); // throws if no URL can hold the name: a stream would carry another room
        return streams.join(command);
      case "leave":
        return streams.leave(command.room);
      case "chat": {
        const { room, payload, ref, replyTo } = command;
        const name = session.welcome?.user.name;
        return await post(roomPath(room, "messages"), { payload, ref, name, replyTo }, ref);
      }
      case "edit":
        return await revise(command, "PATCH", "", { payload: command.payload });
      case "delete":
        return await revise(command, "DELETE", "");
      case "react": {
        const { payload, on = true } = command;
        if (/^\.{0,2}$/.test(payload)) throw new TypeError(); // steps in a path: the request would ask for another thing
        const rest = `/reactions/${encodeURIComponent(payload)}`;
        return await revise(command, on ? "PUT" : "DELETE", rest);
      }
      case "read":
        return await post(roomPath(command.room, "read"), { seq: command.seq });
      case "typing":
        return await post(roomPath(command.room, "typing"), { payload: command.payload });
      default:
        command satisfies CustomCommand | PongCommand; // or what storage held from before a reload
        throw new TypeError();
    }
  }

  /** Refuses a command that no request can carry. Without an answer the client would wait for ever. */
  function refuse({ type, ref }: Command): void {
    const payload = `Cannot send this "${type}" without a WebSocket.`;
    receive({ type: "error", code: "bad_command", payload, ...(ref && { ref }) });
  }

  queueMicrotask(() => isClosed || opened());
  return {
    send(commands) {
      for (const command of commands) {
        lastCommand = lastCommand.then(() => isClosed ? undefined : carryOut(command))
          .catch(() => refuse(command)); // as with a lone surrogate, of which no URL can be made
      }
    },
    close() {
      isClosed = true;
      abort?.();
      streams.close();
    },
  };
}
