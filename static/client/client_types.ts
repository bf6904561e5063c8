/**
 * What the client library is told and tells: its options, its states and its events.
 *
 * @module
 */
import type {
  ByeEvent,
  ErrorEvent,
  Event,
  JoinedEvent,
  Message,
  SystemEvent,
  TypingEvent,
  WelcomeEvent,
} from "../../server/protocol/messages.ts";
import type { KeyValue } from "./storage.ts";
import type { OpenTransport } from "./transport.ts";

/** Close codes after which a client does not come back (`CLOSE_CODES` of the protocol). */
export const FINAL_CLOSE_CODES: readonly number[] = [1000, 1003, 1008, 1009];
/** Errors after which the same command may succeed later (`ERRORS` of the protocol). */
export const RETRIABLE_ERRORS: readonly string[] = [
  "rate_limited",
  "room_full",
  "too_many_rooms",
  "unavailable",
];

/** What `connect` can be told. */
export interface ClientOptions {
  /** The name to begin with. A name that is kept from an earlier visit goes before it. */
  readonly name?: string;
  /**
   * Where identity (token and name) is kept. Clients that share it are one person.
   * @default localStorage in a browser; elsewhere this client only
   */
  readonly identity?: KeyValue;
  /**
   * Where unacknowledged messages are kept. Must not be shared with a client that runs meanwhile.
   * @default sessionStorage in a browser; elsewhere memory
   */
  readonly outbox?: KeyValue;
  /** How many unacknowledged messages are kept; `send` refuses more. @default 256 */
  readonly maxUnsent?: number;
  /**
   * The bounds of exponential back-off between tries, in milliseconds. The actual wait is a random
   * part of it (full jitter), so that many clients do not come back together.
   * @default { min: 500, max: 20_000 }
   */
  readonly backoffMs?: { readonly min: number; readonly max: number };
  /** Opens a connection. @default `automatic`: WebSocket, or HTTP where that is blocked */
  readonly transport?: OpenTransport;
}

/** Where the connection stands. */
export type ClientState =
  | { readonly status: "connecting" }
  | { readonly status: "open" }
  /** Lost; the next try is at `retryAt` (milliseconds since 1970). */
  | { readonly status: "waiting"; readonly retryAt: number }
  /** For good: by `close`, or by the server with a final close code. */
  | { readonly status: "closed"; readonly code: number; readonly reason: string };

/** The events of a room that have the type of a message, whether they are stored or not. */
type RoomEvents = {
  [T in Message["type"]]: Extract<Event, { type: T }>;
};

/** What a client dispatches, each as the `detail` of a `CustomEvent`. */
export interface ClientEvents extends RoomEvents {
  state: ClientState;
  /**
   * True when the server does not answer on an open connection, which may be dead; false when something
   * is heard again. If nothing is, `state` tells that the connection is lost.
   */
  doubt: boolean;
  welcome: WelcomeEvent;
  /** `recovered: false`: forget what is shown of the room, the messages that follow are all. */
  joined: JoinedEvent;
  system: SystemEvent;
  /** Also when it has not been said again for 5 seconds, or a message came: then `false`. */
  typing: TypingEvent;
  /**
   * A refusal that no promise tells of. With `room`: the room cannot be entered, or not yet if the
   * code is in {@linkcode RETRIABLE_ERRORS}.
   */
  error: ErrorEvent;
  bye: ByeEvent;
}

/** Merged with the class: the one way to type an EventTarget's events without a cast. */
export interface ClientTarget {
  addEventListener<K extends keyof ClientEvents>(
    type: K,
    listener: (event: CustomEvent<ClientEvents[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof ClientEvents>(
    type: K,
    listener: (event: CustomEvent<ClientEvents[K]>) => void,
  ): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null): void;
}

/** An `EventTarget` whose events have types. */
export class ClientTarget extends EventTarget {}
