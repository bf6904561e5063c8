/** Who is in a room. */
import type { JoinedEvent, SystemEvent, User } from "../../server/protocol/messages.ts";
import { byId, face, h } from "./dom.ts";
import { language, strings } from "./strings.ts";

/** The people of one room. The server lists some; `count` says how many there are. */
export class People {
  readonly #listed = new Map<string, User>();
  count = 0;

  joined({ members, memberCount }: JoinedEvent): void {
    this.#listed.clear();
    for (const user of members) this.#listed.set(user.id, user);
    this.count = memberCount;
  }

  /** @returns the name that somebody had until now, if it was known. */
  changed({ kind, user, memberCount }: SystemEvent): string | undefined {
    this.count = memberCount;
    const before = user && this.#listed.get(user.id)?.name;
    if (user && kind === "left") this.#listed.delete(user.id);
    else if (user) this.#listed.set(user.id, user);
    return before;
  }

  /** Shows them in the panel, oneself first. */
  show(me: User | undefined): void {
    const order = new Intl.Collator(language);
    const people = [...this.#listed.values()].sort((a, b) =>
      Number(b.id === me?.id) - Number(a.id === me?.id) || order.compare(a.name, b.name)
    );
    const rows = people.map((user) => {
      const row = h("li", {}, face(user), h("bdi", {}, user.name));
      if (user.id === me?.id) {
        row.className = "own";
        row.append(h("span", { class: "soft" }, strings.you));
      }
      return row;
    });
    const more = this.count - people.length;
    if (more > 0) rows.push(h("li", { class: "soft" }, strings.more(more)));
    byId("people-list", HTMLUListElement).replaceChildren(...rows);
    byId("count", HTMLElement).textContent = this.count ? strings.here(this.count) : "";
    byId("who-count", HTMLElement).textContent = this.count ? String(this.count) : "";
    byId("open-people", HTMLElement).setAttribute("aria-label", strings.openPeople(this.count));
  }
}
