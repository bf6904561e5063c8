/**
 * The lines of the list of messages: stored messages, and the user's own on their way.
 *
 * @module
 */
import type { ChatEvent } from "../client/mod.ts";
import { button, create, icon, spokenOnly } from "./dom.ts";
import type { KnownNames } from "./known_names.ts";
import { parseText, plainText } from "./parse_text.ts";
import { richText } from "./rich_text.ts";
import { clockTime, fullTime, strings } from "./strings.ts";

/** A message with more lines or characters than these is folded. */
const LONG_LINES = 30;
const LONG_CHARACTERS = 4_000;

/** Marks upon marks, which may reach into the lines above and below. */
const TALL = /\p{M}{3}/u;

/** What a line shows besides its message. */
export interface Surroundings {
  /** The names that may be mentioned. */
  readonly names: KnownNames;
  /** The user's own reactions. */
  readonly mine: readonly string[];
  readonly react: (reaction: string, on: boolean) => void;
  /** The message that it answers, if that is shown. */
  readonly answered: ChatEvent | undefined;
  /** Goes to that message. */
  readonly jump: () => void;
}

/** Creates the line of a stored message, as it is now. */
export function storedLine(
  message: ChatEvent,
  isOwn: boolean,
  { names, mine, react, answered, jump }: Surroundings,
): HTMLElement {
  const { seq, at, payload, deleted, edited, replyTo, reactions = {} } = message;
  const line = create("div", { class: "line", "data-seq": String(seq), tabindex: "-1" });
  line.append(timeOf(at, "at"));
  if (replyTo !== undefined && !deleted) {
    line.dataset.reply = String(replyTo);
    if (!answered) line.dataset.incomplete = "";
    line.append(quote(answered, jump));
  }
  if (deleted) {
    line.classList.add("deleted");
    line.append(create("div", { class: "text" }, strings.deleted));
    return line;
  }
  line.append(text(payload, names));
  const isToMe = !isOwn && payload.includes("@") && line.querySelector(".mention.me") !== null;
  if (isToMe) line.classList.add("to-me");
  if (isLong(payload)) fold(line);
  if (edited !== undefined) {
    line.append(create("span", { class: "edited", title: fullTime(edited) }, strings.edited));
  }
  if (isOwn) line.append(mark("check", strings.sent));
  const chips = Object.entries(reactions).map(([reaction, count]) => {
    const isMine = mine.includes(reaction);
    const chip = button("chip", () => react(reaction, !isMine), `${reaction} ${count}`);
    chip.dataset.reaction = reaction;
    chip.setAttribute("aria-pressed", String(isMine));
    chip.setAttribute("aria-label", strings.reactions(reaction, count));
    return chip;
  });
  if (chips.length > 0) line.append(create("div", { class: "chips" }, ...chips));
  return line;
}

/** Creates the quote of a message that is answered. The log has only its number. */
function quote(answered: ChatEvent | undefined, jump: () => void): HTMLElement {
  const shown = answered && !answered.deleted
    ? [
      create("b", {}, create("bdi", {}, answered.from.name)),
      " ",
      plainText(answered.payload).slice(0, 200),
    ]
    : [answered ? strings.deleted : strings.earlier];
  return button("quote", jump, icon("reply"), create("span", {}, ...shown));
}

/** Creates the line of a message that is being sent. */
export function sendingLine(payload: string, names: KnownNames): HTMLElement {
  return create(
    "div",
    { class: "line sending" },
    text(payload, names),
    mark("clock", strings.sending),
  );
}

/** Marks a line as not sent, and says why. The user can send it again, or discard it. */
export function markFailed(
  line: HTMLElement,
  reason: string,
  retry: () => void,
  discard: () => void,
): void {
  line.className = "line failed";
  line.querySelector(".mark")?.remove();
  line.append(create(
    "div",
    { class: "failure" },
    create("span", {}, icon("alert"), `${strings.notSent} ${reason}`),
    button("plain", retry, strings.retry),
    button("plain", discard, strings.discard),
  ));
}

/** Creates the time of a message, which tells the date when the pointer rests on it. */
export function timeOf(at: number, className = "time"): HTMLElement {
  const datetime = new Date(at).toISOString();
  return create("time", { class: className, datetime, title: fullTime(at) }, clockTime(at));
}

function text(payload: string, names: KnownNames): HTMLElement {
  // To clip every text would take the browser as long as all the rest of a message.
  const className = TALL.test(payload) ? "text tall" : "text";
  const nodes = richText(parseText(payload, names.nameAt), (mention) => names.isOwn(mention));
  return create("div", { class: className, dir: "auto" }, ...nodes);
}

function isLong(payload: string): boolean {
  return payload.length > LONG_CHARACTERS ||
    payload.split("\n", LONG_LINES + 1).length > LONG_LINES;
}

/** Shows only the beginning of a line, with a button that shows the rest. */
function fold(line: HTMLElement): void {
  const toggle = button("plain", () => set(!line.classList.contains("folded")));
  function set(isFolded: boolean): void {
    line.classList.toggle("folded", isFolded);
    toggle.setAttribute("aria-expanded", String(!isFolded));
    toggle.textContent = isFolded ? strings.showAll : strings.showLess;
  }
  // A link in the hidden part can be reached with the keyboard, and is then shown.
  line.querySelector(".text")?.addEventListener("focusin", () => set(false));
  set(true);
  line.append(toggle);
}

function mark(symbol: string, label: string): HTMLElement {
  return create("span", { class: "mark", title: label }, icon(symbol), spokenOnly(label));
}
