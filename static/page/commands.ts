/**
 * The commands that the palette offers: what the page can do beside reading and writing.
 *
 * @module
 */

/// <reference lib="dom" />

import { copyText } from "./copy_text.ts";
import { byId } from "./dom.ts";
import type { OpenRooms } from "./open_rooms.ts";
import type { OwnName } from "./own_name.ts";
import type { PageCommand } from "./palette.ts";
import { isRailShown, type Panels } from "./panels.ts";
import { addressOf } from "./room_list.ts";
import { capsOf, SHORTCUTS } from "./shortcuts.ts";
import { isolated, strings } from "./strings.ts";

/** What the commands act on. */
export interface CommandsOptions {
  readonly rooms: OpenRooms;
  readonly panels: Panels;
  readonly ownName: OwnName;
  readonly leave: (room: string) => void;
  readonly showShortcuts: () => void;
  readonly signOut: () => void;
}

/** Copies a link to the room that is shown. */
export function copyRoomLink({ current }: OpenRooms): void {
  copyText(addressOf(current.name), strings.copied);
}

/** Returns the commands that can be run now. */
export function pageCommands(options: CommandsOptions): readonly PageCommand[] {
  const { rooms, panels, ownName, leave, showShortcuts, signOut } = options;
  const { current: { name }, left } = rooms;
  const commands: (PageCommand | false)[] = [
    left !== undefined && {
      label: strings.undoLeave(isolated(left)),
      symbol: "reply",
      run: () => rooms.undoLeave(left),
    },
    { label: strings.copyRoomLink, symbol: "link", run: () => copyRoomLink(rooms) },
    rooms.all.length > 1 &&
    { label: strings.leaveRoom(isolated(name)), symbol: "cross", run: () => leave(name) },
    {
      label: strings.rename,
      symbol: "pencil",
      run() {
        if (!isRailShown()) panels.open("rail");
        ownName.edit();
      },
    },
    byId("open-people", HTMLElement).checkVisibility() &&
    { label: strings.showPeople, symbol: "people", run: () => panels.open("people-panel") },
    {
      label: strings.notify,
      symbol: "bell",
      detail: byId("notify-state", HTMLElement).textContent ?? "",
      run: () => byId("notify", HTMLElement).click(),
    },
    {
      label: strings.shortcuts,
      symbol: "keyboard",
      detail: capsOf(SHORTCUTS.sheet.keys[0]).join(" "),
      run: showShortcuts,
    },
    { label: strings.signOut, symbol: "exit", run: signOut },
  ];
  return commands.filter((command) => command !== false);
}
