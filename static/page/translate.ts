/**
 * Puts the strings into index.html where its attributes name them: data-text, data-label, …
 *
 * @module
 */

/// <reference lib="dom" />

import { language, strings } from "./strings.ts";

/** The `data-` attributes that name a string, and the attributes that get it. */
const ATTRIBUTES = { label: "aria-label", title: "title", placeholder: "placeholder" };

/** Translates the page into the user's language. */
export function translatePage(): void {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = stringOf(element.dataset.text);
  }
  for (const [data, attribute] of Object.entries(ATTRIBUTES)) {
    for (const element of document.querySelectorAll<HTMLElement>(`[data-${data}]`)) {
      element.setAttribute(attribute, stringOf(element.dataset[data]));
    }
  }
}

function stringOf(key: string | undefined): string {
  const entry = Object.entries(strings).find(([name]) => name === key);
  if (typeof entry?.[1] !== "string") throw new TypeError(`There is no string "${key}".`);
  return entry[1];
}
