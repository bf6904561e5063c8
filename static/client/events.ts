/**
 * The states of a client, and the events that it dispatches.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import type { ClientError } from "./errors.ts";

/** The state of the connection. */
export type ClientState =
  | { readonly status: "connecting" }
  | { readonly status: "open" }
  /** The connection is lost; the next attempt is at `retryAt` (milliseconds since 1970). */
  | { readonly status: "waiting"; readonly retryAt: number }
  /**
   * The client is closed for good: by `close`, or by the server with a final close code. The code 3000
   * says that the application's token was refused and no other given, and 3003 that the server does
   * not want this user or address.
   */
  | { readonly status: "closed"; readonly code: number; readonly reason: string };

/** A command that will not be sent, or that the server refused. */
export interface Lost {
  /** What was to be sent. */
  readonly command: wire.Command;
  /** Why it was not. */
  readonly error: ClientError;
}

/** The events that a client dispatches, each as the `detail` of a `CustomEvent`. */
export interface ClientEvents {
  /** The state of the connection changed. */
  state: ClientState;
  /**
   * True: the server does not answer on an open connection, which may be dead. False: it answered
   * again. If it never does, `state` says that the connection is lost.
   */
  doubt: boolean;
  /** The connection is open and the user known, or the user's token was renewed. */
  welcome: wire.WelcomeEvent;
  /** A room was entered. `recovered: false`: the messages that follow replace all that is shown of it. */
  joined: wire.JoinedEvent;
  /** A message was stored. Each comes once, in the order of `seq`. */
  chat: wire.ChatEvent;
  /**
   * A message was edited, deleted or reacted to: `message` is what it is now. Each revision comes once, in
   * the order of `rev`, also those that were missed while the connection was lost. The message may be
   * older than all that came here.
   */
  revised: wire.RevisedEvent;
  /** An application's own event of any name. Events of one name are dispatched as `custom:<name>` too. */
  custom: wire.CustomEvent;
  /** A notice about the members of a room. */
  system: wire.SystemEvent;
  /**
   * A user began or stopped typing. The client itself dispatches `false` when it receives no more of
   * it for 5 seconds, or when the user sends a message.
   */
  typing: wire.TypingEvent;
  /** The user has read a room up to `seq`, here or on another device. See {@linkcode Client.unread}. */
  read: wire.ReadEvent;
  /** What the user may do in a room has changed. With `none` the client has left the room. */
  right: wire.RightEvent;
  /**
   * A refusal that rejects no promise. With `room`, it is about entering that room: the client tries
   * again if the code is in {@linkcode RETRIABLE_ERRORS}. With the field `storage`, the client's
   * storage is full or blocked: what is saved there lasts as long as the page.
   */
  error: wire.ErrorEvent;
  /** Something that was to be sent is dropped, and no promise tells of it. */
  lost: Lost;
  /** The server is going away. The client reconnects by itself. */
  bye: wire.ByeEvent;
}

/** The application's own event `Name`, whose payload has the type that `Events` gives it. */
export type NamedEvent<Events, Name extends keyof Events> =
  & Omit<wire.CustomEvent, "name" | "payload">
  & { readonly name: Name; readonly payload: Events[Name] };

/** {@linkcode ClientEvents}, and for each event of the application `custom:<name>`. */
export type EventsOf<Events> =
  & ClientEvents
  & {
    [Name in keyof Events & string as `custom:${Name}`]: NamedEvent<Events, Name>;
  };

/** Any events of an application. */
export type AnyEvents = Record<string, wire.Json>;

/** Dispatches an event to the application. */
export type Dispatch = <K extends keyof EventsOf<AnyEvents>>(
  type: K,
  detail: EventsOf<AnyEvents>[K],
) => void;

/** The typed listeners of {@linkcode ClientTarget}: merging with the class needs no cast. */
export interface ClientTarget<Events extends object = AnyEvents> {
  /** Calls `listener` for each event of that type. */
  addEventListener<K extends keyof EventsOf<Events>>(
    type: K,
    listener: (event: CustomEvent<EventsOf<Events>[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Calls `listener` for each event of that type. */
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Stops calling `listener`. */
  removeEventListener<K extends keyof EventsOf<Events>>(
    type: K,
    listener: (event: CustomEvent<EventsOf<Events>[K]>) => void,
  ): void;
  /** Stops calling `listener`. */
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null): void;
}

/** An `EventTarget` whose events have types. */
export class ClientTarget<Events extends object = AnyEvents> extends EventTarget {
  /**
   * Calls `listener` with each event of that type: one of {@linkcode ClientEvents}, or `custom:<name>`
   * for an event of the application.
   *
   * @returns a function that ends it.
   */
  on<K extends keyof EventsOf<Events>>(
    type: K,
    listener: (event: EventsOf<Events>[K]) => void,
  ): () => void {
    const call = ({ detail }: CustomEvent<EventsOf<Events>[K]>) => listener(detail);
    this.addEventListener(type, call);
    return () => this.removeEventListener(type, call);
  }
}
