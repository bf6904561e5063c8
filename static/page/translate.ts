/** Puts the strings into the page where index.html asks for them: data-text, -label, … */

/// <reference lib="dom" />

import { language, strings } from "./strings.ts";

export function translatePage(): void {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = plain(element.dataset.text);
  }
  for (
    const [data, attribute] of [
      ["label", "aria-label"],
      ["title", "title"],
      ["placeholder", "placeholder"],
    ] as const
  ) {
    for (const element of document.querySelectorAll<HTMLElement>(`[data-${data}]`)) {
      element.setAttribute(attribute, plain(element.dataset[data]));
    }
  }
}

function plain(key: string | undefined): string {
  const entry = Object.entries(strings).find(([name]) => name === key);
  if (typeof entry?.[1] !== "string") throw new TypeError(`There is no string "${key}".`);
  return entry[1];
}
