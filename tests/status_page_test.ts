/**
 * The page of the metrics at `/status`, in Chromium: it asks for a key, draws what it is sent, and says what
 * is wrong.
 *
 * @module
 */
import { monitorOf } from "../server/server.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { assertAccessible, browserTest } from "./support/browser.ts";
import { freePort } from "./support/child.ts";
import { serve, until } from "./support/harness.ts";
import { ask, say } from "./support/http.ts";
import { KEY } from "./support/scrape.ts";

browserTest(
  "the status page asks for a key, and shows the numbers to whoever has one",
  async (chrome) => {
    const port = freePort();
    const server = await serve({ apiKeys: KEY, metricsPort: port, page: false });
    const monitor = monitorOf(server);
    for (const [path, status] of [["/status", 200], ["/", 404], ["/status/x", 404]] as const) {
      const response = await fetch(server.url + path);
      await response.body?.cancel();
      assertEquals(response.status, status, path);
    }

    const page = await chrome.open(`${server.url}/status`);
    const state = page.locator("#state");
    await page.locator("#sign-in").waitFor();
    await assertAccessible(page, "the form");
    for (const wrong of ["ключ", "x".repeat(32)]) {
      await page.locator("#key").fill(wrong);
      await page.locator("#key").press("Enter");
      await page.getByText("does not know this key").waitFor();
    }
    await page.locator("#key").fill(KEY);
    await page.getByRole("button", { name: "Show the numbers" }).click();
    await page.locator("#charts").waitFor();
    assert(!page.url().includes(KEY));

    await say(server, "one");
    await monitor.sample();
    const chart = (title: string) =>
      page.locator("section", { has: page.getByText(title, { exact: true }) });
    await state.getByText("Ready").waitFor();
    await chart("Rooms and users").getByText("users", { exact: true }).waitFor();
    await until(async () => /in use\s*\d/.test(await chart("Database").innerText()), "its size");
    assert(await chart("Redis round trip").isHidden(), "there is no Redis");
    const drawn = chart("Memory").locator("path.line-0").last();
    await until(async () => /L/.test(await drawn.getAttribute("d") ?? ""), "a line to be drawn");
    await assertAccessible(page, "the charts");

    monitor.readiness.end("draining");
    await monitor.sample();
    await state.getByText("Not ready: The server is about to stop.").waitFor();
    await page.reload(); // the key stays in the tab
    await page.locator("#charts").waitFor();
    await page.getByRole("button", { name: "Forget the key" }).click();
    await page.locator("#sign-in").waitFor();
    await page.reload();
    await page.locator("#sign-in").waitFor();

    const phone = { viewport: { width: 320, height: 640 }, colorScheme: "dark" } as const;
    const own = await chrome.open(`http://127.0.0.1:${port}/status`, phone);
    await own.locator("#charts").waitFor(); // without a key
    await assertAccessible(own, "a phone in the dark");
    const width = await own.evaluate("document.documentElement.scrollWidth");
    assertEquals(width, 320, "nothing sticks out");
    await server.stop();
    await own.locator("#state", { hasText: "No answer" }).waitFor();

    await using other = await serve(); // nobody has a key: there is no such page
    assertEquals((await ask(other, "/status")).status, 404);
  },
);
