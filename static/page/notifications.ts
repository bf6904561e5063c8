/**
 * `Notifications` tells of mentions by the system's notifications while no tab of the page is seen. They are
 * off until the user presses the button, which shows whether they are on, and why they cannot be.
 *
 * @module
 */

/// <reference lib="dom" />

import type { ChatEvent } from "../client/mod.ts";
import { announce } from "./announcer.ts";
import { byId } from "./dom.ts";
import { plainText } from "./parse_text.ts";
import { isolated, strings } from "./strings.ts";
import { toast } from "./toast.ts";

const KEY = "parley.notifications";
/** The lock that each tab holds that is seen. */
const SEEN = "parley.seen";
/** How long the tabs may take to hear of the same message, in milliseconds. */
const TABS_MS = 5_000;
/** A room tells of its newest mention, and not more often than this, in milliseconds. */
const PAUSE_MS = 2_000;
/** How many characters of a message are shown. */
const MAX_CHARACTERS = 200;

/** Whether the user is told of mentions. */
export type NotificationState = "on" | "off" | "blocked" | "unsupported";

/** The notification of one room. */
interface Told {
  message: ChatEvent;
  notification?: Notification;
  /** Set for a while after a notification. */
  timer?: ReturnType<typeof setTimeout> | undefined;
}

/** The notifications of this tab, and the button for them. */
export class Notifications {
  readonly #button = byId("notify", HTMLButtonElement);
  readonly #stateText = byId("notify-state", HTMLElement);
  readonly #open: (room: string, seq: number) => void;
  readonly #told = new Map<string, Told>();
  #isWanted = load();
  #isImpossible = !("Notification" in globalThis) || !isSecureContext || !navigator.locks;

  /** @param open is called when the user presses a notification, with its message. */
  constructor(open: (room: string, seq: number) => void) {
    this.#open = open;
    this.#button.addEventListener("click", () => this.#toggle());
    addEventListener("storage", ({ key }) => {
      if (key !== KEY) return;
      this.#isWanted = load();
      this.#show();
    });
    // The user may change it in the browser's settings.
    navigator.permissions?.query({ name: "notifications" }).then((permission) => {
      permission.addEventListener("change", () => this.#show());
    }, () => {});
    this.#show();
    if (!this.#isImpossible) holdWhileSeen();
  }

  get state(): NotificationState {
    if (this.#isImpossible) return "unsupported";
    if (Notification.permission === "denied") return "blocked";
    return this.#isWanted && Notification.permission === "granted" ? "on" : "off";
  }

  /** Tells of a mention, if the user wants that and sees no tab of the page. */
  readonly tell = (message: ChatEvent): void => {
    if (this.state !== "on" || document.visibilityState === "visible") return;
    const { room, seq } = message;
    // All tabs hear of the message. The first to have its lock tells of it.
    const tag = `parley ${room} ${seq}`;
    navigator.locks.request(tag, { ifAvailable: true }, async (lock) => {
      if (!lock || await isSeen()) return;
      this.#tellSoon(message);
      await new Promise((done) => setTimeout(done, TABS_MS));
    });
  };

  /** Takes the notification of a room away if the user has read up to `readSeq`, and so its message. */
  settle(room: string, readSeq: number): void {
    const told = this.#told.get(room);
    if (!told || told.message.seq > readSeq) return;
    clearTimeout(told.timer);
    told.notification?.close();
    this.#told.delete(room);
  }

  #tellSoon(message: ChatEvent): void {
    const told = this.#told.get(message.room) ?? { message };
    this.#told.set(message.room, told);
    told.message = message;
    if (told.timer === undefined) this.#tellNow(told);
  }

  #tellNow(told: Told): void {
    const { message } = told;
    const { room, seq, from, payload } = message;
    told.notification?.close();
    const title = strings.mentionedIn(isolated(from.name), isolated(room));
    const body = plainText(payload).slice(0, MAX_CHARACTERS);
    const notification = new Notification(title, {
      body,
      tag: `parley ${room} ${seq}`,
      dir: "auto",
    });
    told.notification = notification;
    notification.addEventListener("click", () => {
      focus();
      notification.close();
      this.#open(room, seq);
    });
    told.timer = setTimeout(() => {
      told.timer = undefined;
      if (told.message !== message) this.#tellNow(told);
    }, PAUSE_MS);
  }

  async #toggle(): Promise<void> {
    const before = this.state;
    if (before === "off") {
      this.#isImpossible = !canNotify();
      if (!this.#isImpossible) await Notification.requestPermission();
    }
    this.#isWanted = before === "off" && Notification.permission === "granted";
    save(this.#isWanted);
    this.#show();
    const sentence = { blocked: strings.notifyBlocked, unsupported: strings.notifyUnsupported };
    const { state } = this;
    if (state === "blocked" || state === "unsupported") toast(sentence[state]);
    else announce(this.#button.textContent ?? "");
  }

  #show(): void {
    const states = {
      on: strings.notifyOn,
      off: strings.notifyOff,
      blocked: strings.notifyIsBlocked,
      unsupported: strings.notifyIsUnsupported,
    };
    this.#button.dataset.state = this.state;
    this.#stateText.textContent = states[this.state];
  }
}

/** Whether a page may make notifications: in Chrome on Android, only service workers may. */
function canNotify(): boolean {
  if (Notification.permission === "granted") return true;
  try {
    new Notification(""); // without the permission it shows nothing
    return true;
  } catch {
    return false;
  }
}

/** Holds the lock while this tab is seen. */
function holdWhileSeen(): void {
  let release: (() => void) | undefined;
  function update(): void {
    if (document.visibilityState !== "visible") {
      release?.();
      release = undefined;
    } else if (!release) {
      const hidden = new Promise<void>((resolve) => release = resolve);
      navigator.locks.request(SEEN, { mode: "shared" }, () => hidden);
    }
  }
  document.addEventListener("visibilitychange", update);
  update();
}

/** Whether the user sees a tab of the page. */
async function isSeen(): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === SEEN);
}

/** Turns the notifications off for whoever uses the browser next. */
export function forgetNotifications(): void {
  save(false);
}

function load(): boolean {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false;
  }
}

function save(isWanted: boolean): void {
  try {
    if (isWanted) localStorage.setItem(KEY, "on");
    else localStorage.removeItem(KEY);
  } catch {
    // Storage is blocked: it holds until the page is left.
  }
}
