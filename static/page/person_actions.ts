/**
 * `PersonActions` says what a manager of the room that is shown can do to somebody else there: to the sender
 * of a message, and to those in the list of people.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Client, ClientError, type Moderation, type User } from "../client/mod.ts";
import type { Action, ActionBar, BarStyle } from "./action_bar.ts";
import { byId } from "./dom.ts";
import { onLongPress } from "./long_press.ts";
import type { Room } from "./room.ts";
import { isolated, strings } from "./strings.ts";
import { toast } from "./toast.ts";

/** What it needs. */
export interface PersonActionsOptions {
  readonly client: Client;
  readonly bar: ActionBar;
  /** Returns the room that is shown. */
  readonly current: () => Room;
}

/** The actions on users. */
export class PersonActions {
  readonly #options: PersonActionsOptions;
  /** The users who were muted here, each as room and id. The server is not asked for others. */
  readonly #muted = new Set<string>();

  constructor(options: PersonActionsOptions) {
    this.#options = options;
    const { bar } = options;
    const list = byId("people-list", HTMLElement);
    const open = (row: HTMLElement, style: BarStyle) => {
      const { id = "", name = "" } = row.dataset;
      this.#open(row, { id, name }, style);
    };
    list.addEventListener("click", ({ target }) => {
      const opener = target instanceof Element && target.closest("[data-actions]");
      const row = opener && rowOf(opener);
      if (row) open(row, matchMedia("(hover: none)").matches ? "sheet" : "menu");
    });
    list.addEventListener("scroll", () => bar.moved(), { passive: true });
    new MutationObserver(() => bar.moved()).observe(list, { childList: true });
    onLongPress(list, rowOf, (row) => open(row, "sheet"));
  }

  /** Returns what can be done to the sender of a message; in a bar, one action that brings up the others. */
  toSender(user: User, line: HTMLElement, style: BarStyle): readonly Action[] {
    const actions = this.#to(user);
    if (style !== "beside" || actions.length === 0) return actions;
    const label = strings.personActions(isolated(user.name));
    return [{ label, symbol: "more", run: () => this.#open(line, user, "menu") }];
  }

  /** Returns what can be done to a user: nothing, unless the user of the page manages the room. */
  #to({ id, name }: User): readonly Action[] {
    const { client, current } = this.#options;
    const { name: room } = current();
    if (client.right(room) !== "manage" || id === client.user?.id) return [];
    const who = isolated(name);
    const isMuted = this.#muted.has(keyOf(room, id));
    return [
      isMuted
        ? {
          label: strings.unmute(who),
          symbol: "voice",
          run: () => this.#do(room, "unmute", id, who),
        }
        : { label: strings.mute(who), symbol: "mute", run: () => this.#do(room, "mute", id, who) },
      {
        label: strings.expel(who),
        symbol: "expel",
        question: strings.reallyExpel(who),
        run: () => this.#do(room, "remove", id, who),
      },
    ];
  }

  #open(anchor: HTMLElement, user: User, style: BarStyle): void {
    const { bar } = this.#options;
    bar.show(anchor, strings.personActions(isolated(user.name)), this.#to(user), style);
    if (style === "menu") bar.focus();
  }

  async #do(room: string, what: Moderation, id: string, who: string): Promise<void> {
    try {
      await this.#options.client.moderate(room, what, id);
    } catch (error) {
      const isRefused = error instanceof ClientError && error.code === "forbidden";
      return toast(isRefused ? strings.mayNotModerate(who) : strings.notModerated);
    }
    if (what === "mute") this.#muted.add(keyOf(room, id));
    if (what === "unmute") this.#muted.delete(keyOf(room, id));
    if (what === "mute") {
      const run = () => void this.#do(room, "unmute", id, who);
      toast(strings.wasMuted(who), { label: strings.undo, run });
    } else toast(what === "unmute" ? strings.wasUnmuted(who) : strings.wasExpelled(who));
  }
}

/** Returns the row of somebody to whom something can be done. */
function rowOf(target: EventTarget | null): HTMLElement | undefined {
  const row = target instanceof Element ? target.closest<HTMLElement>("li[data-id]") : undefined;
  return row?.querySelector("[data-actions]") ? row : undefined;
}

function keyOf(room: string, id: string): string {
  return JSON.stringify([room, id]);
}
