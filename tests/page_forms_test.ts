/**
 * What is refused is said beside its field, in the reader's language; and the page on screens, paper
 * and in regions that are unlike a laptop in Boston. In Chromium.
 *
 * @module
 */
import type { Page } from "npm:playwright-core@1.65.1";
import { assert, assertEquals } from "./support/assert.ts";
import { assertAccessible, browserTest } from "./support/browser.ts";
import { connect, serve, until } from "./support/harness.ts";
import {
  allStored,
  enter,
  fits,
  hasFocus,
  lines,
  PHONE,
  rename,
  say,
  says,
  shows,
  text,
} from "./support/page.ts";

browserTest(
  "a refusal is beside its field, in Chinese, and what was written is kept",
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(server.url, { locale: "zh-CN" });
    await says(ada, "#count", "1 人在线");
    await rename(ada, "a\u200Bb");
    await says(ada, "#me .field-error", "可见字符");
    assertEquals(await ada.locator("#new-name").inputValue(), "a\u200Bb");
    assertEquals(await ada.locator("#new-name").getAttribute("aria-invalid"), "true");
    await assertAccessible(ada, "a name that was refused");
    await ada.locator("#new-name").fill("👨‍👩‍👧‍👦 一家");
    await ada.locator("#new-name").press("Enter");
    await says(ada, "#my-name bdi", "一家");
    assertEquals(await text(ada, "#my-name .face"), "👨‍👩‍👧‍👦"); // whole
    await rename(ada, "a\u200Bb");
    await says(ada, "#me .field-error", "可见字符");
    await ada.locator("#new-name").fill("阿达");
    assertEquals(await text(ada, "#me .field-error"), "");
    await ada.keyboard.press("Enter");
    await says(ada, "#people-list", "阿达");
    await enter(ada, "design");
    await ada.locator("#add-name").fill("a\u200Bb");
    await ada.locator("#add-name").press("Enter");
    await says(ada, "#add .field-error", "不能用作房间名称");
    assertEquals(await ada.locator("#add-name").inputValue(), "a\u200Bb");
    assertEquals(await ada.evaluate("document.activeElement.id"), "add-name");
    assertEquals(await text(ada, "#title"), "design"); // where the user was
    await assertAccessible(ada, "a room that was refused");
    // On a phone the field is out of sight by then: a sentence that can be closed says it.
    const phone = await chrome.open(server.url, { ...PHONE, locale: "zh-CN" });
    await says(phone, "#count", "2 人在线");
    await phone.locator("#open-rail").tap();
    await phone.locator("#add-name").fill("a\u200Bb");
    await phone.locator("#add-name").press("Enter");
    await says(phone, "#toast", "不能用作房间名称");
    await phone.locator("#toast button").focus(); // so that it stays
    await assertAccessible(phone, "a refusal on a phone");
    await phone.locator("#toast button").tap();
    assert(await phone.locator("#toast").isHidden());
  },
);

browserTest("the focus finds a place when what had it goes away", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  await enter(ada, "design");
  await ada.locator("#rooms .leave").last().focus();
  await ada.keyboard.press("Enter");
  await ada.locator("#toast button").last().focus();
  await ada.keyboard.press("Enter"); // closes it
  await hasFocus(ada, "#say");
  await ada.evaluate(`dispatchEvent(new Event("offline"))`);
  await ada.locator("#banner button").focus();
  await ada.keyboard.press("Enter"); // connects
  await hasFocus(ada, "#say");
  await says(ada, "#count", "1 person here");
  // What was only left stays left: nobody who reads is brought to the text field.
  await ada.locator("#my-name").focus();
  await ada.evaluate("document.activeElement.blur(), new Promise((seen) => setTimeout(seen))");
  await hasFocus(ada, "body");
  // A touch must not bring up the keyboard, unless one was writing.
  const phone = await chrome.open(server.url, PHONE);
  await says(phone, "#count", "2 people here");
  await phone.evaluate(
    `document.activeElement.blur(); document.querySelector("#banner").hidden = false`,
  );
  await phone.locator("#banner button").focus();
  await phone.evaluate(`document.querySelector("#banner").hidden = true;
    new Promise((seen) => requestAnimationFrame(() => setTimeout(() => setTimeout(seen))))`);
  await hasFocus(phone, "body");
});

/** Fails if two of these lie over one another, or stick out of the screen. */
async function apart(page: Page, ...selectors: string[]): Promise<void> {
  const { height = 0 } = page.viewportSize() ?? {};
  let bottom = 0;
  for (const selector of selectors) {
    const box = await page.locator(selector).first().boundingBox();
    assert(box, `${selector} is there`);
    assert(box.y >= bottom - 1, `${selector} begins at ${box.y}, above ${bottom}`);
    bottom = box.y + box.height;
  }
  assert(bottom <= height + 1, `${selectors.at(-1)} ends at ${bottom}`);
}

browserTest("a phone on its side, with the keyboard up: nothing overlaps", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url, { ...PHONE, viewport: { width: 844, height: 180 } });
  await say(ada, "one line");
  await shows(ada, ["one line"]);
  await apart(ada, ".bar", "#stage", "#box");
  const stage = await ada.locator("#stage").boundingBox();
  assert(stage && stage.height >= 70, `${stage?.height} px for the messages`);
  await apart(ada, ".brand", "#rooms", "#add");
  const rail = ["#add", "#find-rooms", "#notify", "#my-name"] as const;
  for (const [i, below] of rail.entries()) {
    await ada.locator(below).scrollIntoViewIfNeeded();
    await apart(ada, ...rail.slice(Math.max(0, i - 1), i + 1));
  }
  assert(await fits(ada), "nothing sticks out");
  await assertAccessible(ada, "a phone on its side");
});

browserTest("on paper there is the whole conversation, and nothing else", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  for (let i = 0; i < 40; i++) await say(ada, `line ${i}`);
  await until(async () => await lines(ada).count() === 40, "the messages");
  await allStored(ada);
  await ada.emulateMedia({ media: "print" });
  for (const selector of ["#rail", "#people-panel", "#composer", "#latest", "#invite"]) {
    assert(await ada.locator(selector).isHidden(), selector);
  }
  const [whole, shown] = await ada.evaluate<[number, number]>(`[
    document.querySelector(".list:not([hidden])").scrollHeight,
    document.documentElement.scrollHeight,
  ]`);
  assert(whole > 800 && shown >= whole, `${whole} px of messages on ${shown} px of paper`);
});

browserTest("of forty rooms the one that is open is in sight", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  await says(ada, "#count", "1 person");
  await ada.evaluate(`localStorage.setItem("parley.rooms", JSON.stringify(
    [...Array(40).keys()].map((i) => ({ name: "room " + i }))))`);
  await ada.goto(`${server.url}/?room=room 30`);
  await says(ada, "#title", "room 30");
  const isSeen = async () => {
    const list = await ada.locator("#rooms").boundingBox();
    const row = await ada.locator("#rooms [aria-current]").boundingBox();
    return !!list && !!row && row.y >= list.y - 1 &&
      row.y + row.height <= list.y + list.height + 1;
  };
  await until(isSeen, "the room to be in sight after loading");
  for (const title of ["room 31", "room 32"]) {
    await ada.keyboard.press("Alt+ArrowDown");
    await says(ada, "#title", title);
  }
  await enter(ada, "room 2");
  await until(isSeen, "the other room to be in sight");
});

browserTest("a message of three thousand lines is folded, and can be unfolded", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  await using bob = await connect(server, { name: "Bob" });
  bob.send({ type: "chat", payload: `first${"\n".repeat(3_000)}https://example.org/last` });
  bob.send({ type: "chat", payload: "short" });
  await until(async () => await lines(ada).count() === 2, "the messages");
  const height = async () => (await ada.locator(".list .line").first().boundingBox())?.height ?? 0;
  assert(await height() < 450, `${await height()} px`);
  await ada.locator("#latest").waitFor({ state: "hidden" });
  await assertAccessible(ada, "a long message");
  const button = ada.locator(".list .line > .plain");
  assertEquals(await button.count(), 1);
  assertEquals(await button.getAttribute("aria-expanded"), "false");
  await button.click();
  assert(await height() > 10_000, `${await height()} px`);
  await ada.getByText("Show less").click();
  assert(await height() < 450, `${await height()} px`);
  await ada.locator(".list .line a").focus(); // with the keyboard one comes by what is hidden
  assert(await height() > 10_000, `${await height()} px`);
});

browserTest("the clock has 12 or 24 hours as the region has it", async (chrome) => {
  await using server = await serve({ graceSeconds: 0 });
  const hourNow = () => new Date().getUTCHours();
  for (
    const [locale, wanted] of [
      ["de-DE", /^00:\d\d$/],
      ["en-GB", /^00:\d\d$/],
      ["en-US", /^12:\d\d AM$/],
      ["zh-CN", /^00:\d\d$/],
    ] as const
  ) {
    let time = "";
    for (let hour = -1; hour !== hourNow();) { // once more if the hour ends meanwhile
      // The browser is where it is the hour after midnight, whose digits differ most.
      hour = hourNow();
      const timezoneId = `Etc/GMT${hour <= 12 ? `+${hour}` : `-${24 - hour}`}`;
      const ada = await chrome.open(server.url, { locale, timezoneId });
      await says(ada, "#count", "1");
      await say(ada, "now");
      time = (await ada.locator(".list .own .head time").textContent() ?? "").replace(
        "\u202F",
        " ",
      );
      await ada.close();
    }
    assert(wanted.test(time), `${locale}: ${time}`);
  }
});
