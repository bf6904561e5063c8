/**
 * `Room` is one room as the page shows it: its messages, its members, and who is typing in it.
 *
 * @module
 */

/// <reference lib="dom" />

import {
  type Client,
  ClientError,
  type ClientEvents,
  newRef,
  type RevisedEvent,
} from "../client/mod.ts";
import { announce, announceMessage } from "./announcer.ts";
import { copyText } from "./copy_text.ts";
import { byId, setHidden, setText } from "./dom.ts";
import { KnownNames } from "./known_names.ts";
import { MemberList } from "./member_list.ts";
import { Mentions } from "./mentions.ts";
import { MessageList } from "./message_list.ts";
import { plainText } from "./parse_text.ts";
import { reasonOf } from "./refusals.ts";
import { remembered } from "./remembered.ts";
import type { Standing } from "./right_notice.ts";
import type { RoomRow } from "./room_list.ts";
import { isolated, strings } from "./strings.ts";
import { toast } from "./toast.ts";
import type { Revision } from "./waiting_revisions.ts";

/** What a room calls. */
export interface RoomOptions {
  /** Called when something changed that {@linkcode Room.show} or the list of rooms shows. */
  readonly changed: () => void;
  /** Called when somebody mentions the user, but not for what was said before the page was opened. */
  readonly mentioned: (message: ClientEvents["chat"]) => void;
}

/** A room that the page is in. */
export class Room {
  readonly name: string;
  readonly list: MessageList;
  readonly #client: Client;
  readonly #options: RoomOptions;
  readonly #members = new MemberList();
  /** The names that may be mentioned here. */
  readonly names = new KnownNames({
    user: () => this.#client.user,
    members: () => this.#members.users,
  });
  readonly mentions = new Mentions(this.names);
  /** The room's latest `seq` when the page was opened. */
  #opened: number | undefined;
  readonly #typists = new Map<string, string>();
  /** What the user may not do here; undefined if it is nothing. */
  standing: Standing | undefined;

  constructor(client: Client, name: string, options: RoomOptions) {
    this.#client = client;
    this.#options = options;
    this.name = name;
    this.list = new MessageList({
      room: name,
      user: () => client.user,
      names: this.names,
      readOlder: (before, limit) => client.history(name, before, limit),
      readSeq: remembered().find((room) => room.name === name)?.readSeq,
      react: (seq, reaction, on) => this.react(seq, reaction, on),
      changed: options.changed,
    });
    this.attach();
  }

  /** Puts the list of messages on the page, also again after the room was left. */
  attach(): void {
    byId("stage", HTMLElement).append(this.list.element);
  }

  /** Sends a message. It is shown until it is stored, or shows why it was not. */
  send(payload: string, ref = newRef(), replyTo?: number): void {
    this.list.addUnsent(ref, payload);
    this.#client.send(this.name, payload, ref, replyTo).then(
      ({ seq }) => this.list.unsent.stored(ref, seq),
      (error: unknown) => {
        this.list.unsent.fail(ref, reasonOf(error), () => this.send(payload, ref, replyTo));
      },
    );
  }

  edit(seq: number, payload: string): void {
    this.revise({ type: "edit", room: this.name, seq, payload, ref: newRef() });
  }

  remove(seq: number): void {
    this.revise({ type: "delete", room: this.name, seq, ref: newRef() });
  }

  react(seq: number, reaction: string, on: boolean): void {
    const { name: room } = this;
    this.revise({ type: "react", room, seq, payload: reaction, on, ref: newRef() });
  }

  /** Has a message edited, deleted or reacted to. The page shows that it waits, or why it was refused. */
  revise(revision: Revision): void {
    const { lines, unsent } = this.list;
    lines.await(revision);
    unsent.addRevision(revision);
    const answered = (answer?: RevisedEvent) => {
      lines.answered(revision, answer);
      unsent.removeRevision(revision);
    };
    this.#client.keep<RevisedEvent>(revision).then(answered, (error: unknown) => {
      answered();
      this.#notRevised(revision, error);
    });
  }

  /** Says why a message was not changed. What the user wrote stays until it is discarded. */
  #notRevised(revision: Revision, error: unknown): void {
    const { list } = this;
    const sentence = strings.notRevised(reasonOf(error));
    const { type, payload = "" } = revision;
    if (type === "edit") {
      const run = () => void copyText(payload, strings.textCopied);
      list.unsent.addFailedEdit(revision, sentence, { label: strings.copyText, run });
      if (!list.element.hidden && list.isAtLatest) return announce(sentence);
    } else if (error instanceof ClientError && error.code === "left") return;
    toast(sentence);
  }

  revised({ message }: ClientEvents["revised"]): void {
    this.list.lines.revise(message);
    if (message.type !== "chat" || this.#isOwn(message)) return;
    if (this.mentions.note(message) || message.deleted) this.#options.changed();
  }

  joined(event: ClientEvents["joined"]): void {
    // What a moderator said still holds after a reconnect.
    const isKnown = this.standing?.right === event.right;
    if (event.right !== "read") this.standing = undefined;
    else if (!isKnown) this.standing = { right: event.right, wasTaken: false };
    this.#members.joined(event);
    this.names.changed();
    if (this.#opened === undefined || !event.recovered) this.#opened = event.seq;
    if (!event.recovered) this.mentions.clear();
    this.list.joined(event.seq, !event.recovered, event.read);
    if (event.mine) this.list.lines.setMine(event.mine);
    this.#options.changed();
  }

  chat(event: ClientEvents["chat"]): void {
    const isLive = this.list.add(event);
    const { seq, from, payload } = event;
    this.names.spoke(from);
    if (this.#isOwn(event)) return;
    const isNew = seq > Math.max(this.#opened ?? Infinity, this.list.mark.readSeq ?? 0);
    if (this.mentions.note(event) && isNew) this.#options.mentioned(event);
    if (!isLive) return;
    const room = this.list.element.hidden ? this.name : undefined;
    announceMessage(from.name, plainText(payload), room);
  }

  #isOwn({ from }: ClientEvents["chat"]): boolean {
    return from.id === this.#client.user?.id;
  }

  system(event: ClientEvents["system"]): void {
    const { user, kind } = event;
    const oldName = this.#members.changed(event);
    this.names.changed();
    this.#options.changed();
    if (!user || kind === "count") return;
    const name = isolated(user.name);
    const sentence = kind === "renamed" && oldName !== undefined
      ? strings.renamedFrom(isolated(oldName), name)
      : strings[kind](name);
    this.list.addNotice({ userId: user.id, kind, sentence });
  }

  rightChanged({ right, payload, seconds }: ClientEvents["right"]): void {
    this.standing = right !== "none" && right !== "read" ? undefined : {
      right,
      wasTaken: true,
      ...(seconds !== undefined && { until: Date.now() + seconds * 1000 }),
      ...(payload !== undefined && { reason: payload }),
    };
    if (right === "none") this.#members.left();
    this.#options.changed();
  }

  /** The user may not enter, or not come back after a reconnect. */
  refused(): void {
    this.standing = { right: "none", wasTaken: false };
    this.#members.left();
    this.#options.changed();
  }

  typing({ from, payload }: ClientEvents["typing"]): void {
    if (payload) this.#typists.set(from.id, from.name);
    else this.#typists.delete(from.id);
    this.#options.changed();
  }

  /** Returns what the list of rooms shows. */
  row(isCurrent: boolean): RoomRow {
    const { unread, readSeq = 0 } = this.list.mark;
    const isMentioned = unread > 0 && this.mentions.isUnread(readSeq);
    return { name: this.name, unread, isMentioned, isCurrent };
  }

  /** Shows what stands around the messages of the current room. */
  show(): void {
    const title = byId("title", HTMLElement);
    const isManager = this.#client.right(this.name) === "manage";
    this.#members.show(this.#client.user, title.textContent !== this.name, isManager);
    setText(title, this.name);
    const names = [...this.#typists.values()];
    const typing = byId("typing", HTMLElement);
    setText(typing, names.length ? strings.typing(names.map(isolated)) : "");
    typing.classList.toggle("on", names.length > 0);
    const { isAtLatest, mark: { unread } } = this.list;
    setHidden(byId("latest", HTMLElement), isAtLatest);
    const label = unread ? strings.unread(unread) : strings.toLatest;
    setText(byId("latest-text", HTMLElement), label);
  }
}
