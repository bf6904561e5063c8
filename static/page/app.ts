/**
 * The page: a chat in the rooms of this server. It holds the rooms, hands each event of the client to
 * the room that shows it, and hands what the user does to the client.
 *
 * @module
 */

/// <reference lib="dom" />

import { connect, RETRIABLE_ERRORS } from "../client/mod.ts";
import { showConnection } from "./banner.ts";
import { copyRoomLink, pageCommands } from "./commands.ts";
import { Composer } from "./composer.ts";
import { beginEdit, mayEdit, replyLabel, startActions } from "./deeds.ts";
import { byId, oncePerFrame, setHidden } from "./dom.ts";
import { keepFocus } from "./focus_keeper.ts";
import { ListedRooms } from "./listed_rooms.ts";
import { Notifications } from "./notifications.ts";
import { OpenRooms } from "./open_rooms.ts";
import { OwnName } from "./own_name.ts";
import { Palette } from "./palette.ts";
import { startPanels } from "./panels.ts";
import { sentenceOf } from "./refusals.ts";
import { forget, saverOfReads } from "./remembered.ts";
import { RightNotice } from "./right_notice.ts";
import type { Room } from "./room.ts";
import { RoomFinder } from "./room_finder.ts";
import { RoomList, type RoomRow } from "./room_list.ts";
import { createShortcutSheet } from "./shortcut_sheet.ts";
import { startShortcuts } from "./shortcuts.ts";
import { lastSignOut, SignOut } from "./sign_out.ts";
import { isolated, strings } from "./strings.ts";
import { toast } from "./toast.ts";
import { translatePage } from "./translate.ts";
import { warmUp } from "./warm_up.ts";

/** How many bytes a frame may hold besides the message itself: more than it ever needs. */
const FRAME_OVERHEAD_BYTES = 600;

translatePage();
keepFocus();
// Tabs of before somebody signed out are another guest's.
const client = connect(new URL("ws", location.href), { shared: lastSignOut() ?? true });
const showSoon = oncePerFrame(show);
const saveReadsSoon = saverOfReads(() =>
  rooms.all.map(({ name, list }) => ({ name, readSeq: list.mark.readSeq }))
);
const panels = startPanels();
const signOut = new SignOut(client);
const ownName = new OwnName((name) => client.rename(name));
const roomList = new RoomList({ open: goTo, leave });
const composer = new Composer({
  send(text, about) {
    if (about?.kind === "edit") rooms.current.edit(about.seq, text);
    else rooms.current.send(text, undefined, about?.seq);
  },
  editLast() {
    const message = rooms.current.list.lines.lastOwn((own) => mayEdit(client, own));
    if (message) beginEdit(composer, message);
  },
  names: () => rooms.current.names.others,
  typing: (active) => client.typing(rooms.current.name, active),
  maxBytes: () => (client.limits?.frameBytes || 16_384) - FRAME_OVERHEAD_BYTES,
});

const notifications = new Notifications((room, seq) => {
  rooms.open(room);
  panels.close();
  rooms.current.list.seek(seq);
});

const rightNotice = new RightNotice(() => rooms.join(rooms.current.name));
const actions = startActions({ client, composer, current: () => rooms.current });
const rooms = new OpenRooms({
  client,
  changed: showSoon,
  mentioned: notifications.tell,
  opened: showRoom,
  refused(room, sentence) {
    if (!roomList.refused(room, sentence)) toast(sentence);
  },
});

// --- other rooms, and what else can be done ---------------------------------------------------

const listed = new ListedRooms(client);
const finder = new RoomFinder({
  listed,
  isIn: (room) => rooms.get(room) !== undefined,
  open: goTo,
});
const showShortcuts = createShortcutSheet();
const palette = new Palette({
  listed,
  rooms: roomRows,
  open: goTo,
  commands: () =>
    pageCommands({ rooms, panels, ownName, leave, showShortcuts, signOut: () => signOut.ask() }),
});
startShortcuts([
  ["palette", () => palette.toggle()],
  ["sheet", showShortcuts],
  ["previousRoom", () => rooms.openNext(-1)],
  ["nextRoom", () => rooms.openNext(1)],
], signOut.done);

/** Shows a room that the user chose, and lets the user write there. */
function goTo(room: string): void {
  rooms.open(room);
  panels.close();
  composer.focus();
}

function leave(room: string): void {
  const wasIn = rooms.get(room)?.standing?.right !== "none";
  rooms.leave(room);
  if (!wasIn) return; // it cannot be undone
  toast(strings.leftRoom(isolated(room)), {
    label: strings.undo,
    run() {
      rooms.undoLeave(room);
      composer.focus();
    },
  });
}

// --- events -----------------------------------------------------------------------------------

client.on("welcome", () => {
  ownName.show(client.user);
  showSoon();
});

client.on("joined", (event) => rooms.get(event.room)?.joined(event));
client.on("chat", (event) => rooms.get(event.room)?.chat(event));
client.on("revised", (event) => {
  rooms.get(event.room)?.revised(event);
  const { room, message } = event;
  if (message.type === "chat") composer.relabel(room, message.seq, replyLabel(message));
});
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

/** Shows the room that is the current one now. */
function showRoom(room: Room): void {
  composer.setRoom(room.name);
  actions.hide();
  room.list.setActive(true);
  show();
}

function roomRows(): readonly RoomRow[] {
  return rooms.all.map((room) => room.row(room === rooms.current));
}

/** Shows what depends on more than one event. */
function show(): void {
  if (signOut.done.aborted) return;
  const { current } = rooms;
  const rows = roomRows();
  const unread = rows.reduce((sum, row) => sum + row.unread, 0);
  const title = `${unread ? `(${unread}) ` : ""}${current.name} · Parley`;
  if (document.title !== title) document.title = title;
  setHidden(byId("elsewhere", HTMLElement), unread - current.list.mark.unread === 0);
  roomList.show(rows);
  finder.show();
  current.show();
  rightNotice.show(current.name, current.standing);
  for (const { name, list: { mark: { readSeq } } } of rooms.all) {
    if (readSeq === undefined) continue;
    client.read(name, readSeq); // for the user's other devices
    notifications.settle(name, readSeq);
  }
  saveReadsSoon();
}

// --- the rest of the page ---------------------------------------------------------------------

byId("latest", HTMLElement).addEventListener("click", () => {
  rooms.current.list.toLatest();
  composer.focus();
});
byId("invite", HTMLElement).addEventListener("click", () => copyRoomLink(rooms));
document.addEventListener("visibilitychange", () => rooms.current.list.setActive(true));

/** Goes to the message that the address names. */
function goToLinked(): void {
  const seq = Number(new URLSearchParams(location.search).get("message"));
  if (seq > 0) rooms.current.list.seek(seq);
}

showRoom(rooms.current);
// These were sent before a reload and are not acknowledged yet.
for (const command of client.unsent) {
  if (command.type === "custom") continue;
  const room = rooms.enter(command.room);
  if (command.type === "chat") room.send(command.payload, command.ref, command.replyTo);
  else room.revise(command);
}
goToLinked();
showConnection(client);
warmUp();
// What the user already writes into stays where the user is.
if (document.activeElement === document.body) composer.focus();
