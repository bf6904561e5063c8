/**
 * What a user does with the page, and what the page then shows.
 *
 * @module
 */
import type { Locator, Page } from "npm:playwright-core@1.65.1";
import { connect } from "../../static/client/mod.ts";
import { assertEquals } from "./assert.ts";
import { until } from "./harness.ts";

export const PHONE = {
  viewport: { width: 320, height: 640 },
  isMobile: true,
  hasTouch: true,
  colorScheme: "dark",
} as const;

export function lines(page: Page): Locator {
  return page.locator(".list:not([hidden]) .line > .text");
}

export async function say(page: Page, text: string): Promise<void> {
  await page.locator("#say").fill(text);
  await page.locator("#say").press("Enter");
}

/** Waits until nothing that the page has said is on its way: all of it has lines of its own. */
export async function allStored(page: Page): Promise<void> {
  await until(async () => await page.locator(".sending").count() === 0, "the echoes");
}

/** Waits until the room that is open shows just these messages. */
export async function shows(page: Page, texts: readonly string[]): Promise<void> {
  let shown: string[] = [];
  const same = () => JSON.stringify(shown) === JSON.stringify(texts);
  try {
    await until(async () => {
      shown = await lines(page).allTextContents();
      return same();
    }, "the messages");
  } finally {
    if (!same()) assertEquals(shown, texts);
  }
}

export async function text(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).textContent() ?? "").replaceAll(/[\u2068\u2069]/g, "");
}

/** Waits until an element says so. */
export async function says(page: Page, selector: string, wanted: string): Promise<void> {
  await until(async () => (await text(page, selector)).includes(wanted), `"${wanted}"`);
}

/** Waits until an element has the focus. */
export async function hasFocus(page: Page, selector: string): Promise<void> {
  const isFocused = `document.activeElement.matches(${JSON.stringify(selector)})`;
  await until(() => page.evaluate<boolean>(isFocused), `the focus in ${selector}`);
}

export async function rename(page: Page, name: string): Promise<void> {
  await page.locator("#my-name").click();
  await page.locator("#me input").fill(name);
  await page.locator("#me input").press("Enter");
}

export async function enter(page: Page, room: string): Promise<void> {
  await page.locator("#add-name").fill(room);
  await page.locator("#add-name").press("Enter");
  await says(page, "#title", room);
}

/** Presses "try now" in the banner, unless it is back already. */
export async function tryNow(page: Page): Promise<void> {
  await page.evaluate(`document.querySelector("#banner button").click()`);
}

/** Whether nothing sticks out of the page sideways. */
export async function fits(page: Page): Promise<boolean> {
  return await page.evaluate<boolean>(
    `[...document.querySelectorAll(".list, main, .bar, #rooms, .list .text, .chips, .composer")].every((it) =>
      it.scrollWidth <= it.clientWidth + 1) &&
      document.documentElement.scrollWidth <= innerWidth`,
  );
}

/** Says so many messages in a room. */
export async function fill(url: string, room: string, count: number): Promise<void> {
  const client = connect(`${url}/ws`, { name: "Filler", maxUnsent: count });
  await client.join(room);
  await Promise.all(
    Array.from({ length: count }, (_, i) => client.send(room, `message ${i + 1}`)),
  );
  client.close();
}
