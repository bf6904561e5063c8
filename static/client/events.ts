/**
 * The states of a client, and the events that it dispatches.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";

/** The state of the connection. */
export type ClientState =
  | { readonly status: "connecting" }
  | { readonly status: "open" }
  /** The connection is lost; the next attempt is at `retryAt` (milliseconds since 1970). */
  | { readonly status: "waiting"; readonly retryAt: number }
  /** The client is closed for good: by `close`, or by the server with a final close code. */
  | { readonly status: "closed"; readonly code: number; readonly reason: string };

/** The events that a client dispatches, each as the `detail` of a `CustomEvent`. */
export interface ClientEvents {
  /** The state of the connection changed. */
  state: ClientState;
  /**
   * True: the server does not answer on an open connection, which may be dead. False: it answered
   * again. If it never does, `state` says that the connection is lost.
   */
  doubt: boolean;
  /** The connection is open, and the user is known. */
  welcome: wire.WelcomeEvent;
  /** A room was entered. `recovered: false`: the messages that follow replace all that is shown of it. */
  joined: wire.JoinedEvent;
  /** A message was stored. Each comes once, in the order of `seq`. */
  chat: wire.ChatEvent;
  /** An application's own event. */
  custom: wire.CustomEvent;
  /** A notice about the members of a room. */
  system: wire.SystemEvent;
  /**
   * A user began or stopped typing. The client itself dispatches `false` when it receives no more of
   * it for 5 seconds, or when the user sends a message.
   */
  typing: wire.TypingEvent;
  /**
   * A refusal that rejects no promise. With `room`, it is about entering that room: the client tries
   * again if the code is in {@linkcode RETRIABLE_ERRORS}.
   */
  error: wire.ErrorEvent;
  /** The server is going away. The client reconnects by itself. */
  bye: wire.ByeEvent;
}

/** The typed listeners of {@linkcode ClientTarget}: merging with the class needs no cast. */
export interface ClientTarget {
  /** Calls `listener` for each event of that type. */
  addEventListener<K extends keyof ClientEvents>(
    type: K,
    listener: (event: CustomEvent<ClientEvents[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Calls `listener` for each event of that type. */
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Stops calling `listener`. */
  removeEventListener<K extends keyof ClientEvents>(
    type: K,
    listener: (event: CustomEvent<ClientEvents[K]>) => void,
  ): void;
  /** Stops calling `listener`. */
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null): void;
}

/** An `EventTarget` whose events have types. */
export class ClientTarget extends EventTarget {}
