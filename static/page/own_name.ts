/** One's own name in the corner, and changing it in place. */
import type { User } from "../../server/protocol/messages.ts";
import { byId, face, h, icon } from "./dom.ts";
import { strings } from "./strings.ts";

export class OwnName {
  readonly #place = byId("me", HTMLElement);
  readonly #rename: (name: string) => void;
  #user: User | undefined;
  #editing = false;

  constructor(rename: (name: string) => void) {
    this.#rename = rename;
  }

  /** Shows who one is, unless a new name is being written. */
  show(user: User | undefined): void {
    const same = user?.id === this.#user?.id && user?.name === this.#user?.name;
    this.#user = user;
    if (user && !this.#editing && !same) this.#showName(user);
  }

  #showName(user: User): void {
    const button = h(
      "button",
      { type: "button", class: "name", id: "my-name" },
      face(user),
      h("bdi", {}, user.name),
      icon("pencil"),
    );
    button.append(h("span", { class: "heard-only" }, strings.rename));
    button.title = strings.rename;
    button.addEventListener("click", () => this.#edit(user));
    this.#place.replaceChildren(button);
  }

  #edit(user: User): void {
    this.#editing = true;
    const input = h("input", {
      type: "text",
      maxlength: "64",
      enterkeyhint: "done",
      "aria-label": strings.yourName,
      autocomplete: "nickname",
      spellcheck: "false",
    });
    input.value = user.name;
    const save = h("button", { class: "plain", type: "submit" }, strings.save);
    const form = h("form", {}, input, save);
    const done = (name?: string) => {
      if (!this.#editing) return;
      this.#editing = false;
      const changed = name && name !== user.name;
      if (changed) this.#rename(name);
      // The new name is shown at once; if the server refuses it, the old one comes back.
      this.#showName(changed ? { ...user, name } : this.#user ?? user);
      this.#place.querySelector("button")?.focus();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      done(input.value.trim());
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) {
        event.stopPropagation();
        done();
      }
    });
    form.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && form.contains(relatedTarget)) return;
      done(input.value.trim());
    });
    this.#place.replaceChildren(form);
    input.select();
  }

  /** The server refused the new name. */
  refused(): void {
    if (this.#user) this.#showName(this.#user);
  }
}
