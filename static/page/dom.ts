/** Building and finding elements. Text goes in as text: nothing here can make markup of it. */

/// <reference lib="dom" />

/** A new element. Attributes are set as they are; children are nodes, or text. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The element of the page with that id, which the page is known to have. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`The page has no ${type.name} #${id}.`);
  return element;
}

/** One of the symbols at the end of index.html. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

/** A person's initial in a circle of the person's own colour. */
export function face(user: { readonly id: string; readonly name: string }): HTMLElement {
  const [initial = "?"] = new Intl.Segmenter().segment(user.name.trim());
  const letter = typeof initial === "string" ? initial : initial.segment;
  const element = h("span", { class: "face", "aria-hidden": "true" }, letter.slice(0, 4));
  tint(element, user.id);
  return element;
}

/** Gives an element the hue that belongs to an id; the style sheet knows how light it may be. */
export function tint(element: HTMLElement, id: string): void {
  let hash = 7;
  for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) % 65_521;
  element.style.setProperty("--hue", String(hash % 24 * 15));
}
