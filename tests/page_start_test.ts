/**
 * The page before its script runs, and where it cannot run, in Chromium.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { assertAccessible, browserTest } from "./support/browser.ts";
import { serve, until } from "./support/harness.ts";
import { fill, says, shows } from "./support/page.ts";

/** What the page loads too when the server takes seconds to answer, as on a machine that is very busy. */
const FOR_SLOW_SERVERS = /\/(http_transport|requests)\.ts$/;

browserTest("the page says so where its script cannot start", async (chrome) => {
  await using server = await serve();
  const unable = ".unable";
  const bare = await chrome.open(server.url, { javaScriptEnabled: false });
  await bare.locator(`${unable} noscript`).waitFor();
  const broken = await chrome.open(`${server.url}/healthz`);
  await broken.route("**/page/toast.ts", (route) => route.abort());
  const old = await chrome.open(`${server.url}/healthz`, { reducedMotion: "reduce" });
  await old.addInitScript(
    "delete Promise.withResolvers; delete Map.groupBy; delete Intl.Segmenter",
  );
  await Promise.all([broken, old].map((page) => page.goto(server.url)));
  for (const page of [broken, old]) {
    await page.locator(unable).waitFor();
    assert((await page.locator(unable).textContent() ?? "").includes("重新加载"));
    await assertAccessible(page, "a page that has not started", unable);
  }
  chrome.complaints.splice(0); // what the old browser misses
  const good = await chrome.open(server.url);
  await says(good, "#count", "1 person");
  assert(await good.locator(unable).isHidden());
});

browserTest("what is typed before the script runs is kept, and so is the room", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(`${server.url}/healthz`);
  const held = Promise.withResolvers<void>();
  await ada.route("**/page/app.ts", async (route) => {
    await held.promise;
    await route.continue();
  });
  const address = `${server.url}/?room=design`;
  await ada.goto(address, { waitUntil: "commit" });
  await ada.locator("#say").fill("typed early");
  await ada.locator("#send").click();
  held.resolve();
  await says(ada, "#count", "1 person");
  assertEquals(ada.url(), address);
  assertEquals(await ada.locator("#say").inputValue(), "typed early");
  await ada.locator("#send").click();
  await shows(ada, ["typed early"]);
});

browserTest(
  "all modules are named with the page, and nothing moves while it loads",
  async (chrome) => {
    const rules = [{ match: "announcements", everyone: "read" }] as const;
    await using server = await serve({}, { rules });
    await fill(server.url, "lobby", 45); // more would bring the modules that read older ones
    for (const viewport of [{ width: 1200, height: 800 }, { width: 390, height: 780 }]) {
      const ada = await chrome.open(`${server.url}/healthz`, { viewport });
      await ada.addInitScript(`
      window.shifts = [];
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
          window.shifts.push([value, ...sources.map(({ node }) => node?.id || node?.className || node?.nodeName)]);
        }
      }).observe({ type: "layout-shift", buffered: true });
    `);
      for (const visit of ["lobby", "lobby", "empty", "announcements"]) {
        let loaded: string[] = [];
        let named: string[] = [];
        await until(async () => {
          await ada.goto(`${server.url}/?room=${visit}`);
          if (visit === "lobby") await ada.locator(".list .line").last().waitFor();
          await says(ada, "#count", "here");
          await ada.evaluate(
            "new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)))",
          );
          const shifts = await ada.evaluate<[number, ...string[]][]>("shifts");
          const sum = shifts.reduce((total, [value]) => total + value, 0);
          assertEquals(sum, 0, `${visit} shifts: ${JSON.stringify(shifts)}`);
          [loaded, named] = await ada.evaluate<[string[], string[]]>(`[
          performance.getEntriesByType("resource").map(({ name }) => name)
            .filter((it) => it.endsWith(".ts")),
          [...document.querySelectorAll("link[rel=modulepreload]")].map(({ href }) => href),
        ].map((all) => [...new Set(all)].sort())`);
          return !loaded.some((url) => FOR_SLOW_SERVERS.test(url));
        }, "a server that answers at once");
        assertEquals(loaded, named, "what is loaded, and what was named");
      }
    }
  },
);
