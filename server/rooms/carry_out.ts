/**
 * `carryOut` has a session do what a command says.
 *
 * @module
 */
import type { Command } from "../protocol/messages.ts";
import type { Hub } from "./hub.ts";
import { revise } from "./revise.ts";
import { say } from "./say.ts";
import type { Session } from "./session.ts";

/**
 * Carries out a command.
 *
 * @returns a promise if the application or the store is waited for.
 * @throws {Refusal}
 */
export function carryOut(hub: Hub, session: Session, command: Command): void | Promise<void> {
  switch (command.type) {
    case "chat":
    case "custom":
      return say(hub, session, command);
    case "edit":
    case "delete":
    case "react":
      return revise(hub, session, command);
    case "typing":
      session.roomToSpeakIn(command.room);
      return hub.typing.set(command.room, session.user.user, command.payload);
    case "read":
      session.assertIn(command.room);
      return hub.marks.read(session, command);
    case "join":
      return session.join(command.room, command.since, command.ref);
    case "leave":
      return session.memberships.leave(command.room);
    case "hello":
      return session.hello(command.token, command.name);
    case "rename":
      return session.rename(command.name);
    case "pong":
      return;
    default:
      command satisfies never;
  }
}
