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
import type { Revision } from "./waiting_revisions.ts";

/** A message with more lines or characters than these is folded. */
const LONG_LINES = 30;
const LONG_CHARACTERS = 4_000;

/** Marks upon marks, which may reach into the lines above and below. */
const TALL = /\p{M}{3}/u;

/** What a line shows besides its message. */
export interface Surroundings {
  /** The names that may be mentioned. */
  readonly names: KnownNames;
  /** The user's own reactions, with those that wait. */
  readonly mine: readonly string[];
  /** What is to become of the message, and is not stored yet. */
  readonly waiting: readonly Revision[];
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
  { names, mine, waiting, react, answered, jump }: Surroundings,
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
  const types = waiting.map(({ type }) => type);
  if (types.includes("edit") || types.includes("delete")) {
    line.classList.add("waiting");
    line.classList.toggle("removed", types.includes("delete"));
    line.append(pending());
  }
  if (isOwn) line.append(mark("check", strings.sent));
  // The counts are those that are stored: a reaction that waits has no part in them yet.
  const asked = waiting.filter(({ type }) => type === "react").map(({ payload }) => payload);
  const added = mine.filter((reaction) => asked.includes(reaction));
  const chips: HTMLElement[] = [...new Set([...Object.keys(reactions), ...added])].map(
    (reaction) => {
      const count = reactions[reaction];
      const isMine = mine.includes(reaction);
      const words = count === undefined ? reaction : strings.reactions(reaction, count);
      const chip = button("chip", () => react(reaction, !isMine), words);
      chip.dataset.reaction = reaction;
      chip.setAttribute("aria-pressed", String(isMine));
      chip.classList.toggle("waiting", asked.includes(reaction));
      return chip;
    },
  );
  if (asked.length > 0) chips.push(pending());
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

/** Creates the line of a revision of a message that is not on the page. */
export function revisionLine(revision: Revision, names: KnownNames): HTMLElement {
  const [symbol, label] = deedOf(revision);
  return create(
    "div",
    { class: "line sending" },
    create("div", { class: "quote" }, icon(symbol), create("span", {}, label)),
    ...(revision.type === "edit" ? [text(revision.payload, names)] : []),
    mark("clock", strings.sending),
  );
}

/** Returns the symbol and the words for a revision. */
function deedOf(revision: Revision): readonly [symbol: string, label: string] {
  switch (revision.type) {
    case "edit":
      return ["pencil", strings.edit];
    case "delete":
      return ["bin", strings.remove];
    case "react":
      return revision.on === false
        ? ["cross", strings.takeBack(revision.payload)]
        : ["plus", strings.reactWith(revision.payload)];
  }
}

/** What can be done about what was refused. */
export interface Remedy {
  readonly label: string;
  readonly run: () => void;
}

/** Says in a line why what it shows was refused. The user can do something about that, or discard it. */
export function markFailed(
  line: HTMLElement,
  sentence: string,
  { label, run }: Remedy,
  discard: () => void,
): void {
  line.className = "line failed";
  line.querySelector(".mark")?.remove();
  line.append(create(
    "div",
    { class: "failure" },
    create("span", {}, icon("alert"), sentence),
    button("plain", run, label),
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

/** Creates the sign that something is not stored yet. It has no width, so that nothing moves when it goes. */
function pending(): HTMLElement {
  const sign = mark("clock", strings.sending);
  sign.classList.add("pending");
  return sign;
}

function mark(symbol: string, label: string): HTMLElement {
  return create("span", { class: "mark", title: label }, icon(symbol), spokenOnly(label));
}
