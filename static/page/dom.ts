/**
 * Creates and finds elements. Text goes in as text: nothing here can turn it into markup.
 *
 * @module
 */

/// <reference lib="dom" />

/** How soon a page that is not seen is changed, in milliseconds. */
const UNSEEN_MS = 250;
/** How long what can wait for an idle moment waits at most, in milliseconds. */
const IDLE_TIMEOUT_MS = 1_000;
/** How many code points an initial may have. The emoji of a family has seven. */
const INITIAL_CODE_POINTS = 7;
const segmenter = new Intl.Segmenter();

/** Creates an element with these attributes. Its children are nodes, or text. */
export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Creates a button that does something when it is pressed. */
export function button(
  className: string,
  action: () => void,
  ...children: readonly (Node | string)[]
): HTMLButtonElement {
  const element = create("button", { type: "button", class: className }, ...children);
  element.addEventListener("click", action);
  return element;
}

/**
 * Finds an element of index.html.
 *
 * @throws {TypeError} if there is none with that id and type.
 */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`The page has no ${type.name} #${id}.`);
  return element;
}

/** Writes a text that may be there already: then nothing is laid out anew. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Hides an element, or shows it, if it is not so already: else the style of what it touches is worked out anew. */
export function setHidden(element: HTMLElement, isHidden: boolean): void {
  if (element.hidden !== isHidden) element.hidden = isHidden;
}

/** Puts the children into an element, and leaves those alone that are in their place. */
export function placeChildren(parent: HTMLElement, children: readonly HTMLElement[]): void {
  const wanted = new Set<Element>(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const child of children) {
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

/** Creates an icon from one of the symbols at the end of index.html. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

/** Creates text that only a screen reader reads. */
export function spokenOnly(text: string): HTMLElement {
  return create("span", { class: "heard-only" }, text);
}

/** Creates a user's picture: the initial in a circle of the user's own colour. */
export function avatar(user: { readonly id: string; readonly name: string }): HTMLElement {
  const [first] = segmenter.segment(user.name.trim());
  // Marks upon marks have no end. To cut between code units would cut an emoji in two.
  const initial = [...first?.segment ?? "?"].slice(0, INITIAL_CODE_POINTS).join("");
  const element = create("span", { class: "face", "aria-hidden": "true" }, initial);
  tint(element, user.id);
  return element;
}

/** Gives an element the hue of a user's id. The style sheet sets the lightness. */
export function tint(element: HTMLElement, id: string): void {
  let hash = 7;
  for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) % 65_521;
  element.style.setProperty("--hue", String(hash % 24 * 15));
}

/** Whether an action that was planned for the next frame is being called. */
let isDrawing = false;

/**
 * Returns a function that calls `action` before the next frame is drawn: once, however often it is
 * called. What such an action plans is called before the same frame: another frame would cost as much again. If
 * it returns true, it is called again before the frame after that. A page that is not seen draws no frames, so
 * it is then called a little later.
 */
export function oncePerFrame(action: () => boolean | void): () => void {
  let isPlanned = false;
  return function plan() {
    if (isPlanned) return;
    isPlanned = true;
    let frame = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (isDrawing) queueMicrotask(run);
    else {
      frame = requestAnimationFrame(run);
      timer = setTimeout(run, UNSEEN_MS);
    }
    function run(): void {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      isPlanned = false;
      isDrawing = frame !== 0; // two actions that plan each other must not do so for ever
      let isUnfinished: boolean | void = false;
      try {
        isUnfinished = action();
      } finally {
        isDrawing = false;
      }
      if (isUnfinished) plan();
    }
  };
}

/**
 * Returns a function that calls `action` when the browser has nothing better to do, or after a second: once,
 * however often it is called. If it returns true, it is called again.
 */
export function onceIdle(action: () => boolean): () => void {
  let isPlanned = false;
  return function plan() {
    if (isPlanned) return;
    isPlanned = true;
    // Older versions of Safari have no idle callbacks.
    if ("requestIdleCallback" in globalThis) requestIdleCallback(run, { timeout: IDLE_TIMEOUT_MS });
    else setTimeout(run, UNSEEN_MS);
    function run(): void {
      isPlanned = false;
      if (action()) plan();
    }
  };
}
