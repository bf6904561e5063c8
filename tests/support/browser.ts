/**
 * Chromium for tests: launched for one test and gone after it, with everything that a page
 * complains of written down.
 *
 * @module
 */

import axe from "npm:axe-core@4.14.1";
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "npm:playwright-core@1.65.1";
import { assertEquals } from "./assert.ts";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/** How long anything on a page is waited for, in milliseconds. */
const PATIENCE_MS = 20_000;

/** What Chromium says when a server is away, which tests make it be. */
const AWAY = /WebSocket connection to|Failed to load resource|net::ERR_/;

const executablePath = PATHS.find(exists);

/** A test in Chromium. Where there is none it is skipped, by name; in CI it then fails instead. */
export function browserTest(name: string, run: (chrome: Chrome) => Promise<void>): void {
  const ignore = executablePath === undefined && Deno.env.get("CI") !== "true";
  Deno.test({
    name: `page: ${name}`,
    ignore,
    async fn() {
      await using chrome = await launch();
      await run(chrome);
      assertEquals(chrome.complaints, [], "what the pages complained of");
    },
  });
}

/** A browser whose pages are watched. */
export class Chrome implements AsyncDisposable {
  /** Errors, warnings, and violations of the security policy, of all pages. */
  readonly complaints: string[] = [];
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** A page in a context of its own: another person, on another device. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ locale: "en-GB", ...options });
    return await this.tab(await context.newPage(), url);
  }

  /** Another page in the context of a page: the same person's other tab. */
  async tab(page: Page, url?: string): Promise<Page> {
    const tab = url === undefined ? await page.context().newPage() : page;
    tab.setDefaultTimeout(PATIENCE_MS);
    tab.on("pageerror", (error) => this.complaints.push(String(error.stack ?? error)));
    tab.on("console", (message) => {
      const bad = message.type() === "error" || message.type() === "warning";
      if (bad && !AWAY.test(message.text())) this.complaints.push(message.text());
    });
    await tab.goto(url ?? page.url());
    return tab;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** Chromium, until disposed. @throws if it is not installed. */
export async function launch(): Promise<Chrome> {
  if (executablePath === undefined) throw new Error("Chromium is not installed.");
  return new Chrome(await chromium.launch({ executablePath, args: FLAGS }));
}

/**
 * Fails if axe finds anything on the page against WCAG 2.2 AA or its own best practices.
 *
 * @param within the part of the page that is looked at; by default all of it.
 */
export async function assertAccessible(page: Page, state: string, within?: string): Promise<void> {
  await page.evaluate(axe.source);
  // What fades in is looked at when it is there.
  await page.evaluate(`document.getAnimations()
    .filter((it) => it.effect.getComputedTiming().iterations !== Infinity)
    .forEach((it) => it.finish())`);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const found: unknown = await page.evaluate(
    `axe.run(${within === undefined ? "document" : JSON.stringify(within)}, { runOnly: ${
      JSON.stringify(tags)
    } }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, failureSummary }) =>
        html + " " + failureSummary).join("\\n")))`,
  );
  assertEquals(found, [], `what axe found: ${state}`);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
