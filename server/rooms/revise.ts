/**
 * `revise` has a message edited, deleted or reacted to, for a session. The broker decides whether that may
 * be, and what it comes to.
 *
 * @module
 */
import { payloadAfter } from "../access/incoming_message.ts";
import type { Revision } from "../protocol/encode.ts";
import type { DeleteCommand, EditCommand, ReactCommand } from "../protocol/messages.ts";
import type { Hub } from "./hub.ts";
import type { Room } from "./room.ts";
import type { Speaker } from "./say.ts";

/** A command that revises a message. */
export type ReviseCommand = EditCommand | DeleteCommand | ReactCommand;

/**
 * Carries out a command that revises a message. The application is asked about a new text, and last.
 *
 * @throws {Refusal} `not_in_room`, `forbidden`, `unauthorized`, `unavailable`, or what the application
 * throws.
 */
export function revise(hub: Hub, speaker: Speaker, command: ReviseCommand): void | Promise<void> {
  const room = speaker.roomToSpeakIn(command.room);
  const { application, log } = hub.context;
  if (command.type !== "edit" || application?.onMessage === undefined) {
    return send(hub, speaker, room, command);
  }
  const message = { ...command, from: speaker.user.user };
  const payload = payloadAfter(application.onMessage, log, message);
  // The hook may have had its user removed or muted, or the user may have left the room meanwhile.
  const sendChanged = (payload: string) =>
    send(hub, speaker, speaker.roomToSpeakIn(room.name), { ...command, payload });
  return payload instanceof Promise ? payload.then(sendChanged) : sendChanged(payload);
}

function send(hub: Hub, speaker: Speaker, room: Room, command: ReviseCommand): void {
  const isManager = speaker.rightIn(room.name) === "manage";
  const { editSeconds } = hub.context.options;
  room.revise(speaker, revisionOf(command, isManager, editSeconds), command.ref);
}

/**
 * Returns what a command asks for.
 *
 * @param editSeconds how long a user may change what the user has said; 0 is always.
 */
export function revisionOf(
  command: ReviseCommand,
  isManager: boolean,
  editSeconds: number,
): Revision {
  const { seq } = command;
  const maxAgeMs = editSeconds === 0 ? Infinity : editSeconds * 1000;
  switch (command.type) {
    case "edit":
      return { kind: "edit", seq, isManager, maxAgeMs, payload: command.payload };
    case "delete":
      return { kind: "delete", seq, isManager, maxAgeMs };
    case "react":
      return { kind: "react", seq, isManager, payload: command.payload, on: command.on ?? true };
  }
}
