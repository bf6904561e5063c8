/**
 * The page: a chat in the rooms of this server. It holds the rooms together and hands each event
 * to the piece that shows it; what is said goes the other way, to the client.
 *
 * @module
 */

/// <reference lib="dom" />

import { announce } from "./announcer.ts";
import { showConnection } from "./banner.ts";
import { ClientError, connect, newRef, RETRIABLE_ERRORS } from "../client/mod.ts";
import { Composer } from "./composer.ts";
import { byId } from "./dom.ts";
import { MessageList } from "./message_list.ts";
import { OwnName } from "./own_name.ts";
import { startPanels } from "./panels.ts";
import { People } from "./people_list.ts";
import { forget, remember, remembered } from "./remembered.ts";
import { sentenceOf } from "./refusals.ts";
import { roomAddress, RoomList } from "./room_list.ts";
import { isolated, strings } from "./strings.ts";
import { toast } from "./toast.ts";
import { translatePage } from "./translate.ts";

const DEFAULT_ROOM = "lobby";
/** What a frame holds besides the message itself, in bytes, generously. */
const AROUND_MESSAGE = 600;

interface Room {
  readonly name: string;
  readonly list: MessageList;
  readonly people: People;
  readonly typists: Map<string, string>;
}

translatePage();
const client = connect(new URL("ws", location.href));
const rooms = new Map<string, Room>();
let current: Room;

const closePanels = startPanels();
const ownName = new OwnName((name) => client.rename(name));
const roomList = new RoomList({
  open(name) {
    open(name);
    closePanels();
    composer.focus();
  },
  leave,
});
const composer = new Composer({
  send: (text) => track(current, text, newRef()),
  typing: (active) => client.typing(current.name, active),
  maxBytes: () => (client.limits?.frameBytes || 16_384) - AROUND_MESSAGE,
});

// --- rooms ------------------------------------------------------------------------------------

function enter(name: string): Room {
  const known = rooms.get(name);
  if (known) return known;
  const list = new MessageList({
    room: name,
    me: () => client.user,
    older: (before, limit) => client.history(name, before, limit),
    readSeq: remembered().find((room) => room.name === name)?.readSeq,
    changed: showSoon,
  });
  const room = { name, list, people: new People(), typists: new Map<string, string>() };
  rooms.set(name, room);
  byId("stage", HTMLElement).append(list.element);
  client.join(name).catch((error: unknown) => {
    if (!(error instanceof ClientError) || error.code === "left" || error.code === "closed") return;
    const { code, message } = error;
    toast(sentenceOf({ code, room: name }) ?? strings.refused(isolated(name), message));
    leave(name);
  });
  return room;
}

function open(name: string, from: "click" | "history" = "click"): void {
  const before = current as Room | undefined;
  current = enter(name);
  if (from === "click" && before !== current) history.pushState(null, "", roomAddress(name));
  if (before && before !== current) {
    client.typing(before.name, false);
    before.list.active = false;
  }
  composer.room = name;
  current.list.active = true;
  show();
}

function leave(name: string): void {
  const room = rooms.get(name);
  if (!room) return;
  rooms.delete(name);
  client.leave(name);
  forget(name);
  room.list.element.remove();
  if (room === current) open(rooms.keys().next().value ?? DEFAULT_ROOM);
  else show();
}

/** Shows a message of one's own until it is stored, or says why it is not. */
function track(room: Room, payload: string, ref: string): void {
  room.list.sending(ref, payload);
  client.send(room.name, payload, ref).then(
    () => room.list.sent(ref),
    (error: unknown) => {
      const full = error instanceof ClientError && error.code === "full";
      const why = full ? strings.tooMany : error instanceof Error ? error.message : String(error);
      room.list.failed(ref, why, () => track(room, payload, ref));
    },
  );
}

// --- events -----------------------------------------------------------------------------------

client.addEventListener("welcome", () => {
  ownName.show(client.user);
  showSoon();
});

client.addEventListener("joined", ({ detail }) => {
  const room = rooms.get(detail.room);
  room?.people.joined(detail);
  room?.list.joined(detail.seq, !detail.recovered);
  showSoon();
});

client.addEventListener("chat", ({ detail }) => {
  const room = rooms.get(detail.room);
  if (!room) return;
  const live = room.list.add(detail);
  if (live && detail.from.id !== client.user?.id) heard(detail.from.name, detail.payload);
});

client.addEventListener("system", ({ detail }) => {
  const room = rooms.get(detail.room);
  if (!room) return;
  const { user, kind } = detail;
  const before = room.people.changed(detail);
  ownName.show(client.user);
  if (user && kind !== "count") {
    const name = isolated(user.name);
    const sentence = kind === "renamed" && before !== undefined
      ? strings.renamedFrom(isolated(before), name)
      : strings[kind](name);
    room.list.notice(sentence, user.id);
  }
  showSoon();
});

client.addEventListener("typing", ({ detail: { room, from, payload } }) => {
  const typists = rooms.get(room)?.typists;
  if (payload) typists?.set(from.id, from.name);
  else typists?.delete(from.id);
  showSoon();
});

client.addEventListener("error", ({ detail }) => {
  if (detail.field === "name") {
    ownName.refused();
    toast(strings.nameRefused(detail.payload));
    return;
  }
  // The rest is about what nobody waits for, such as typing where one may only read.
  const isWaitedFor = detail.room !== undefined || client.state.status !== "open";
  const sentence = sentenceOf(detail);
  if (isWaitedFor && sentence && RETRIABLE_ERRORS.includes(detail.code)) toast(sentence);
});

// --- showing ----------------------------------------------------------------------------------

let heardNow: string[] = [];

function heard(name: string, text: string): void {
  if (!heardNow.length) {
    queueMicrotask(() => {
      announce(heardNow.length > 3 ? strings.unread(heardNow.length) : heardNow.join(". "));
      heardNow = [];
    });
  }
  heardNow.push(strings.says(name, text.slice(0, 300)));
}

let willShow = false;

/** However much changes in one turn, what depends on it is shown once. */
function showSoon(): void {
  if (willShow) return;
  willShow = true;
  queueMicrotask(() => {
    willShow = false;
    show();
  });
}

function show(): void {
  const all = [...rooms.values()];
  const unread = all.reduce((sum, { list }) => sum + list.unread, 0);
  const { name, list, people, typists } = current;
  document.title = `${unread ? `(${unread}) ` : ""}${name} · Parley`;
  byId("title", HTMLElement).textContent = name;
  byId("elsewhere", HTMLElement).hidden = unread - list.unread === 0;
  roomList.show(all.map((room) => ({
    name: room.name,
    unread: room.list.unread,
    current: room === current,
  })));
  people.show(client.user);
  showTyping([...typists.values()]);
  byId("latest", HTMLElement).hidden = list.pinned;
  byId("latest-text", HTMLElement).textContent = list.unread
    ? strings.unread(list.unread)
    : strings.toLatest;
  remember(all.map((room) => ({ name: room.name, readSeq: room.list.readSeq })));
}

function showTyping(names: readonly string[]): void {
  const typing = byId("typing", HTMLElement);
  typing.textContent = names.length ? strings.typing(names.map(isolated)) : "";
  typing.classList.toggle("on", names.length > 0);
}

// --- the rest of the page ---------------------------------------------------------------------

byId("latest", HTMLElement).addEventListener("click", () => {
  current.list.toLatest();
  composer.focus();
});

byId("invite", HTMLElement).addEventListener("click", async () => {
  const address = roomAddress(current.name);
  try {
    await navigator.clipboard.writeText(address);
    toast(strings.copied);
  } catch {
    prompt(strings.copyThis, address); // no clipboard on plain http
  }
});

function roomOfAddress(): string {
  return new URLSearchParams(location.search).get("room")?.trim() || DEFAULT_ROOM;
}

addEventListener("popstate", () => open(roomOfAddress(), "history"));
document.addEventListener("visibilitychange", () => current.list.active = true);
addEventListener("keydown", (event) => {
  if (!event.altKey || event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  // Where something is being written, these keys move by paragraphs on a Mac.
  if (event.target instanceof HTMLTextAreaElement && event.target.value) return;
  event.preventDefault();
  const names = [...rooms.keys()];
  const step = event.key === "ArrowUp" ? -1 : 1;
  const next = names[(names.indexOf(current.name) + step + names.length) % names.length];
  if (next !== undefined) open(next);
});

for (const { name } of remembered()) enter(name);
const asked = new URLSearchParams(location.search).get("room")?.trim();
open(asked || remembered()[0]?.name || DEFAULT_ROOM, "history");
// What was said before a reload and is not acknowledged yet.
for (const command of client.unsent) {
  if (command.type === "chat") track(enter(command.room), command.payload, command.ref);
}
showConnection(client, announce);
composer.focus();
