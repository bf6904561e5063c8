/**
 * Tabs that share one connection (`shared: true`) have one socket for all of them. Nothing is lost, doubled or
 * out of order when the tab that holds it goes, neither messages nor revisions. Where the browser cannot
 * share, each tab has a socket of its own.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { BlockingProxy } from "./support/blocking_proxy.ts";
import { browserTest } from "./support/browser.ts";
import { member, serve, until } from "./support/harness.ts";
import { Dice, SEED } from "./support/random.ts";
import { known } from "./support/shared_tab_script.ts";
import { SharedTabs } from "./support/shared_tabs.ts";

browserTest(
  `twenty tabs have one socket, and its holder goes five times, seed ${SEED}`,
  async (chrome) => {
    await using server = await serve();
    const tabs = new SharedTabs(chrome, server);
    await tabs.openMany(20);
    // For a moment there are two where the holder was too busy to answer the others.
    await until(() => server.connectionCount === 1, "one connection");
    const { messages, revisions } = await tabs.survive(5, new Dice(SEED));
    assert(messages > 0 && revisions > 0);
  },
);

browserTest("tabs are in different rooms, and each leaves for itself", async (chrome) => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob", room: "a" });
  const tabs = new SharedTabs(chrome, server);
  const one = await tabs.open("a", "b");
  const two = await tabs.open("b");
  const send = (room: string, text: string) =>
    one.page.evaluate(`tab.client.send("${room}", "${text}").then(() => {})`);
  await send("a", "only for one");
  await send("b", "for both");
  await until(async () => (await known(two)).seen.b?.length === 1, "the message");
  assertEquals((await known(two)).seen, { b: [[1, "for both{}", 0]] });
  await one.page.evaluate(`tab.client.leave("b")`);
  await bob.next("chat");
  await two.page.evaluate(`tab.client.send("b", "still here").then(() => {})`);
  assertEquals((await known(two)).seen.b?.at(-1), [2, "still here{}", 0]);
  await one.page.evaluate(`tab.client.leave("a")`);
  await bob.next("system", ({ kind }) => kind === "left");
  await one.page.evaluate(`tab.client.join("b").then(() => {})`);
  await until(async () => (await known(one)).seen.b?.length === 2, "the recent messages");
  assertEquals((await known(one)).seen.b, [[1, "for both{}", 0], [2, "still here{}", 0]]);
  await until(() => server.connectionCount === 2, "one connection, and Bob's");
});

browserTest("where WebSocket is blocked, seven tabs of the page chat", async (chrome) => {
  await using server = await serve();
  await using proxy = new BlockingProxy(server.url, "refuse");
  await using bob = await member(server, { name: "Bob" });
  const first = await chrome.open(proxy.url);
  const pages = [first];
  while (pages.length < 7) pages.push(await chrome.tab(first));
  for (const [n, page] of pages.entries()) {
    await page.locator("#say").fill(`from ${n}`);
    await page.locator("#say").press("Enter");
    await bob.next("chat", ({ payload }) => payload === `from ${n}`);
  }
  bob.send({ type: "chat", payload: "to all" });
  for (const page of pages) {
    await page.locator(".list .line > .text", { hasText: "to all" }).waitFor();
  }
});

for (const lacking of ["navigator.locks", "BroadcastChannel"]) {
  browserTest(`a browser without ${lacking} has a connection for each tab`, async (chrome) => {
    await using server = await serve();
    const tabs = new SharedTabs(chrome, server, { lacking });
    const one = await tabs.open("lobby");
    const two = await tabs.open("lobby");
    await one.page.evaluate(`tab.client.send("lobby", "hello").then(() => {})`);
    await until(async () => (await known(two)).seen.lobby?.length === 1, "the message");
    await until(() => server.connectionCount === 2, "two connections");
  });
}
