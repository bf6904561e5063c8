/**
 * The page: a chat in the rooms of this server. It holds the rooms, hands each event of the client to
 * the room that shows it, and hands what the user does to the client.
 *
 * @module
 */

/// <reference lib="dom" />

import { ClientError, connect, RETRIABLE_ERRORS } from "../client/mod.ts";
import { showConnection } from "./banner.ts";
import { Composer } from "./composer.ts";
import { beginEdit, copy, startActions } from "./deeds.ts";
import { byId, oncePerFrame } from "./dom.ts";
import { Notifications } from "./notifications.ts";
import { OwnName } from "./own_name.ts";
import { startPanels } from "./panels.ts";
import { sentenceOf } from "./refusals.ts";
import { forget, remember, remembered, saverOfReads, watchOtherTabs } from "./remembered.ts";
import { RightNotice } from "./right_notice.ts";
import { Room } from "./room.ts";
import { RoomHistory, roomOfAddress } from "./room_history.ts";
import { addressOf, RoomList } from "./room_list.ts";
import { isolated, strings } from "./strings.ts";
import { toast } from "./toast.ts";
import { translatePage } from "./translate.ts";

const DEFAULT_ROOM = "lobby";
/** How many bytes a frame may hold besides the message itself: more than it ever needs. */
const FRAME_OVERHEAD_BYTES = 600;

translatePage();
const client = connect(new URL("ws", location.href), { shared: true });
const rooms = new Map<string, Room>();
let current: Room;
/** The room that was shown before, which is shown again when the current one is left. */
let previous = "";
const showSoon = oncePerFrame(show);

const saveReadsSoon = saverOfReads(() =>
  [...rooms.values()].map(({ name, list }) => ({ name, readSeq: list.mark.readSeq }))
);
const roomHistory = new RoomHistory({
  current: () => current.name,
  show(name = DEFAULT_ROOM) {
    if (name === current.name || !rooms.has(name)) return false;
    open(name, "history");
    return true;
  },
});

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
  send(text, about) {
    if (about?.kind === "edit") current.edit(about.seq, text);
    else current.send(text, undefined, about?.seq);
  },
  editLast() {
    const message = current.list.lines.lastOwn();
    if (message) beginEdit(composer, message);
  },
  names: () => current.names.others,
  typing: (active) => client.typing(current.name, active),
  maxBytes: () => (client.limits?.frameBytes || 16_384) - FRAME_OVERHEAD_BYTES,
});

const notifications = new Notifications((name, seq) => {
  open(name);
  closePanels();
  current.list.seek(seq);
});

const rightNotice = new RightNotice(() => join(current.name));

const actions = startActions({ client, composer, current: () => current });

// --- rooms ------------------------------------------------------------------------------------

function enter(name: string): Room {
  const known = rooms.get(name);
  if (known) return known;
  const room = new Room(client, name, { changed: showSoon, mentioned: notifications.tell });
  rooms.set(name, room);
  remember(name);
  join(name);
  return room;
}

function join(name: string): void {
  client.join(name).catch((error: unknown) => {
    if (!(error instanceof ClientError) || error.code === "left" || error.code === "closed") return;
    const { code, message } = error;
    const sentence = sentenceOf({ code, room: name }) ?? strings.refused(isolated(name), message);
    // The last room stays, and says why it is empty.
    if (rooms.size > 1) leave(name);
    if (!roomList.refused(name, sentence)) toast(sentence);
  });
}

function open(name: string, how: "push" | "replace" | "history" = "push"): void {
  const before = current as Room | undefined;
  current = enter(name);
  if (how === "replace") roomHistory.replace(name);
  else if (how === "push" && before !== current) roomHistory.push(name);
  if (before && before !== current) {
    previous = before.name;
    client.typing(before.name, false);
    before.list.setActive(false);
  }
  composer.setRoom(name);
  actions.hide();
  current.list.setActive(true);
  show();
}

function leave(name: string): void {
  const room = rooms.get(name);
  if (!room) return;
  rooms.delete(name);
  client.leave(name);
  forget(name);
  room.list.element.remove();
  if (room === current) {
    const next = rooms.has(previous) ? previous : rooms.keys().next().value;
    open(next ?? DEFAULT_ROOM, "replace");
  } else show();
}

// --- events -----------------------------------------------------------------------------------

client.on("welcome", () => {
  ownName.show(client.user);
  showSoon();
});

client.on("joined", (event) => rooms.get(event.room)?.joined(event));
client.on("chat", (event) => rooms.get(event.room)?.chat(event));
client.on("revised", (event) => rooms.get(event.room)?.revised(event));
client.on("read", ({ room, seq }) => {
  rooms.get(room)?.list.mark.readElsewhere(seq);
  showSoon();
});
client.on("custom", (event) => {
  const { seq, at } = event;
  if (seq !== undefined && at !== undefined) rooms.get(event.room)?.list.add({ ...event, seq, at });
});
client.on("typing", (event) => rooms.get(event.room)?.typing(event));
client.on("right", (event) => {
  rooms.get(event.room)?.rightChanged(event);
  if (event.right === "none") forget(event.room);
});
client.on("system", (event) => {
  rooms.get(event.room)?.system(event);
  ownName.show(client.user);
});

client.on("error", (event) => {
  const { code, field, room } = event;
  if (field === "name") {
    const sentence = sentenceOf(event) ?? event.payload;
    return ownName.refused(sentence) ? undefined : toast(sentence);
  }
  if (field === "storage") return toast(strings.notSaved);
  // A room that the user was in may be refused after a reconnect.
  if (room !== undefined && code === "forbidden") {
    rooms.get(room)?.refused();
    forget(room);
  }
  // Other refusals are about what the user does not wait for, such as "typing" in a read-only room.
  const isAwaited = room !== undefined || client.state.status !== "open";
  const sentence = sentenceOf(event);
  if (isAwaited && sentence && RETRIABLE_ERRORS.includes(code)) toast(sentence);
});

// --- showing ----------------------------------------------------------------------------------

/** Shows what depends on more than one event. */
function show(): void {
  const all = [...rooms.values()];
  const unread = all.reduce((sum, { list }) => sum + list.mark.unread, 0);
  document.title = `${unread ? `(${unread}) ` : ""}${current.name} · Parley`;
  byId("elsewhere", HTMLElement).hidden = unread - current.list.mark.unread === 0;
  roomList.show(all.map((room) => room.row(room === current)));
  current.show();
  rightNotice.show(current.name, current.standing);
  for (const { name, list: { mark: { readSeq } } } of all) {
    if (readSeq === undefined) continue;
    client.read(name, readSeq); // for the user's other devices
    notifications.settle(name, readSeq);
  }
  saveReadsSoon();
}

// --- the rest of the page ---------------------------------------------------------------------

byId("latest", HTMLElement).addEventListener("click", () => {
  current.list.toLatest();
  composer.focus();
});

/** Goes to the message that the address names. */
function goToLinked(): void {
  const seq = Number(new URLSearchParams(location.search).get("message"));
  if (seq > 0) current.list.seek(seq);
}

byId("invite", HTMLElement).addEventListener("click", () => {
  copy(addressOf(current.name), strings.copied);
});

watchOtherTabs(({ entered, left, all }) => {
  for (const { name } of entered) enter(name);
  for (const { name } of left) if (rooms.get(name)?.standing?.right !== "none") leave(name);
  for (const { name, readSeq } of all) {
    if (readSeq !== undefined) rooms.get(name)?.list.mark.readElsewhere(readSeq);
  }
  showSoon();
});
document.addEventListener("visibilitychange", () => current.list.setActive(true));
addEventListener("keydown", (event) => {
  if (!event.altKey || event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  // While the user writes, a Mac moves the cursor by paragraphs with these keys.
  if (event.target instanceof HTMLTextAreaElement && event.target.value) return;
  event.preventDefault();
  const names = [...rooms.keys()];
  const step = event.key === "ArrowUp" ? -1 : 1;
  const next = names[(names.indexOf(current.name) + step + names.length) % names.length];
  if (next !== undefined) open(next);
});

for (const { name } of remembered()) enter(name);
open(roomOfAddress() ?? remembered()[0]?.name ?? DEFAULT_ROOM, "history");
// These messages were sent before a reload and are not acknowledged yet.
for (const command of client.unsent) {
  if (command.type !== "chat") continue;
  enter(command.room).send(command.payload, command.ref, command.replyTo);
}
goToLinked();
showConnection(client);
// What the user already writes into stays where the user is.
if (document.activeElement === document.body) composer.focus();
