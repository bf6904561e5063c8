/**
 * Signs the user out, in all tabs of the browser: a guest is forgotten on this device, and the session of
 * an application's user ends on the page. It is asked first, because a guest cannot come back.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Client, newRef } from "../client/mod.ts";
import { addOpener, createDialog } from "./dialog.ts";
import { button, byId, create } from "./dom.ts";
import { forgetAll } from "./remembered.ts";
import { strings } from "./strings.ts";

/** What is saved here changes each time that somebody signs out. Pages of before then end too. */
const KEY = "parley.signed-out";

/** Returns which sign-out was the last one in this browser; undefined if there was none. */
export function lastSignOut(): string | undefined {
  try {
    return localStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined; // storage is blocked: each tab is a guest of its own
  }
}

/** Signs out, and does so when another tab does. */
export class SignOut {
  readonly #client: Client;
  readonly #before = lastSignOut();
  readonly #text = create("p", { id: "sign-out-text" });
  readonly #dialog: HTMLDialogElement;
  readonly #done = new AbortController();
  #isGuest = true;

  constructor(client: Client) {
    this.#client = client;
    const title = create("h2", { id: "sign-out-title" }, strings.reallySignOut);
    const stay = button("plain", () => this.#dialog.close(), strings.stay);
    const sure = button("filled", () => this.#confirm(), strings.signOut);
    this.#dialog = createDialog(
      "question",
      { role: "alertdialog", "aria-labelledby": title.id, "aria-describedby": this.#text.id },
      title,
      this.#text,
      create("div", { class: "answers" }, stay, sure),
    );
    addOpener("sign-out", "exit", strings.signOut, () => this.ask());
    client.on("welcome", ({ token }) => this.#isGuest = token !== undefined);
    addEventListener("storage", ({ key }) => this.#look(key));
    addEventListener("pageshow", () => this.#look(KEY)); // it was kept aside while another tab signed out
  }

  /** Is aborted when the user is signed out: then nothing of the rooms is shown any more. */
  get done(): AbortSignal {
    return this.#done.signal;
  }

  /** Asks whether the user is sure. */
  ask(): void {
    this.#text.textContent = this.#isGuest ? strings.guestIsLost : strings.sessionEnds;
    this.#dialog.showModal();
  }

  #look(key: string | null): void {
    if (key === KEY && lastSignOut() !== this.#before) this.#end();
  }

  #confirm(): void {
    try {
      localStorage.setItem(KEY, newRef());
    } catch {
      // Storage is blocked: there is nothing in it, and other tabs are other guests.
    }
    forgetAll();
    this.#end();
  }

  /** Ends the session in this tab. */
  #end(): void {
    if (this.done.aborted) return;
    this.#done.abort();
    this.#client.signOut();
    forgetDrafts();
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    for (const element of document.querySelectorAll(".app, .skip")) element.remove();
    byId("toast", HTMLElement).hidden = true;
    document.title = "Parley";
    history.replaceState(null, "", location.pathname);
    const again = button("filled", () => location.reload(), strings.reload);
    document.body.prepend(
      create("main", { class: "signed-out" }, create("h1", {}, strings.signedOut), again),
    );
    again.focus();
  }
}

/** Forgets what was being written in this tab. */
function forgetDrafts(): void {
  try {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith("parley.draft ")) sessionStorage.removeItem(key);
    }
  } catch {
    // Storage is blocked, so there are none.
  }
}
