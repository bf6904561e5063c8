/**
 * Tabs that share one connection (`shared: true`): one socket for all of them, nothing lost, doubled or
 * out of order when the tab that holds it goes, and each tab for itself where the browser cannot share.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { BlockingProxy } from "./support/blocking_proxy.ts";
import { browserTest } from "./support/browser.ts";
import { member, serve, until } from "./support/harness.ts";
import { Dice, SEED } from "./support/random.ts";
import { openTab, sharedTabs } from "./support/shared_tabs.ts";

browserTest(`twenty tabs, one socket, and its holder goes five times, seed ${SEED}`, async (chrome) => {
  await using server = await serve();
  const outcome = await sharedTabs(chrome, server, { tabs: 20, kills: 5, dice: new Dice(SEED) });
  console.log(outcome);
});
