/**
 * Tabs that share one connection (`shared: true`): one socket for all of them, nothing lost, doubled or
 * out of order when the tab that holds it goes, and each tab for itself where the browser cannot share.
 *
 * @module
 */
import { browserTest } from "./support/browser.ts";
import { serve } from "./support/harness.ts";
import { Dice, SEED } from "./support/random.ts";
import { SharedTabs } from "./support/shared_tabs.ts";

browserTest(
  `twenty tabs have one socket, and its holder goes five times, seed ${SEED}`,
  async (chrome) => {
    await using server = await serve();
    const tabs = new SharedTabs(chrome, server);
    await tabs.open("lobby", "even");
    await Promise.all(
      Array.from({ length: 19 }, (_, n) => tabs.open("lobby", n % 2 ? "even" : "odd")),
    );
    console.log(server.connectionCount, tabs.sockets);
    console.log(await tabs.survive(5, new Dice(SEED)));
  },
);
