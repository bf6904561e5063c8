/**
 * `MemberList` shows the members of a room. The server lists some of them, and says how many there are.
 * In a crowd it says only that, so who is still there is not known: then no name is shown but the
 * user's own. Rows are kept and only changed, because in a busy room somebody always comes or goes.
 *
 * @module
 */
import type { JoinedEvent, SystemEvent, User } from "../client/mod.ts";
import { avatar, byId, create, placeChildren, setText } from "./dom.ts";
import { language, strings } from "./strings.ts";

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
   */
  show(me: User | undefined, isOther: boolean): void {
    if (!this.#isStale && !isOther && me === this.#shownFor) return;
    this.#isStale = false;
    this.#shownFor = me;
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
    placeChildren(byId("people-list", HTMLUListElement), rows);
    const shown = new Set(members.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!shown.has(id)) this.#rows.delete(id);
    const count = this.#count;
    setText(byId("count", HTMLElement), count ? strings.here(count) : "");
    setText(byId("who-count", HTMLElement), count ? String(count) : "");
    byId("open-people", HTMLElement).setAttribute("aria-label", strings.openPeople(count));
  }

  #row(user: User, isOwn: boolean): HTMLElement {
    const known = this.#rows.get(user.id);
    if (known?.dataset.name === user.name && known.classList.contains("own") === isOwn) {
      return known;
    }
    const row = create("li", {}, avatar(user), create("bdi", {}, user.name));
    row.dataset.name = user.name;
    if (isOwn) {
      row.className = "own";
      row.append(create("span", { class: "soft" }, strings.you));
    }
    this.#rows.set(user.id, row);
    return row;
  }
}
