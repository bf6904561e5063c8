/**
 * `MemberList` shows the members of a room. The server lists some of them, and says how many there are.
 *
 * @module
 */
import type { JoinedEvent, SystemEvent, User } from "../client/mod.ts";
import { avatar, byId, create } from "./dom.ts";
import { language, strings } from "./strings.ts";

/** The members of one room. */
export class MemberList {
  readonly #members = new Map<string, User>();
  #count = 0;

  joined({ members, memberCount }: JoinedEvent): void {
    this.#members.clear();
    for (const user of members) this.#members.set(user.id, user);
    this.#count = memberCount;
  }

  /**
   * Takes a change over.
   *
   * @returns the name that the user had until now, if it was known.
   */
  changed({ kind, user, memberCount }: SystemEvent): string | undefined {
    this.#count = memberCount;
    if (!user) return undefined;
    const oldName = this.#members.get(user.id)?.name;
    if (kind === "left") this.#members.delete(user.id);
    else this.#members.set(user.id, user);
    return oldName;
  }

  /** Shows the members in the panel, the user first. */
  show(me: User | undefined): void {
    const order = new Intl.Collator(language);
    const members = [...this.#members.values()].sort((one, other) =>
      Number(other.id === me?.id) - Number(one.id === me?.id) ||
      order.compare(one.name, other.name)
    );
    const rows = members.map((user) => {
      const row = create("li", {}, avatar(user), create("bdi", {}, user.name));
      if (user.id === me?.id) {
        row.className = "own";
        row.append(create("span", { class: "soft" }, strings.you));
      }
      return row;
    });
    const count = this.#count;
    const more = count - members.length;
    if (more > 0) rows.push(create("li", { class: "soft" }, strings.more(more)));
    byId("people-list", HTMLUListElement).replaceChildren(...rows);
    byId("count", HTMLElement).textContent = count ? strings.here(count) : "";
    byId("who-count", HTMLElement).textContent = count ? String(count) : "";
    byId("open-people", HTMLElement).setAttribute("aria-label", strings.openPeople(count));
  }
}
