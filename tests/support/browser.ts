/**
 * Chromium for tests: one for all tests of a file, in which each test has contexts of its own. What
 * their pages complain of is written down.
 *
 * @module
 */

import axe from "npm:axe-core@4.14.1";
import { PATIENCE_MS } from "../../server/testing/patience.ts";
import type { Browser, BrowserContextOptions, Page } from "npm:playwright-core@1.65.1";
import { assertEquals } from "./assert.ts";
import { ChromiumProcess, disconnect } from "./chromium_process.ts";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** What Chromium says when a server is away, which tests make it be. */
const AWAY = /WebSocket connection to|Failed to load resource|net::ERR_/;

const executablePath = PATHS.find(exists);

/** The Chromium of this test file, while its tests run. */
let shared: ChromiumProcess | undefined;
let isHooked = false;

/** A test in Chromium. Where there is none it is skipped, by name; in CI it then fails instead. */
export function browserTest(name: string, run: (chrome: Chrome) => Promise<void>): void {
  const ignore = executablePath === undefined && Deno.env.get("CI") !== "true";
  if (!ignore) shareChromium();
  Deno.test({
    name: `page: ${name}`,
    ignore,
    async fn() {
      if (shared === undefined) throw new Error("Chromium did not start.");
      await using chrome = new Chrome(await shared.connect());
      await run(chrome);
      assertEquals(chrome.complaints, [], "what the pages complained of");
    },
  });
}

/**
 * Starts Chromium before the first test of the file and ends it after the last. The sanitizers see
 * what a test leaves open and not what a hook does, and of Chromium only the connection is a test's.
 */
function shareChromium(): void {
  if (isHooked) return;
  isHooked = true;
  Deno.test.beforeAll(async () => {
    shared = await start();
  });
  Deno.test.afterAll(async () => {
    await shared?.[Symbol.asyncDispose]();
  });
}

/** A browser whose pages are watched. */
export class Chrome implements AsyncDisposable {
  /** Errors, warnings, and violations of the security policy, of all pages. */
  readonly complaints: string[] = [];
  readonly #browser: Browser;
  readonly #process: ChromiumProcess | undefined;

  /** @param process what ends with it; a Chromium that others use does not. */
  constructor(browser: Browser, process?: ChromiumProcess) {
    this.#browser = browser;
    this.#process = process;
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
    await disconnect(this.#browser);
    await this.#process?.[Symbol.asyncDispose]();
  }
}

/** Starts a Chromium that ends when it is disposed of. @throws if it is not installed. */
export async function launch(): Promise<Chrome> {
  const process = await start();
  return new Chrome(await process.connect(), process);
}

async function start(): Promise<ChromiumProcess> {
  if (executablePath === undefined) throw new Error("Chromium is not installed.");
  return await ChromiumProcess.start(executablePath);
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
