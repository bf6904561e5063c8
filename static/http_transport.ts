/**
 * A connection for where WebSocket is blocked: commands are POSTed one after the other, and each
 * room is an `EventSource`. To the client it is a transport like any other; what the two cannot do
 * that a socket can (an application's own events, very many rooms) is refused in the wire's terms.
 *
 * @module
 */
import type { ChatCommand, Command, ErrorEvent, Event, JoinCommand } from "../server/protocol.ts";
import type { OpenTransport } from "./transport.ts";

/** Browsers open six connections to a server (HTTP/1.1): some are left for what is said. */
const MAX_STREAMS = 4;
const TIMEOUT_MS = 10_000;
const HELLO = "hello";

/** HTTP requests and event streams. */
export const overHttp: OpenTransport = (url, { opened, received, closed }) => {
  const base = url.replace(/^ws/, "http");
  const streams = new Map<string, EventSource>();
  let token = "";
  let name: string | undefined;
  let ended = false;
  let work = Promise.resolve();

  const hear = (...events: Event[]) => ended || received(events);
  const end = () => {
    ended = true;
    for (const stream of streams.values()) stream.close();
  };
  const pathOf = (room: string, what: string) => `rooms/${encodeURIComponent(room)}/${what}`;
  const refuse = (code: ErrorEvent["code"], payload: string, ref = "", more = {}) =>
    hear({ type: "error", code, payload, ...(ref && { ref }), ...more });

  /** What the server answers; a refusal is told, and one that never arrives is a lost connection. */
  async function post(path: string, body: unknown, ref?: string): Promise<Event | undefined> {
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
      const text = await response.text();
      // The server that gave out the token is gone: begin again, with hello.
      if (response.status === 401 && path !== HELLO) throw new Error("a token of other times");
      if (response.ok) return text ? JSON.parse(text) : undefined;
      const { code, detail, field, retryAfterMs } = JSON.parse(text);
      refuse(code ?? "unavailable", detail, ref, {
        ...(field && { field }),
        ...(retryAfterMs && { retryAfterMs }),
      });
    } catch {
      if (!ended) closed(1006, "no answer");
    }
    return undefined;
  }

  async function hello(as: { name?: string; ref?: string }): Promise<void> {
    name = as.name ?? name;
    const welcome = await post(HELLO, { ...(name && { name }) }, as.ref);
    if (welcome?.type !== "welcome") return;
    token = welcome.token;
    name = welcome.user.name;
    hear(welcome);
  }

  async function join({ room, since, ref }: JoinCommand): Promise<void> {
    streams.get(room)?.close();
    if (!streams.has(room) && streams.size >= MAX_STREAMS) {
      return void refuse("too_many_rooms", "Too many rooms for now.", ref, {
        retryAfterMs: 15_000,
      });
    }
    const address = new URL(pathOf(room, "events"), base);
    address.searchParams.set("token", token);
    if (name) address.searchParams.set("name", name);
    if (since) address.searchParams.set("after", `${since.epoch}:${since.seq}`);
    if (!await mayOpen(address, ref) || ended) return;
    const stream = new EventSource(address);
    streams.set(room, stream);
    const tell = ({ data }: MessageEvent<string>) => {
      const event: Event = JSON.parse(data);
      // Each stream says it, and says it again when it comes back by itself: the client knows.
      if (event.type !== "welcome") hear(event);
      if (event.type === "bye" && !ended) closed(1012, event.payload);
    };
    stream.onmessage = tell;
    stream.addEventListener("ping", tell);
    stream.onerror = () => {
      if (ended || stream.readyState !== EventSource.CLOSED) return; // it comes back by itself
      closed(1006, "the stream was refused");
    };
  }

  /** Asks first, since an EventSource that is refused does not say why. */
  async function mayOpen(address: URL, ref: string | undefined): Promise<boolean> {
    const asked = { method: "HEAD", signal: AbortSignal.timeout(TIMEOUT_MS) };
    const status = (await fetch(address, asked).catch(() => undefined))?.status ?? 401;
    if (ended || status === 200) return !ended;
    if (status === 401) closed(1006, "no answer, or a token of other times");
    else {
      const code = status === 403 ? "forbidden" : "unavailable";
      refuse(code, "The room cannot be entered.", ref, { retryAfterMs: 5_000 });
    }
    return false;
  }

  async function say({ room, payload, ref }: ChatCommand): Promise<void> {
    const body = { payload, ...(ref && { ref }), ...(name && { name }) };
    const stored = await post(pathOf(room, "messages"), body, ref);
    if (stored) hear(stored);
  }

  async function carryOut(command: Command): Promise<void> {
    switch (command.type) {
      case "hello":
        token = command.token ?? ""; // without one, somebody new
        return await hello(command);
      case "rename":
        return await hello(command);
      case "join":
        return await join(command);
      case "leave":
        streams.get(command.room)?.close();
        streams.delete(command.room);
        return;
      case "chat":
        return await say(command);
      case "typing":
        await post(pathOf(command.room, "typing"), { payload: command.payload });
        return;
      case "custom":
        refuse("bad_command", "Not while WebSocket is blocked.", command.ref);
    }
  }

  queueMicrotask(() => ended || opened());
  return {
    send(commands) {
      for (const command of commands) work = work.then(() => ended ? undefined : carryOut(command));
    },
    close: end,
  };
};
