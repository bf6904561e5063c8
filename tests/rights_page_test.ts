/**
 * The page of a user who may not do everything: it says so in the user's language, in place of the
 * composer or in the banner, and goes on when it can.
 *
 * @module
 */
import type { Page } from "npm:playwright-core@1.65.1";
import { Refusal, type Right, type Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { assertAccessible, browserTest } from "./support/browser.ts";
import { serve, until } from "./support/harness.ts";
import { hasFocus, shows } from "./support/page.ts";

async function says(page: Page, selector: string, ...wanted: readonly string[]): Promise<void> {
  const shown = page.locator(selector).filter({ visible: true });
  await until(async () => {
    const text = (await shown.textContent().catch(() => ""))?.replaceAll(/[\u2068\u2069]/g, "");
    return wanted.every((part) => text?.includes(part));
  }, `"${wanted.join(" … ")}"`);
}

async function canWrite(page: Page): Promise<boolean> {
  return await page.locator("#say").isVisible();
}

/** Has the page lose its connection and open another one. */
async function reconnect(page: Page): Promise<void> {
  await page.evaluate(`dispatchEvent(new Event("offline")); dispatchEvent(new Event("online"))`);
}

/** The id of the user of the page, which is alone in the lobby. */
async function idOf(server: Server): Promise<string> {
  let id: string | undefined;
  await until(async () => {
    const { members: [user] } = await server.members("lobby");
    id = user?.id;
    return id !== undefined;
  }, "the member");
  return id ?? "";
}

const MUTED = [
  ["en-GB", "You may not write here until", "You may not write here any more."],
  ["zh-CN", "之前你不能在这里发言", "你已不能在这里发言。"],
] as const;

for (const [locale, forAWhile, forGood] of MUTED) {
  browserTest(`who is muted reads why and until when, in ${locale}`, async (chrome) => {
    await using server = await serve();
    const page = await chrome.open(server.url, { locale });
    const id = await idOf(server);
    await page.locator("#say").fill("a draft");
    await server.mute("lobby", id, { seconds: 600, payload: "Calm down, please." });
    await says(page, "#notice", forAWhile, "Calm down, please.");
    await hasFocus(page, "#notice");
    const text = await page.locator("#notice").textContent() ?? "";
    assert(/\d{1,2}:\d{2}/.test(text), `a time in "${text}"`);
    assert(!await canWrite(page));
    await assertAccessible(page, "muted");
    await server.unmute("lobby", id);
    await until(() => canWrite(page), "the composer");
    await hasFocus(page, "#say");
    assertEquals(await page.locator("#say").inputValue(), "a draft");
    await server.mute("lobby", id);
    await says(page, "#notice", forGood);
  });
}

const REMOVED = [
  [
    "en-GB",
    "You are not in lobby any more.",
    "You may not be in lobby until",
    "may not enter lobby",
  ],
  ["zh-CN", "你已不在 lobby 中。", "之前你不能进入 lobby", "你无权进入 lobby"],
] as const;

for (const [locale, removed, banned, forbidden] of REMOVED) {
  browserTest(
    `who is removed or banned reads so, and may try again, in ${locale}`,
    async (chrome) => {
      await using server = await serve();
      const page = await chrome.open(server.url, { locale });
      const id = await idOf(server);
      await server.publish("lobby", "something to read");
      await server.remove("lobby", id, { payload: "Enough for today." });
      await says(page, "#notice", removed, "Enough for today.");
      await shows(page, ["something to read"]);
      assert(!await canWrite(page));
      await assertAccessible(page, "removed");
      await page.locator("#notice button").click();
      await until(() => canWrite(page), "coming back");
      await server.ban("lobby", id, { seconds: 3_600, payload: "Spam." });
      await says(page, "#notice", banned, "Spam.");
      await page.locator("#notice button").click();
      await says(page, "#toast", forbidden);
      assert(!await canWrite(page));
      await page.reload();
      await says(page, "#notice", forbidden);
    },
  );
}

browserTest("a room that one may only read has no composer", async (chrome) => {
  const rights: Record<string, Right> = { notes: "read" };
  await using server = await serve({}, { authorize: (_, room) => rights[room] ?? "write" });
  await server.publish("notes", "read me");
  for (const [locale, sentence] of [["en-GB", "You may read here"], ["zh-CN", "但不能发言"]]) {
    const page = await chrome.open(`${server.url}/?room=notes`, { locale: locale ?? "" });
    await says(page, "#notice", sentence ?? "");
    assert(!await canWrite(page));
    assert(!await page.locator("#notice button").isVisible());
    await assertAccessible(page, "a room to read");
    await page.locator("#add-name").fill("talk");
    await page.locator("#add-name").press("Enter");
    await until(() => canWrite(page), "a room to write in");
  }
});

browserTest("who may not enter the only room is told once, and not in a loop", async (chrome) => {
  let asked = 0;
  await using server = await serve({}, { authorize: () => (asked++, "none") });
  const page = await chrome.open(server.url);
  await says(page, "#notice", "You may not enter lobby.");
  const before = asked;
  await page.locator("#notice button").click();
  await until(() => asked > before, "another try");
  await says(page, "#toast", "You may not enter lobby.");
  assertEquals(asked, before + 1);
});

browserTest("a room that one may not come back to after a reconnect says so", async (chrome) => {
  let right: Right = "write";
  await using server = await serve({ returnSeconds: 0 }, { authorize: () => right });
  const page = await chrome.open(server.url);
  await idOf(server);
  right = "none";
  await reconnect(page);
  await says(page, "#notice", "You may not enter lobby.");
});

for (
  const [locale, expelled] of [
    ["en-GB", "You may not be here any more. (Goodbye.)"],
    ["zh-CN", "你已不能留在这里。 (Goodbye.)"],
  ] as const
) {
  browserTest(`who is disconnected reads why, in ${locale}`, async (chrome) => {
    await using server = await serve();
    const page = await chrome.open(server.url, { locale });
    await server.disconnect(await idOf(server), { payload: "Goodbye." });
    await says(page, "#banner", expelled);
    await assertAccessible(page, "disconnected");
    await until(() => server.connectionCount === 0, "the connection to be gone");
  });
}

for (const [locale, signedOut] of [["en-GB", "You are signed out."], ["zh-CN", "你已退出登录。"]]) {
  browserTest(`who is signed out reads so, in ${locale}`, async (chrome) => {
    let isSignedIn = true;
    let asked = 0;
    await using server = await serve({}, {
      authenticate({ request }) {
        // The page may still read older messages, which does not matter here.
        if (request.headers.has("upgrade")) asked++;
        if (isSignedIn) return { id: "ada", name: "Ada" };
        throw new Refusal("unauthorized", "Log in first.");
      },
    });
    const page = await chrome.open(server.url, { locale: locale ?? "" });
    assertEquals(await idOf(server), "ada");
    isSignedIn = false;
    const before = asked;
    await reconnect(page);
    await says(page, "#banner", signedOut ?? "");
    await assertAccessible(page, "signed out");
    // It does not ask again and again. Where the machine is busy, a tab may take the connection over once.
    assert(asked - before <= 2, `asked ${asked - before} times`);
  });
}

browserTest("connect() takes an address that is relative to the page", async (chrome) => {
  await using server = await serve();
  const page = await chrome.open(server.url);
  const address = server.url.replace("http", "ws");
  const urls = await page.evaluate(`import("/client/mod.ts").then(({ connect }) =>
    ["/realtime", "ws", "."].map((given) => {
      let url;
      const transport = (opened) => (url = opened, { send() {}, close() {} });
      connect(given, { transport }).close();
      return url;
    }))`);
  assertEquals(urls, [`${address}/realtime/ws`, `${address}/ws`, `${address}/ws`]);
});
