/**
 * `OwnName` shows the user's own name in the corner, where it can be changed.
 *
 * @module
 */
import type { User } from "../client/mod.ts";
import { avatar, button, byId, create, icon, setText, spokenOnly, tint } from "./dom.ts";
import { FieldError } from "./field_error.ts";
import { isRailShown } from "./panels.ts";
import { strings } from "./strings.ts";

/** The user's own name. */
export class OwnName {
  readonly #container = byId("me", HTMLElement);
  readonly #face = avatar({ id: "", name: "" });
  readonly #name = create("bdi");
  /** Shows the name. It is kept: a button that was replaced during a click would not be clicked. */
  readonly #button: HTMLButtonElement;
  readonly #rename: (name: string) => void;
  #user: User | undefined;
  /** The user with the name that is shown, which the server may not know yet. */
  #shown: User | undefined;
  #isEditing = false;
  /** The name that the user asked for last. */
  #asked = "";

  constructor(rename: (name: string) => void) {
    this.#rename = rename;
    const parts = [this.#face, this.#name, icon("pencil"), spokenOnly(strings.rename)];
    this.#button = button("name", () => this.#shown && this.#edit(this.#shown), ...parts);
    this.#button.id = "my-name";
    this.#button.title = strings.rename;
  }

  /** Shows the user's name, unless a new one is being written. */
  show(user: User | undefined): void {
    const isSame = user?.id === this.#user?.id && user?.name === this.#user?.name;
    this.#user = user;
    if (user && !this.#isEditing && !isSame) this.#showName(user);
  }

  /** Begins to change the name. */
  edit(): void {
    if (this.#user && !this.#isEditing) this.#edit(this.#user);
  }

  /**
   * Shows why the server refused the new name, beside that name, which can be changed.
   *
   * @returns whether it can be seen.
   */
  refused(sentence: string): boolean {
    if (!this.#user) return false;
    const isSeen = isRailShown();
    if (!isSeen || !this.#asked) this.#showName(this.#user);
    else if (!this.#isEditing) this.#edit(this.#user, this.#asked).show(sentence);
    return isSeen && this.#asked !== "";
  }

  #showName(user: User): void {
    this.#shown = user;
    setText(this.#face, avatar(user).textContent ?? "");
    tint(this.#face, user.id);
    setText(this.#name, user.name);
    if (!this.#button.isConnected) this.#container.replaceChildren(this.#button);
  }

  #edit(user: User, name = user.name): FieldError {
    this.#isEditing = true;
    const refusedName = name === user.name ? "" : name;
    const input = create("input", {
      id: "new-name",
      type: "text",
      maxlength: "64",
      enterkeyhint: "done",
      "aria-label": strings.yourName,
      autocomplete: "nickname",
      spellcheck: "false",
    });
    input.value = name;
    const save = create("button", { class: "plain", type: "submit" }, strings.save);
    const form = create("form", {}, input, save);
    const error = new FieldError(input);
    const done = (name?: string) => {
      if (!this.#isEditing) return;
      this.#isEditing = false;
      const isChanged = name && name !== user.name && name !== refusedName;
      if (isChanged) this.#rename(this.#asked = name);
      // The new name is shown at once. If the server refuses it, the old one comes back.
      this.#showName(isChanged ? { ...user, name } : this.#user ?? user);
      this.#button.focus();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      done(input.value.trim());
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation();
      done();
    });
    form.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && form.contains(relatedTarget)) return;
      done(input.value.trim());
    });
    this.#container.replaceChildren(form);
    input.select();
    return error;
  }
}
