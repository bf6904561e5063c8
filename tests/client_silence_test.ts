/**
 * A connection that died without a word: the client looks into the silence, says that it does, and
 * finishes over another connection what it had begun.
 *
 * @module
 */
import type { Message } from "../server/protocol/messages.ts";
import { type ClientState, connect } from "../static/client/mod.ts";
import { assertEquals } from "./support/assert.ts";
import { browserTest } from "./support/browser.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { faultProxy } from "./support/proxy.ts";

const QUICK = { backoffMs: { min: 5, max: 50 } };

Deno.test("a message that a dead network swallowed is stored over another connection, and it tells that it is in doubt", async () => {
  await using server = await serve({ heartbeatSeconds: 1 });
  await using proxy = faultProxy(server.url);
  const doubts: boolean[] = [];
  const ada = connect(`${proxy.url}/ws`, QUICK);
  ada.addEventListener("doubt", ({ detail }) => doubts.push(detail));
  try {
    await patiently(ada.join("lobby"), "the room");
    proxy.silence();
    const stored: Message = await patiently(ada.send("lobby", "on the train"), "the message");
    assertEquals(stored.seq, 1);
    assertEquals(doubts, [true]);
    assertEquals((await ask(server, "/rooms/lobby/messages")).json.head, 1);
  } finally {
    ada.close();
  }
});

for (const event of ["online", "visibilitychange"]) {
  Deno.test(`${event}: a dead connection is noticed, and a good one is kept`, async () => {
    await using server = await serve({ heartbeatSeconds: 60 });
    await using proxy = faultProxy(server.url);
    const ada = connect(`${proxy.url}/ws`, QUICK);
    try {
      await patiently(ada.join("lobby"), "the room");
      const states: ClientState[] = [];
      ada.addEventListener("state", ({ detail }) => states.push(detail));
      dispatchEvent(new Event(event));
      await patiently(ada.send("lobby", "still here"), "the message");
      assertEquals([states, server.connectionCount], [[], 1]);
      proxy.silence();
      dispatchEvent(new Event(event));
      await until(() => states.some(({ status }) => status === "waiting"), "the loss");
      await until(() => ada.state.status === "open", "another connection");
    } finally {
      ada.close();
    }
  });
}

browserTest("it says that the server does not answer, and that it is back", async (chrome) => {
  await using server = await serve({ heartbeatSeconds: 3 });
  await using proxy = faultProxy(server.url);
  const page = await chrome.open(proxy.url);
  await page.locator("html[data-connection=open]").waitFor();
  await page.evaluate(`{
    window.banners = [];
    const banner = document.querySelector("#banner");
    const look = () => banners.push(banner.textContent);
    new MutationObserver(look).observe(banner, { childList: true, subtree: true, characterData: true });
  }`);
  proxy.silence();
  await page.locator("#say").fill("hello?");
  await page.locator("#say").press("Enter");
  // It is not there for long.
  const isSaid = `banners.some((text) => text.includes("does not answer"))`;
  await until(() => page.evaluate<boolean>(isSaid), "the banner");
  await page.locator(".list .line > .text", { hasText: "hello?" }).waitFor();
  await until(
    async () => (await ask(server, "/rooms/lobby/messages")).json.head === 1,
    "the message",
  );
  await page.locator("#banner").waitFor({ state: "hidden" });
});
