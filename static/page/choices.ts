/**
 * `Choices` is a field with a list below it: what is typed filters the list, the arrows and Enter choose,
 * and so does a click. The focus stays in the field (the "combobox" of the ARIA Authoring Practices).
 * Rows are kept and only changed: a row that was replaced during a click would not be clicked.
 *
 * @module
 */

/// <reference lib="dom" />

import { create, icon, placeChildren, setHidden, setText } from "./dom.ts";
import { language } from "./strings.ts";

/** One row of the list. */
export interface Choice {
  /** Names the row among all of the list. */
  readonly key: string;
  readonly label: string;
  /** What is said beside the label. */
  readonly detail?: string;
  /** The icon before the label; by default the sign of a room. */
  readonly symbol?: string;
  readonly choose: () => void;
}

/** Rows under a heading. */
export interface ChoiceGroup {
  readonly label: string;
  readonly choices: readonly Choice[];
}

/** How many rows of a group are shown. Typing brings the others. */
const MAX_SHOWN = 100;

/** The field and the list. */
export class Choices {
  readonly input: HTMLInputElement;
  readonly list: HTMLElement;
  readonly #changed: () => void;
  readonly #groups = new Map<string, HTMLElement>();
  readonly #rows = new Map<string, HTMLElement>();
  #shown: readonly Choice[] = [];
  /** The key of the row that Enter chooses. */
  #active = "";

  /**
   * @param id of the field; those of the list and its rows begin with it.
   * @param changed is called when the text changed. It calls {@linkcode show}.
   */
  constructor(id: string, labels: { field: string; list: string }, changed: () => void) {
    this.#changed = changed;
    this.input = create("input", {
      id,
      type: "text",
      role: "combobox",
      maxlength: "64",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      enterkeyhint: "go",
      placeholder: labels.field,
      "aria-label": labels.field,
      "aria-autocomplete": "list",
      "aria-controls": `${id}-list`,
      "aria-expanded": "false",
    });
    this.list = create("div", {
      id: `${id}-list`,
      class: "choices",
      role: "listbox",
      "aria-label": labels.list,
      tabindex: "-1",
    });
    this.input.addEventListener("input", () => {
      this.#active = "";
      changed();
    });
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays
    this.list.addEventListener("pointermove", ({ target }) => {
      const row = target instanceof Element ? target.closest<HTMLElement>("[data-key]") : null;
      if (row?.dataset.key !== undefined) this.#activate(row.dataset.key, false);
    });
    this.list.addEventListener("click", ({ target }) => {
      const row = target instanceof Element ? target.closest<HTMLElement>("[data-key]") : null;
      this.#shown.find(({ key }) => key === row?.dataset.key)?.choose();
    });
  }

  /** What was typed, without the sign of a room before it. */
  get query(): string {
    return this.input.value.trim().replace(/^#\s*/, "");
  }

  /** Empties the field. */
  clear(): void {
    this.input.value = this.#active = "";
    this.#changed();
  }

  /** Shows those rows of the groups that match what was typed, and returns how many do. */
  show(groups: readonly ChoiceGroup[]): number {
    const elements: HTMLElement[] = [];
    const shown: Choice[] = [];
    let count = 0;
    for (const { label, choices } of groups) {
      const found = filtered(choices, this.query);
      count += found.length;
      if (!found.length) continue;
      const visible = found.slice(0, MAX_SHOWN);
      shown.push(...visible);
      elements.push(this.#group(label, visible, groups.length > 1));
    }
    this.#shown = shown;
    placeChildren(this.list, elements);
    const keys = new Set(shown.map(({ key }) => key));
    for (const key of this.#rows.keys()) if (!keys.has(key)) this.#rows.delete(key);
    setHidden(this.list, count === 0);
    this.input.setAttribute("aria-expanded", String(count > 0));
    this.#activate(
      keys.has(this.#active) ? this.#active : shown[0]?.key ?? "",
      !keys.has(this.#active),
    );
    return count;
  }

  #group(label: string, choices: readonly Choice[], isLabelled: boolean): HTMLElement {
    const group = this.#groups.get(label) ?? create("div", { role: "group", "aria-label": label });
    this.#groups.set(label, group);
    const heading = group.querySelector<HTMLElement>(".label") ??
      create("div", { class: "label", "aria-hidden": "true" }, label);
    setHidden(heading, !isLabelled);
    placeChildren(group, [heading, ...choices.map((choice) => this.#row(choice))]);
    return group;
  }

  #row({ key, label, detail = "", symbol }: Choice): HTMLElement {
    let row = this.#rows.get(key);
    if (!row) {
      row = create(
        "div",
        { role: "option", class: "choice", "data-key": key, id: `${this.input.id}-${serial++}` },
        symbol ? icon(symbol) : create("span", { class: "sign", "aria-hidden": "true" }, "#"),
        create("bdi", {}),
        create("span", { class: "soft" }),
      );
      this.#rows.set(key, row);
    }
    const [, name, more] = row.children;
    if (name) setText(name, label);
    if (more) setText(more, detail);
    return row;
  }

  #activate(key: string, isScrolled: boolean): void {
    this.#active = key;
    for (const [other, row] of this.#rows) row.setAttribute("aria-selected", String(other === key));
    const row = this.#rows.get(key);
    if (row) this.input.setAttribute("aria-activedescendant", row.id);
    else this.input.removeAttribute("aria-activedescendant");
    if (!isScrolled) return;
    if (key === this.#shown[0]?.key) this.list.scrollTop = 0; // its heading too
    else row?.scrollIntoView({ block: "nearest" });
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const index = this.#shown.findIndex(({ key }) => key === this.#active);
    if (event.key === "Enter") this.#shown[index]?.choose();
    else if (event.key === "ArrowDown") this.#move(index + 1);
    else if (event.key === "ArrowUp") this.#move(index - 1);
    else return;
    event.preventDefault();
  }

  #move(index: number): void {
    const count = this.#shown.length;
    const choice = this.#shown[(index + count) % (count || 1)];
    if (choice) this.#activate(choice.key, true);
  }
}

let serial = 0;

/** Returns the choices that have all words of the query, those first whose label begins with it. */
function filtered(choices: readonly Choice[], query: string): readonly Choice[] {
  const wanted = folded(query);
  const words = wanted.split(" ").filter(Boolean);
  if (!words.length) return choices;
  const found = choices.filter(({ label }) => {
    const text = folded(label);
    return words.every((word) => text.includes(word));
  });
  const isFirst = ({ label }: Choice) => folded(label).startsWith(wanted);
  return [...found.filter(isFirst), ...found.filter((choice) => !isFirst(choice))];
}

/** Returns a text in lower case and without accents, so that a query typed in haste still finds it. */
function folded(text: string): string {
  return text.normalize("NFKD").replaceAll(/\p{Mn}/gu, "").toLocaleLowerCase(language)
    .replaceAll(/[\s#]+/g, " ").trim();
}
