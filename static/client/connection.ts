/**
 * `Connection` keeps the client connected: it opens a transport, says hello, probes a server that is
 * silent, and opens another transport when one is lost. It knows nothing of rooms and messages.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { now } from "./clock.ts";
import { FINAL_CLOSE_CODES } from "./errors.ts";
import type { ClientState } from "./events.ts";
import { automatic } from "./fallback.ts";
import { HELLO_REF, type Identity } from "./identity.ts";
import type { ClientOptions } from "./options.ts";
import { CLOSE_FORBIDDEN, CLOSE_LOST, CLOSE_UNAUTHORIZED, type Transport } from "./transport.ts";

/** How long a connection may take until its `welcome`, in milliseconds. */
const WELCOME_TIMEOUT_MS = 10_000;
/** The connection is lost after a silence of two heartbeats, and a little for the network. */
const MAX_SILENT_HEARTBEATS = 2.2;
/** The connection is lost when a command is unanswered for this long. After half of it, it is probed. */
const ANSWER_TIMEOUT_MS = 10_000;
/** The connection is lost when a probe is unanswered for this long. */
const PROBE_TIMEOUT_MS = 5_000;
/** After this part of the probe's time, the client dispatches `doubt`. */
const DOUBT_AFTER = 0.4;
/** A connection that lasted this long starts the back-off again, in milliseconds. */
const STABLE_MS = 5_000;

/** What a connection tells its client. */
export interface ConnectionHandlers {
  state(state: ClientState): void;
  doubt(isInDoubt: boolean): void;
  welcomed(event: wire.WelcomeEvent): void;
  /** The server sent anything but a `welcome`. */
  received(event: wire.Event): void;
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
export class Connection {
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #identity: Identity;
  readonly #handlers: ConnectionHandlers;
  readonly #listeners = new AbortController();
  #state: ClientState = { status: "connecting" };
  #transport: Transport | undefined;
  /** The `hello` that is not answered yet. */
  #hello: wire.HelloCommand | undefined;
  /** Why the application's token was refused, until it gives another. */
  #refusal: string | undefined;
  #attempts = 0;
  /** The delay that a `bye` asked for. */
  #byeMs: number | undefined;
  #welcomedAt = 0;
  #receivedAt = 0;
  /** When the oldest unanswered command was sent; Infinity without one. */
  #awaitingSince = Infinity;
  /** Whether that command has caused a probe. */
  #hasProbed = false;
  #probedAt = Infinity;
  #isInDoubt = false;
  #maxSilenceMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    url: string,
    options: ClientOptions,
    identity: Identity,
    handlers: ConnectionHandlers,
  ) {
    this.#url = url;
    this.#options = options;
    this.#identity = identity;
    this.#handlers = handlers;
    if (typeof addEventListener !== "function") return;
    const { signal } = this.#listeners;
    // After a change of network or a sleep, the connection may be dead without a close event.
    for (const type of ["online", "visibilitychange"]) {
      addEventListener(type, () => this.check(), { signal });
    }
    addEventListener("offline", () => this.lost(CLOSE_LOST), { signal });
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Asks for a token, and opens a transport with it. */
  open(): void {
    clearTimeout(this.#timer);
    this.#transport = { send() {}, close() {} }; // until there is a token
    this.#timer = setTimeout(() => this.lost(CLOSE_LOST), WELCOME_TIMEOUT_MS);
    this.#setState({ status: "connecting" });
    this.#askForToken(() => this.#openTransport());
  }

  /** Calls `next` with a token of the application, unless the connection is another one by then. */
  #askForToken(next: () => void): void {
    const transport = this.#transport;
    const { token: source } = this.#options;
    const given = (token?: string, problem?: string) => {
      if (!transport || transport !== this.#transport) return;
      if (this.#refusal !== undefined && (problem || token === this.#identity.givenToken)) {
        return this.end(CLOSE_UNAUTHORIZED, problem ?? this.#refusal);
      }
      if (problem) {
        this.#handlers.received({ type: "error", code: "unauthorized", payload: problem });
        return this.lost(CLOSE_LOST);
      }
      this.#refusal = undefined;
      this.#identity.givenToken = token;
      next();
    };
    if (typeof source !== "function") return given(source);
    Promise.resolve().then(source).then(given, (error) => given(undefined, String(error)));
  }

  #openTransport(): void {
    const open = this.#options.transport ?? automatic;
    const transport = this.#transport = open(this.#url, {
      opened: () => this.#sendHello(),
      received: (events) => {
        this.#noteAnswer();
        for (const event of events) {
          // A listener may have closed the client, or the event before may have ended the connection.
          if (this.#transport === transport) this.#receive(event);
        }
      },
      closed: (code, reason) => this.lost(code, reason),
    });
  }

  /** Sends commands, if the connection is open. */
  send(commands: readonly wire.Command[]): void {
    if (this.#state.status === "open") this.#transport?.send(commands);
  }

  /** Notes whether a command is unanswered. The time to answer counts from the first of them. */
  setAwaiting(isAwaiting: boolean): void {
    if (isAwaiting === this.#awaitingSince < Infinity) return;
    this.#awaitingSince = isAwaiting ? now() : Infinity;
    this.#hasProbed = false;
    if (this.#state.status === "open") this.#watch();
  }

  /** Opens a connection that is waiting to be opened, and probes one that is open. */
  check(): void {
    if (this.#state.status === "waiting") this.open();
    if (this.#state.status !== "open" || this.#probedAt < Infinity) return;
    this.#probedAt = now();
    const { token } = this.#identity;
    // Every server answers a `hello`. With the token it changes nothing, over HTTP neither.
    this.send([{ type: "hello", ...(token && { token }) }]);
    this.#watch();
  }

  /**
   * Ends this transport, and opens another one later, unless the code is final.
   *
   * @param reason of a final code, or of a refused token.
   * @param minWaitMs until the next transport, in milliseconds.
   */
  lost(code: number, reason = "", minWaitMs = 0): void {
    if (!this.#transport) return;
    if (FINAL_CLOSE_CODES.includes(code)) return this.end(code, reason);
    if (code === CLOSE_UNAUTHORIZED && this.#options.token) this.#refusal = reason;
    // A connection that lasted starts the back-off again; one that is cut at once does not.
    if (this.#state.status === "open" && now() - this.#welcomedAt > STABLE_MS) this.#attempts = 0;
    const { min, max } = this.#options.backoffMs ?? { min: 500, max: 20_000 };
    const backoff = this.#byeMs ?? Math.random() * Math.min(max, min * 2 ** this.#attempts++);
    const wait = Math.max(minWaitMs, backoff);
    this.#disconnect();
    this.#timer = setTimeout(() => this.open(), wait);
    this.#setState({ status: "waiting", retryAt: Date.now() + wait });
  }

  /** Closes the connection for good. */
  end(code: number, reason: string, forget = false): void {
    this.#disconnect();
    this.#listeners.abort();
    this.#setState({ status: "closed", code, reason });
    this.#handlers.ended(reason, forget);
  }

  #disconnect(): void {
    clearTimeout(this.#timer);
    this.#transport?.close();
    this.#transport = this.#byeMs = undefined;
    this.#awaitingSince = this.#probedAt = Infinity;
    this.#isInDoubt = this.#hasProbed = false;
    this.#handlers.disconnected();
  }

  #setState(state: ClientState): void {
    this.#state = state;
    this.#handlers.state(state);
  }

  #sendHello(): void {
    this.#hello = this.#identity.hello();
    this.#transport?.send([this.#hello]);
  }

  #receive(event: wire.Event): void {
    if (event.type === "welcome") return this.#welcomed(event);
    if (event.type === "bye") this.#byeMs = event.retryAfterMs;
    this.#handlers.received(event);
    if (event.type !== "error") return;
    if (event.ref === HELLO_REF) this.#helloRefused(event);
    else if (event.code === "unauthorized" && event.retryAfterMs) this.#tokenEnded(event.payload);
  }

  /**
   * Says hello again without what was refused. Any other refusal ends the connection: until there is
   * another token, until later, or for good.
   */
  #helloRefused(event: wire.ErrorEvent): void {
    const { code, field, payload, retryAfterMs } = event;
    if (this.#hello && this.#identity.refused(event, this.#hello)) return this.#sendHello();
    if (code === "forbidden") return this.end(CLOSE_FORBIDDEN, payload);
    if (code !== "unauthorized" && field !== "token") {
      return this.lost(CLOSE_LOST, "", retryAfterMs);
    }
    if (!this.#options.token) return this.end(CLOSE_UNAUTHORIZED, payload); // no guests here
    this.lost(CLOSE_UNAUTHORIZED, payload);
  }

  /** Renews the token on the open connection, which the server keeps for a while. */
  #tokenEnded(reason: string): void {
    // Each command that is refused in the meantime says so again.
    if (this.#refusal !== undefined || this.#hello) return;
    this.#refusal = reason;
    this.#askForToken(() => this.#sendHello());
  }

  #welcomed(event: wire.WelcomeEvent): void {
    const isOpen = this.#state.status === "open";
    if (isOpen && !this.#hello) return; // it answers a probe
    this.#hello = this.#byeMs = undefined;
    this.#welcomedAt = this.#receivedAt;
    this.#maxSilenceMs = event.heartbeatSeconds * 1000 * MAX_SILENT_HEARTBEATS;
    this.#identity.welcomed(event);
    if (!isOpen) this.#setState({ status: "open" });
    this.#watch();
    this.#handlers.welcomed(event);
  }

  #noteAnswer(): void {
    this.#receivedAt = now();
    this.#probedAt = Infinity;
    if (!this.#isInDoubt) return;
    this.#isInDoubt = false;
    this.#handlers.doubt(false);
  }

  /** Sets the timer to the next deadline: a probe, the doubt, or the end of the connection. */
  #watch(): void {
    clearTimeout(this.#timer);
    const answerMs = Math.min(ANSWER_TIMEOUT_MS, 2 * this.#maxSilenceMs);
    const probeMs = Math.min(PROBE_TIMEOUT_MS, this.#maxSilenceMs);
    const probeAt = this.#hasProbed
      ? Infinity
      : this.#awaitingSince + Math.min(answerMs, this.#maxSilenceMs) / 2;
    const doubtAt = this.#isInDoubt ? Infinity : this.#probedAt + probeMs * DOUBT_AFTER;
    const lostAt = Math.min(
      this.#receivedAt + this.#maxSilenceMs,
      this.#awaitingSince + answerMs,
      this.#probedAt + probeMs,
    );
    const time = now();
    if (lostAt <= time) return this.lost(CLOSE_LOST);
    if (doubtAt <= time) {
      this.#isInDoubt = true;
      this.#handlers.doubt(true);
      return this.#watch();
    }
    if (probeAt <= time) {
      this.#hasProbed = true;
      return this.#probedAt < Infinity ? this.#watch() : this.check();
    }
    this.#timer = setTimeout(() => this.#watch(), Math.min(lostAt, probeAt, doubtAt) - time);
  }
}
