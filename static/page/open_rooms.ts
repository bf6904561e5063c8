/**
 * `OpenRooms` holds the rooms that the user is in, and which of them is shown. All tabs of the browser
 * have the same rooms. A room that was left is kept until the next one is, so that it can be undone.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Client, ClientError, type Cursor } from "../client/mod.ts";
import { sentenceOf } from "./refusals.ts";
import { forget, remember, remembered, watchOtherTabs } from "./remembered.ts";
import { Room, type RoomOptions } from "./room.ts";
import { RoomHistory, roomOfAddress } from "./room_history.ts";
import { isolated, strings } from "./strings.ts";

const DEFAULT_ROOM = "lobby";

/** What it needs. */
export interface OpenRoomsOptions extends RoomOptions {
  readonly client: Client;
  /** Called when another room is to be shown. */
  readonly opened: (room: Room) => void;
  /** Called with why a room cannot be entered. */
  readonly refused: (room: string, sentence: string) => void;
}

/** A room that was left, with all that is needed to go on there. */
interface LeftRoom {
  readonly room: Room;
  readonly since: Cursor | undefined;
  /** Its place among the rooms. */
  readonly place: number;
  readonly wasCurrent: boolean;
}

/** The rooms of the user. */
export class OpenRooms {
  readonly #options: OpenRoomsOptions;
  readonly #history: RoomHistory;
  #rooms = new Map<string, Room>();
  #current: Room;
  /** The room that was shown before, which is shown again when the current one is left. */
  #previous = "";
  #left: LeftRoom | undefined;

  /** Enters the rooms of the last visit, and the one that the address names, which is shown. */
  constructor(options: OpenRoomsOptions) {
    this.#options = options;
    const known = remembered();
    for (const { name } of known) this.enter(name);
    this.#current = this.enter(roomOfAddress() ?? known[0]?.name ?? DEFAULT_ROOM);
    this.#history = new RoomHistory({
      current: () => this.#current.name,
      show: (name = DEFAULT_ROOM) => {
        if (name === this.#current.name || !this.#rooms.has(name)) return false;
        this.open(name, "history");
        return true;
      },
    });
    watchOtherTabs(({ entered, left, all }) => {
      for (const { name } of entered) this.enter(name);
      for (const { name } of left) if (this.get(name)?.standing?.right !== "none") this.leave(name);
      for (const { name, readSeq } of all) {
        if (readSeq !== undefined) this.get(name)?.list.mark.readElsewhere(readSeq);
      }
      options.changed();
    });
  }

  /** The room that is shown. */
  get current(): Room {
    return this.#current;
  }

  /** All rooms, in the order of the list. */
  get all(): readonly Room[] {
    return [...this.#rooms.values()];
  }

  /** The name of the room that was left last, if {@linkcode undoLeave} goes on there. */
  get left(): string | undefined {
    return this.#left?.room.name;
  }

  get(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  /** Enters a room, and goes on there if it was left last. It need not be shown. */
  enter(name: string): Room {
    const known = this.#rooms.get(name);
    if (known) return known;
    const left = this.#left?.room.name === name ? this.#left : undefined;
    const room = left?.room ?? new Room(this.#options.client, name, this.#options);
    const rooms = [...this.#rooms];
    rooms.splice(left?.place ?? rooms.length, 0, [name, room]);
    this.#rooms = new Map(rooms);
    remember({ name, readSeq: room.list.mark.readSeq }, left?.place);
    if (left) {
      this.#left = undefined;
      room.attach();
    }
    this.join(name, left?.since);
    return room;
  }

  /** Joins a room that is among these; also again, after a refusal. */
  join(name: string, since?: Cursor): void {
    this.#options.client.join(name, since).catch((error: unknown) => {
      if (!(error instanceof ClientError)) return;
      const { code, message } = error;
      if (code === "left" || code === "closed") return;
      const sentence = sentenceOf({ code, room: name }) ?? strings.refused(isolated(name), message);
      // The last room stays, and says why it is empty.
      if (this.#rooms.size > 1) {
        this.leave(name);
        this.#left = undefined;
      }
      this.#options.refused(name, sentence);
    });
  }

  /** Shows a room, which is entered if it has to be. */
  open(name: string, how: "push" | "replace" | "history" = "push"): void {
    const before = this.#current;
    this.#current = this.enter(name);
    if (how === "replace") this.#history.replace(name);
    else if (how === "push" && before !== this.#current) this.#history.push(name);
    if (before !== this.#current) {
      this.#previous = before.name;
      this.#options.client.typing(before.name, false);
      before.list.setActive(false);
    }
    this.#options.opened(this.#current);
  }

  /** Shows the room that is so many rows below the current one, or above it. */
  openNext(step: number): void {
    const names = [...this.#rooms.keys()];
    const index = names.indexOf(this.#current.name) + step + names.length;
    const next = names[index % names.length];
    if (next !== undefined) this.open(next);
  }

  leave(name: string): void {
    const room = this.#rooms.get(name);
    if (!room) return;
    const since = this.#options.client.leave(name); // it ends the typing of others there
    const wasCurrent = room === this.#current;
    this.#left = { room, since, place: this.all.indexOf(room), wasCurrent };
    this.#rooms.delete(name);
    forget(name);
    room.list.element.remove();
    if (!wasCurrent) return this.#options.changed();
    const next = this.#rooms.has(this.#previous) ? this.#previous : this.all[0]?.name;
    this.open(next ?? DEFAULT_ROOM, "replace");
  }

  /** Enters a room again that was left. It is shown if it was then. */
  undoLeave(name: string): void {
    const wasCurrent = this.left !== name || this.#left?.wasCurrent;
    this.enter(name);
    if (wasCurrent) this.open(name);
    else this.#options.changed();
  }
}
