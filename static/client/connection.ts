/**
 * `createConnection` keeps the client connected: it asks for a token, opens a transport, says hello, and
 * opens another transport when one is lost. It knows nothing of rooms and messages.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { chooseTransport } from "./choose_transport.ts";
import { now, timerMs } from "./clock.ts";
import { FINAL_CLOSE_CODES } from "./errors.ts";
import type { ClientState, Dispatch } from "./events.ts";
import { HELLO_REF, type Identity } from "./identity.ts";
import { liveness } from "./liveness.ts";
import type { ClientOptions } from "./options.ts";
import { CLOSE_FORBIDDEN, CLOSE_LOST, CLOSE_UNAUTHORIZED, type Transport } from "./transport.ts";

/** How long a connection may take until its `welcome`, in milliseconds. */
const WELCOME_TIMEOUT_MS = 10_000;
/** A connection that lasted this long starts the back-off again, in milliseconds. */
const STABLE_MS = 5_000;

/** What a connection tells its client. */
export interface ConnectionHandlers {
  /** The connection is open, or the token was renewed. */
  welcomed(event: wire.WelcomeEvent): void;
  /** The server sent anything but a `welcome`. See {@linkcode TransportHandlers.received}. */
  received(event: wire.Event, isAnswer?: boolean): void;
  /** The connection is lost: no command under way will be answered. */
  disconnected(): void;
  /**
   * There will be no other connection.
   *
   * @param forget unacknowledged messages in storage too.
   */
  ended(reason: string, forget: boolean): void;
}

/** The connection of one client, over all its transports. */
export interface Connection {
  readonly state: ClientState;
  /** Opens a transport now. */
  open(): void;
  /** Sends commands, if the connection is open. */
  send(commands: readonly wire.Command[]): void;
  /** Notes whether a command is unanswered. */
  setAwaiting(isAwaiting: boolean): void;
  /** Opens a connection that is waiting to be opened, and probes one that is open. */
  check(): void;
  /** Closes the connection for good. */
  end(code: number, reason: string, forget?: boolean): void;
}

/** Makes a connection that is not open yet. */
export function createConnection(
  url: string,
  options: ClientOptions,
  identity: Identity,
  dispatch: Dispatch,
  handlers: ConnectionHandlers,
): Connection {
  const listeners = new AbortController();
  const openTransport = chooseTransport(options);
  let state: ClientState = { status: "connecting" };
  let transport: Transport | undefined;
  /** The `hello` that is not answered yet. */
  let hello: wire.HelloCommand | undefined;
  /** Why the token was refused, or that there is none, until the application gives another. */
  let refusal: string | undefined;
  /** Why the server refused the user as a whole: it closes with 3003 then. */
  let farewell: string | undefined;
  let attempts = 0;
  /** The delay that a `bye` asked for. */
  let byeMs: number | undefined;
  let welcomedAt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const life = liveness(
    lost,
    (isInDoubt) => dispatch("doubt", isInDoubt),
    // Every server answers a `hello`. With the token it changes nothing, over HTTP neither.
    () => send([{ type: "hello", ...(identity.token && { token: identity.token }) }]),
  );

  // After a change of network or a sleep, the connection may be dead without a close event.
  for (const type of ["online", "visibilitychange", "offline"]) {
    const act = type === "offline" ? () => lost() : check;
    globalThis.addEventListener?.(type, act, listeners); // Node has none
  }

  function setState(changed: ClientState): void {
    state = changed;
    dispatch("state", state);
  }

  function open(): void {
    transport = { send() {}, close() {} }; // until there is a token
    awaitWelcome();
    askForToken(connect);
  }

  /** Begins to wait for a connection, which is another one than before. */
  function awaitWelcome(): void {
    reset();
    timer = setTimeout(lost, WELCOME_TIMEOUT_MS);
    setState({ status: "connecting" });
  }

  /** Calls `next` with a token of the application, unless the connection is another one by then. */
  function askForToken(next: () => void): void {
    const asking = transport;
    const { token: source } = options;
    function given(token?: string, problem?: string): void {
      if (!asking || asking !== transport) return;
      if (refusal !== undefined && (problem || token === identity.givenToken)) {
        return end(CLOSE_UNAUTHORIZED, problem ?? refusal);
      }
      if (problem) {
        dispatch("error", { type: "error", code: "unauthorized", payload: problem });
        return lost();
      }
      refusal = undefined;
      identity.givenToken = token;
      next();
    }
    if (typeof source !== "function") return given(source);
    Promise.resolve().then(source).then(given, (error) => given(undefined, String(error)));
  }

  function connect(): void {
    const opening: Transport = transport = openTransport(url, {
      opened: sayHello,
      received(events, isAnswer) {
        life.answered();
        // A listener may have closed the client, or the event before may have ended the connection.
        for (const event of events) if (transport === opening) receive(event, isAnswer);
      },
      reopening: awaitWelcome,
      closed: lost,
    });
  }

  function send(commands: readonly wire.Command[]): void {
    if (state.status === "open") transport?.send(commands);
  }

  function check(): void {
    if (state.status === "waiting") open();
    life.check();
  }

  /**
   * Ends this transport, and opens another one later, unless the code is final.
   *
   * @param reason of a final code, or of a refused token.
   * @param minWaitMs until the next transport, in milliseconds.
   */
  function lost(code = CLOSE_LOST, reason = "", minWaitMs = 0): void {
    if (!transport) return;
    if (FINAL_CLOSE_CODES.includes(code)) return end(code, farewell ?? reason);
    // An open connection may have been a guest's, or one that a cookie vouched for: both may come back.
    if (code === CLOSE_UNAUTHORIZED && (options.token || state.status !== "open")) refusal = reason;
    // A connection that lasted starts the back-off again; one that is cut at once does not.
    if (state.status === "open" && now() - welcomedAt > STABLE_MS) attempts = 0;
    const { min, max } = options.backoffMs ?? { min: 500, max: 20_000 };
    const backoff = byeMs ?? Math.random() * Math.min(max, min * 2 ** attempts++);
    const wait = Math.max(minWaitMs, backoff);
    disconnect();
    timer = setTimeout(open, timerMs(wait));
    setState({ status: "waiting", retryAt: Date.now() + wait });
  }

  function end(code: number, reason: string, forget = false): void {
    if (state.status === "closed") return;
    disconnect();
    listeners.abort();
    setState({ status: "closed", code, reason });
    handlers.ended(reason, forget);
  }

  function disconnect(): void {
    transport?.close();
    transport = undefined;
    reset();
  }

  function reset(): void {
    clearTimeout(timer);
    hello = byeMs = undefined;
    life.stop();
    handlers.disconnected();
  }

  function sayHello(): void {
    hello = identity.hello();
    transport?.send([hello]);
  }

  function receive(event: wire.Event, isAnswer?: boolean): void {
    if (event.type === "welcome") return welcomed(event);
    if (event.type === "bye") byeMs = event.retryAfterMs;
    handlers.received(event, isAnswer);
    if (event.type !== "error") return;
    if (hello && event.ref === HELLO_REF) helloRefused(event); // not of a message with that `ref`
    else if (event.code === "unauthorized" && (event.retryAfterMs || identity.givenToken)) {
      tokenEnded(event.payload);
    } else if (event.code === "forbidden" && !event.ref && !event.room) farewell = event.payload;
  }

  /** Says hello again without what was refused. Any other refusal ends the connection. */
  function helloRefused(event: wire.ErrorEvent): void {
    const { code, field, payload, retryAfterMs } = event;
    if (hello && identity.refused(event, hello)) return sayHello();
    if (code === "forbidden") return end(CLOSE_FORBIDDEN, payload);
    if (code === "unauthorized" || field === "token") return lost(CLOSE_UNAUTHORIZED, payload);
    lost(CLOSE_LOST, "", retryAfterMs);
  }

  /** Renews the token on the open connection. A cookie can only be shown anew on another one. */
  function tokenEnded(reason: string): void {
    if (!options.token) return lost();
    // Each command that is refused in the meantime may say so again.
    if (refusal !== undefined || hello) return;
    refusal = reason;
    askForToken(sayHello);
  }

  function welcomed(event: wire.WelcomeEvent): void {
    const isOpen = state.status === "open";
    if (isOpen && !hello) return; // it answers a probe
    clearTimeout(timer);
    hello = byeMs = undefined;
    welcomedAt = now();
    identity.welcomed(event);
    if (!isOpen) setState({ status: "open" });
    life.start(event.heartbeatSeconds);
    handlers.welcomed(event);
    dispatch("welcome", event);
  }

  return {
    get state() {
      return state;
    },
    open,
    send,
    setAwaiting: life.setAwaiting,
    check,
    end,
  };
}
