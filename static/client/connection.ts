/**
 * Keeps a connection to a server: opens it, says hello, doubts it when it is silent, and opens another
 * when it is lost. It knows nothing of rooms and messages.
 *
 * @module
 */
import type {
  Command,
  ErrorEvent,
  Event,
  HelloCommand,
  WelcomeEvent,
} from "../../server/protocol/messages.ts";
import type { ClientOptions, ClientState } from "./client_types.ts";
import { FINAL_CLOSE_CODES } from "./client_types.ts";
import { now } from "./clock.ts";
import { automatic } from "./fallback.ts";
import { HELLO, type Identity } from "./identity.ts";
import { CLOSE_LOST, type Transport } from "./transport.ts";

/** How long a connection may take until it is welcomed, in milliseconds. */
const WELCOME_MS = 10_000;
/** Silence after which the server is dead, in heartbeats: two missed, and a little for the road. */
const MISSED_HEARTBEATS = 2.2;
/** A message that is not answered for so long was not heard. Half of it: the server is probed. */
const ANSWER_MS = 10_000;
/** A probe that is not answered for so long means that the connection is dead. */
const PROBE_MS = 5_000;
/** After so much of that the doubt is shown. */
const SHOWN_AFTER = 0.4;
/** A connection that lasted this long was a good one, in milliseconds. */
const LASTED_MS = 5_000;

/** What a connection tells its client. */
export interface ConnectionHandlers {
  state(state: ClientState): void;
  doubt(isInDoubt: boolean): void;
  welcomed(event: WelcomeEvent): void;
  /** Anything else that the server says. */
  received(event: Event): void;
  /** Nothing that is under way will be answered. */
  detached(): void;
  /** There will be no other connection. @param forget unacknowledged messages in storage as well. */
  ended(reason: string, forget: boolean): void;
}

export class Connection {
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #identity: Identity;
  readonly #handlers: ConnectionHandlers;
  readonly #listening = new AbortController();
  #state: ClientState = { status: "connecting" };
  #transport: Transport | undefined;
  /** The `hello` that is not answered yet. */
  #hello: HelloCommand | undefined;
  #tries = 0;
  #byeMs: number | undefined;
  #welcomedAt = 0;
  #heardAt = 0;
  /** When the oldest unanswered command went out; Infinity without one. */
  #sentAt = Infinity;
  #probedAt = Infinity;
  #isInDoubt = false;
  /** Whether the oldest unanswered command has made it probe. */
  #hasProbed = false;
  #deadMs = 0;
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
    const { signal } = this.#listening;
    // The network changed, or the device slept: the connection may be dead without a word.
    addEventListener("online", () => this.check(), { signal });
    addEventListener("visibilitychange", () => this.check(), { signal });
    addEventListener("offline", () => this.lost(CLOSE_LOST, ""), { signal });
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Opens a connection, now. */
  open(): void {
    clearTimeout(this.#timer);
    this.#setState({ status: "connecting" });
    const open = this.#options.transport ?? automatic;
    const transport = this.#transport = open(this.#url, {
      opened: () => this.#greet(),
      received: (events) => {
        this.#heard();
        for (const event of events) {
          // A listener may have closed the client, or the event may have ended the connection.
          if (this.#transport === transport) this.#receive(event);
        }
      },
      closed: (code, reason) => this.lost(code, reason),
    });
    this.#timer = setTimeout(() => this.lost(CLOSE_LOST, "no welcome"), WELCOME_MS);
  }

  /** Sends commands, if the connection is open. */
  send(commands: readonly Command[]): void {
    if (this.#state.status === "open") this.#transport?.send(commands);
  }

  /** Is told whether a command is unanswered. It is doubted from the first of them on. */
  awaits(isUnanswered: boolean): void {
    if (isUnanswered === this.#sentAt < Infinity) return;
    this.#sentAt = isUnanswered ? now() : Infinity;
    this.#hasProbed = false;
    if (this.#state.status === "open") this.#watch();
  }

  /** Looks at once whether the connection works: one that is lost is opened, one that is open is probed. */
  check(): void {
    if (this.#state.status === "waiting") this.open();
    if (this.#state.status !== "open" || this.#probedAt < Infinity) return;
    this.#probedAt = now();
    const { token } = this.#identity;
    // Every server answers it, it changes nothing, and over HTTP it is the same person's.
    this.send([{ type: "hello", ...(token && { token }) }]);
    this.#watch();
  }

  /** @param leastMs to wait before the next try. */
  lost(code: number, reason: string, leastMs = 0): void {
    if (!this.#transport) return;
    if (FINAL_CLOSE_CODES.includes(code)) return this.end(code, reason);
    // A connection that lasted starts the back-off anew; one that is cut at once does not.
    if (this.#state.status === "open" && now() - this.#welcomedAt > LASTED_MS) this.#tries = 0;
    const { min, max } = this.#options.backoffMs ?? { min: 500, max: 20_000 };
    const backoff = this.#byeMs ?? Math.random() * Math.min(max, min * 2 ** this.#tries++);
    const wait = Math.max(leastMs, backoff);
    this.#detach();
    this.#timer = setTimeout(() => this.open(), wait);
    this.#setState({ status: "waiting", retryAt: Date.now() + wait });
  }

  end(code: number, reason: string, forget = false): void {
    this.#detach();
    this.#listening.abort();
    this.#setState({ status: "closed", code, reason });
    this.#handlers.ended(reason, forget);
  }

  #detach(): void {
    clearTimeout(this.#timer);
    this.#transport?.close();
    this.#transport = this.#byeMs = undefined;
    this.#sentAt = this.#probedAt = Infinity;
    this.#isInDoubt = this.#hasProbed = false;
    this.#handlers.detached();
  }

  #setState(state: ClientState): void {
    this.#state = state;
    this.#handlers.state(state);
  }

  #greet(): void {
    this.#hello = this.#identity.hello();
    this.#transport?.send([this.#hello]);
  }

  #receive(event: Event): void {
    if (event.type === "welcome") return this.#welcomed(event);
    if (event.type === "bye") this.#byeMs = event.retryAfterMs;
    this.#handlers.received(event);
    if (event.type === "error" && event.ref === HELLO) this.#refused(event);
  }

  /** Says hello without what was refused. What was not refused for itself is tried again later. */
  #refused(event: ErrorEvent): void {
    if (this.#hello && this.#identity.refused(event, this.#hello)) this.#greet();
    else this.lost(CLOSE_LOST, event.payload, event.retryAfterMs);
  }

  #welcomed(event: WelcomeEvent): void {
    if (this.#state.status === "open") return; // the answer to a probe
    this.#hello = undefined;
    this.#byeMs = undefined;
    this.#welcomedAt = this.#heardAt;
    this.#deadMs = event.heartbeatSeconds * 1000 * MISSED_HEARTBEATS;
    this.#identity.welcomed(event);
    this.#setState({ status: "open" });
    this.#watch();
    this.#handlers.welcomed(event);
  }

  #heard(): void {
    this.#heardAt = now();
    this.#probedAt = Infinity;
    if (!this.#isInDoubt) return;
    this.#isInDoubt = false;
    this.#handlers.doubt(false);
  }

  /** Waits until the server was silent, or a command or a probe unanswered, for too long. */
  #watch(): void {
    clearTimeout(this.#timer);
    const answerMs = Math.min(ANSWER_MS, 2 * this.#deadMs);
    const probeMs = Math.min(PROBE_MS, this.#deadMs);
    const probeAt = this.#hasProbed
      ? Infinity
      : this.#sentAt + Math.min(answerMs, this.#deadMs) / 2;
    const showAt = this.#isInDoubt ? Infinity : this.#probedAt + probeMs * SHOWN_AFTER;
    const lostAt = Math.min(
      this.#heardAt + this.#deadMs,
      this.#sentAt + answerMs,
      this.#probedAt + probeMs,
    );
    const time = now();
    if (lostAt <= time) return this.lost(CLOSE_LOST, "silence");
    if (showAt <= time) {
      this.#isInDoubt = true;
      this.#handlers.doubt(true);
      return this.#watch();
    }
    if (probeAt <= time) {
      this.#hasProbed = true;
      return this.#probedAt < Infinity ? this.#watch() : this.check();
    }
    this.#timer = setTimeout(() => this.#watch(), Math.min(lostAt, probeAt, showAt) - time);
  }
}
