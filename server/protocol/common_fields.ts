/**
 * The fields that many commands and events have, said once for `messages.ts`.
 *
 * @module
 */

/** What all commands have. */
export interface CommandOf<Type extends string> {
  /** The name of the command. */
  readonly type: Type;
  /** The client's own id for the command, 1 to 64 characters. The answer carries it. */
  readonly ref?: string;
}

/** What all events have. */
export interface EventOf<Type extends string> {
  /** The name of the event. */
  readonly type: Type;
}

/** What commands and events of a room have. */
export interface InRoom {
  /** The name of the room: 1 to 64 visible characters. */
  readonly room: string;
}
