/**
 * What the user can do to the messages and the people of the room that is shown, as the bar offers it.
 *
 * @module
 */

/// <reference lib="dom" />

import type { ChatEvent, Client } from "../client/mod.ts";
import { ActionBar } from "./action_bar.ts";
import type { Composer } from "./composer.ts";
import { copyText } from "./copy_text.ts";
import { byId } from "./dom.ts";
import { MessageActions } from "./message_actions.ts";
import { plainText } from "./parse_text.ts";
import { PersonActions } from "./person_actions.ts";
import type { Room } from "./room.ts";
import { addressOf } from "./room_list.ts";
import { isolated, strings } from "./strings.ts";

/** What the deeds are done to, and with. */
export interface DeedsOptions {
  readonly client: Client;
  readonly composer: Composer;
  /** Returns the room that is shown. */
  readonly current: () => Room;
}

/** How far the server's clock is ahead of this one, in milliseconds. */
let aheadMs = 0;

/** Whether the server would let the user edit a message now; it is not offered for those of others. */
export function mayEdit(client: Client, { room, from, at }: ChatEvent): boolean {
  const right = client.right(room) ?? "read";
  if (right === "read" || from.id !== client.user?.id) return false;
  const seconds = client.limits?.editSeconds;
  return right === "manage" || !seconds || Date.now() + aheadMs - at <= seconds * 1000;
}

/** Begins to edit a message. */
export function beginEdit(composer: Composer, { seq, payload }: ChatEvent): void {
  composer.begin({ kind: "edit", seq, label: strings.editing }, payload);
}

/** Returns what is said of a message that is answered, as it is now. */
export function replyLabel({ from, payload, deleted }: ChatEvent): string {
  const text = deleted ? strings.deleted : plainText(payload).slice(0, 200);
  return strings.replyingTo(isolated(from.name), text);
}

/** Makes the actions on messages and users. */
export function startActions({ client, composer, current }: DeedsOptions): MessageActions {
  client.on("welcome", ({ at }) => aheadMs = at - Date.now());
  const mayWrite = () => (client.right(current().name) ?? "read") !== "read";
  const isManager = () => client.right(current().name) === "manage";
  const bar = new ActionBar();
  const people = new PersonActions({ client, bar, current });
  return new MessageActions(byId("stage", HTMLElement), bar, {
    messageOf: (line) => current().list.lines.messageOf(line),
    mineOf: (seq) => current().list.lines.mineOf(seq),
    mayWrite,
    mayEdit: (message) => mayEdit(client, message),
    mayRemove: (message) => isManager() || mayEdit(client, message),
    react: (seq, reaction, on) => current().react(seq, reaction, on),
    reply: (message) =>
      composer.begin({ kind: "reply", seq: message.seq, label: replyLabel(message) }),
    edit: (message) => beginEdit(composer, message),
    remove: (seq) => current().remove(seq),
    copy: ({ payload }) => copyText(payload, strings.textCopied),
    link: (seq) => copyText(addressOf(current().name, seq), strings.messageCopied),
    toSender: ({ from }, line, style) => people.toSender(from, line, style),
  });
}
