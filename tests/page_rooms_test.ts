/**
 * Rooms in the page, in Chromium: rows that can be clicked while messages pour in, what is unread and
 * where it begins, tabs that agree, and the browser's own way back.
 *
 * @module
 */
import type { Page } from "npm:playwright-core@1.65.1";
import { assert, assertEquals } from "./support/assert.ts";
import { assertAccessible, browserTest } from "./support/browser.ts";
import { connect, serve, until } from "./support/harness.ts";
import { enter, fill, lines, say, says, shows } from "./support/page.ts";

/** Waits until the page has left what it remembers in the browser. */
async function remembers(page: Page, room: string, readSeq: number): Promise<void> {
  await until(async () => {
    const saved = await page.evaluate<string>(`localStorage.getItem("parley.rooms")`);
    return saved.includes(JSON.stringify({ name: room, readSeq }));
  }, "what is remembered");
}

browserTest("thirty of thirty clicks land while another room gets messages", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  for (const room of ["design", "noise"]) await enter(ada, room);
  await enter(ada, "lobby");
  await using talker = await connect(server, { room: "noise" });
  await ada.mouse.move(600, 20);
  for (let i = 0; i < 30; i++) {
    const room = i % 2 ? "lobby" : "design";
    const box = await ada.locator(`[data-room="${room}"] a`).boundingBox();
    assert(box);
    await ada.mouse.move(box.x + 40, box.y + box.height / 2);
    await ada.mouse.down();
    const before = await ada.locator(`[data-room="noise"]`).textContent();
    for (let n = 0; n < 10; n++) talker.send({ type: "chat", room: "noise", payload: `${i}.${n}` });
    // Between press and release something changes in the list. Above 99 the badge stays the same.
    await until(async () => {
      return await ada.locator(`[data-room="noise"]`).textContent() !== before;
    }, "the row to change");
    await ada.mouse.up();
    await says(ada, "#title", room);
  }
  await says(ada, "#rooms", "300 new messages");
});

browserTest(
  "two hundred missed messages are all counted, and the line is above the first",
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(`${server.url}/?room=design`);
    await say(ada, "the last that Ada saw");
    await remembers(ada, "design", 1);
    await enter(ada, "lobby");
    await ada.goto("about:blank");
    await fill(server.url, "design", 200);
    await ada.goto(`${server.url}/?room=lobby`);
    await says(ada, "#rooms", "200 new messages");
    assertEquals(await ada.title(), "(200) lobby · Parley");
    await ada.locator(`[data-room="design"] a`).click();
    await ada.locator(".list:not([hidden]) .new").waitFor();
    const next = ".new ~ .group > .line > .text";
    assertEquals(await ada.locator(next).first().textContent(), "message 1");
    await says(ada, "#latest", "200 new messages");
    const line = await ada.locator(".new").boundingBox();
    assert(line && line.y > 0 && line.y < 300, `the line is at ${line?.y} px`);
    await assertAccessible(ada, "where one left off");
    // What is below is not read until it was in sight.
    await ada.reload();
    await says(ada, "#latest", "200 new messages");
    await ada.locator("#latest").click();
    await until(async () => await ada.title() === "design · Parley", "nothing unread");
    await remembers(ada, "design", 201);
    await ada.reload();
    await until(async () => await lines(ada).last().textContent() === "message 200", "the end");
    assertEquals(await ada.locator(".new").count(), 0);
  },
);

browserTest("missed messages that fit on the screen are read at once", async (chrome) => {
  await using server = await serve({ recentMessages: 3 });
  const ada = await chrome.open(server.url);
  await say(ada, "the last that Ada saw");
  await remembers(ada, "lobby", 1);
  await ada.goto("about:blank");
  await fill(server.url, "lobby", 8);
  await ada.goto(server.url);
  await ada.locator(".list:not([hidden]) .new").waitFor();
  await remembers(ada, "lobby", 9);
  assertEquals(await ada.title(), "lobby · Parley");
  assert(await ada.locator("#latest").isHidden());
});

browserTest("what is the user's own, or an application's event, is not unread", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  const tab = await chrome.tab(ada);
  await enter(tab, "design");
  await say(ada, "one");
  await using app = await connect(server, { room: "lobby" });
  app.send({ type: "custom", name: "score", payload: 1, durable: true });
  await remembers(ada, "lobby", 2);
  app.send({ type: "chat", payload: "two" });
  await shows(ada, ["one", "two"]);
  await remembers(ada, "lobby", 3);
  await until(async () => await tab.title() === "design · Parley", "nothing unread");
  await tab.reload();
  await says(tab, "#count", "1 person");
  assertEquals(await tab.locator(".unread").count(), 0);
});

browserTest("tabs agree on the rooms and on what is read, and seldom write it", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  const tab = await chrome.tab(ada);
  await enter(ada, "design");
  await tab.locator(`[data-room="design"]`).waitFor();
  await using talker = await connect(server, { room: "design" });
  talker.send({ type: "chat", room: "design", payload: "news" });
  await shows(ada, ["news"]);
  await until(async () => (await ada.locator(".unread").count()) === 0, "read in this tab");
  await until(async () => (await tab.locator(".unread").count()) === 0, "read in the other");
  await tab.locator(`[data-room="design"] .leave`).focus();
  await tab.keyboard.press("Enter");
  await says(ada, "#title", "lobby");
  assertEquals(await ada.locator("#rooms li").count(), 1);
  // Neither brings it back.
  for (const page of [ada, tab]) {
    await page.reload();
    await says(page, "#count", "1 person");
    assertEquals(await page.locator("#rooms li").count(), 1);
  }
  await ada.evaluate(`{
    window.writes = 0;
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = function (key, value) {
      if (key === "parley.rooms") window.writes++;
      setItem.call(this, key, value);
    };
  }`);
  const began = performance.now();
  await fill(server.url, "lobby", 1_000);
  await remembers(ada, "lobby", 1_000);
  const seconds = (performance.now() - began) / 1000;
  const writes = Number(await ada.evaluate("writes"));
  assert(writes <= seconds + 2, `${writes} writes in ${seconds} s`);
});

browserTest("Back goes back: never to a room that was refused or left", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(`${server.url}/healthz`);
  await ada.goto(`${server.url}/?room=${"x".repeat(100)}`);
  await says(ada, "#toast", "cannot be the name of a room");
  await ada.locator("#toast").hover(); // so that it stays
  await assertAccessible(ada, "a room that cannot be");
  await ada.locator("#toast button").click();
  assert(await ada.locator("#toast").isHidden());
  await ada.evaluate("history.back()");
  await until(() => ada.url().endsWith("/healthz"), "what was there before");
  await ada.goto(`${server.url}/?room=lobby`);
  for (const room of ["design", "garden", "design"]) await enter(ada, room);
  await ada.locator(`[data-room="design"] .leave`).focus();
  await ada.keyboard.press("Enter"); // shows again what was shown before
  await says(ada, "#title", "garden");
  await ada.evaluate("history.back()");
  await says(ada, "#title", "lobby");
  assertEquals(await ada.locator(`[data-room="design"]`).count(), 0);
  assertEquals(new URL(ada.url()).searchParams.get("room"), "lobby");
  await ada.evaluate("history.forward()");
  await ada.evaluate("history.forward()");
  await says(ada, "#title", "garden");
});
