/**
 * `Palette` is a dialog with a field: it goes to a room, one's own or another one, or runs a command.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Choice, Choices } from "./choices.ts";
import { addOpener, createDialog } from "./dialog.ts";
import type { ListedRooms } from "./listed_rooms.ts";
import { ListedStatus } from "./listed_status.ts";
import type { RoomRow } from "./room_list.ts";
import { strings } from "./strings.ts";

/** Something that the page can do. */
export interface PageCommand {
  readonly label: string;
  readonly symbol: string;
  /** What is said beside the label, such as the keys for it. */
  readonly detail?: string;
  readonly run: () => void;
}

/** What it needs. */
export interface PaletteOptions {
  readonly listed: ListedRooms;
  readonly rooms: () => readonly RoomRow[];
  readonly open: (room: string) => void;
  /** Returns the commands that can be run now. */
  readonly commands: () => readonly PageCommand[];
}

/** The dialog. */
export class Palette {
  readonly #options: PaletteOptions;
  readonly #choices: Choices;
  readonly #status: ListedStatus;
  readonly #dialog: HTMLDialogElement;

  constructor(options: PaletteOptions) {
    this.#options = options;
    const labels = { field: strings.palette, list: strings.palette };
    this.#choices = new Choices("palette", labels, () => this.#show());
    this.#status = new ListedStatus(() => options.listed.read());
    options.listed.watch(() => this.#show());
    this.#dialog = createDialog(
      "palette",
      { "aria-label": strings.palette },
      this.#choices.input,
      this.#choices.list,
      this.#status.element,
    );
    addOpener("open-palette", "search", strings.palette, () => this.toggle());
  }

  /** Opens it, or closes it if it is open. */
  toggle(): void {
    if (this.#dialog.open) return this.#dialog.close();
    this.#dialog.showModal();
    this.#choices.clear();
    this.#choices.input.focus();
    this.#options.listed.read();
  }

  #show(): void {
    if (!this.#dialog.open) return;
    const { listed, rooms, commands } = this.#options;
    const own = rooms();
    const names = new Set(own.map(({ name }) => name));
    const others = listed.rooms.filter(({ name }) => !names.has(name));
    const { query } = this.#choices;
    const isKnown = names.has(query) || others.some(({ name }) => name === query);
    // What is still to come stands at the end, so that nothing moves away from the pointer.
    this.#choices.show([
      {
        label: strings.rooms,
        choices: own.toSorted((one, other) => rank(one) - rank(other)).map(({ name, unread }) =>
          this.#room(name, unread ? strings.unread(unread) : "")
        ),
      },
      {
        label: strings.commands,
        choices: commands().map(({ label, symbol, detail = "", run }) => ({
          key: `command ${label}`,
          label,
          symbol,
          detail,
          choose: () => {
            this.#dialog.close();
            run();
          },
        })),
      },
      {
        label: strings.otherRooms,
        choices: [
          ...others.map(({ name, memberCount }) => this.#room(name, strings.members(memberCount))),
          ...(query && !isKnown ? [this.#newRoom(query)] : []),
        ],
      },
    ]);
    this.#status.show(listed.state, 1, 1);
  }

  #room(name: string, detail: string): Choice {
    return { key: `room ${name}`, label: name, detail, choose: () => this.#open(name) };
  }

  #newRoom(name: string): Choice {
    return {
      key: "new room",
      label: strings.enterRoom(name),
      symbol: "plus",
      choose: () => this.#open(name),
    };
  }

  #open(room: string): void {
    this.#dialog.close();
    this.#options.open(room);
  }
}

/** Rooms with unread messages come first, and the one that is shown last. */
function rank({ unread, isCurrent }: RoomRow): number {
  return isCurrent ? 2 : unread ? 0 : 1;
}
