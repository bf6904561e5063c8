/**
 * `MemberList` shows the members of a room. The server lists some of them, and says how many there are.
 * In a crowd it says only that, so who is still there is not known: then no name is shown but the
 * user's own. Rows are kept and only changed, because in a busy room somebody always comes or goes.
 *
 * @module
 */
import type { JoinedEvent, SystemEvent, User } from "../client/mod.ts";
import { avatar, byId, create, icon, placeChildren, setText } from "./dom.ts";
import { isolated, language, strings } from "./strings.ts";

const order = new Intl.Collator(language);

/** The members of one room. */
export class MemberList {
  readonly #members = new Map<string, User>();
  #count = 0;
  /** The rows that were shown, by the user's id. */
  readonly #rows = new Map<string, HTMLElement>();
  readonly #more = create("li", { class: "soft" });
  #isStale = true;
  #shownFor: User | undefined;
  #isManager = false;

  /** The members that are known. */
  get users(): Iterable<User> {
    return this.#members.values();
  }

  joined({ members, memberCount }: JoinedEvent): void {
    this.#members.clear();
    for (const user of members) this.#members.set(user.id, user);
    this.#count = memberCount;
    this.#isStale = true;
  }

  /** Notes that the user is not in the room any more, and so cannot know who is. */
  left(): void {
    this.#members.clear();
    this.#count = 0;
    this.#isStale = true;
  }

  /**
   * Takes a change over.
   *
   * @returns the name that the user had until now, if it was known.
   */
  changed({ kind, user, memberCount }: SystemEvent): string | undefined {
    this.#count = memberCount;
    this.#isStale = true;
    if (kind === "count") this.#members.clear();
    if (!user) return undefined;
    const oldName = this.#members.get(user.id)?.name;
    if (kind === "left") this.#members.delete(user.id);
    else this.#members.set(user.id, user);
    return oldName;
  }

  /**
   * Shows the members in the panel, the user first.
   *
   * @param isOther whether another room was shown there before.
   * @param isManager whether the user can do something to the others.
   */
  show(me: User | undefined, isOther: boolean, isManager: boolean): void {
    const isSame = me === this.#shownFor && isManager === this.#isManager;
    if (!this.#isStale && !isOther && isSame) return;
    this.#isStale = false;
    this.#shownFor = me;
    this.#isManager = isManager;
    // The server lists some of the members, and the user may not be among them.
    const others = [...this.#members.values()].filter(({ id }) => id !== me?.id)
      .sort((one, other) => order.compare(one.name, other.name));
    const members = me && this.#count ? [me, ...others] : others;
    const rows = members.map((user) => this.#row(user, user === me));
    const more = this.#count - members.length;
    if (more > 0) {
      setText(this.#more, strings.more(more));
      rows.push(this.#more);
    }
    this.#place(rows);
    const shown = new Set(members.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!shown.has(id)) this.#rows.delete(id);
    const count = this.#count;
    setText(byId("count", HTMLElement), count ? strings.here(count) : "");
    setText(byId("who-count", HTMLElement), count ? String(count) : "");
    byId("open-people", HTMLElement).setAttribute("aria-label", strings.openPeople(count));
  }

  /** Puts the rows into the panel. */
  #place(rows: readonly HTMLElement[]): void {
    const list = byId("people-list", HTMLUListElement);
    const hasFocus = list.contains(document.activeElement) && document.activeElement !== list;
    placeChildren(list, rows);
    // Whoever had the focus is gone.
    if (hasFocus && !list.contains(document.activeElement)) list.focus();
  }

  #row(user: User, isOwn: boolean): HTMLElement {
    const known = this.#rows.get(user.id);
    const hasActions = this.#isManager && !isOwn;
    const isKept = known?.dataset.name === user.name &&
      known.classList.contains("own") === isOwn &&
      (known.querySelector("button") !== null) === hasActions;
    if (isKept) return known;
    const row = create("li", { "data-id": user.id }, avatar(user), create("bdi", {}, user.name));
    row.dataset.name = user.name;
    if (isOwn) {
      row.className = "own";
      row.append(create("span", { class: "soft" }, strings.you));
    } else if (hasActions) row.append(moreButton(user.name));
    this.#rows.set(user.id, row);
    return row;
  }
}

/** Creates the button that brings up what can be done to somebody: see person_actions.ts. */
function moreButton(name: string): HTMLElement {
  const label = strings.personActions(isolated(name));
  const attributes = {
    type: "button",
    class: "quiet more",
    "data-actions": "",
    "aria-label": label,
  };
  return create("button", attributes, icon("more"));
}
