/**
 * The page of a user who manages a room, in Chromium: what can be done to messages and people, with the
 * pointer, a finger or the keyboard, and what the one concerned sees.
 *
 * @module
 */
import type { BrowserContextOptions, Page } from "npm:playwright-core@1.65.1";
import type { Options, Right, Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { assertAccessible, browserTest, type Chrome } from "./support/browser.ts";
import { serve, until } from "./support/harness.ts";
import { allStored, enter, fits, lines, PHONE, say, says, shows } from "./support/page.ts";

const BAR = ".actions:not([hidden])";
const RIGHTS: Readonly<Record<string, Right>> = { mia: "manage", max: "manage" };

/** Starts a server that knows its users by a cookie, and who manages every room but the lobby. */
async function town(options: Partial<Options> = {}): Promise<Server> {
  return await serve({ graceSeconds: 0, ...options }, {
    authenticate: ({ request }) => {
      const name = /user=(\w+)/.exec(request.headers.get("cookie") ?? "")?.[1];
      return name === undefined ? undefined : { id: name, name };
    },
    authorize: ({ id }, room) => room === "lobby" ? "write" : RIGHTS[id] ?? "write",
  });
}

/** Opens the town square as a user. */
async function as(
  user: string,
  chrome: Chrome,
  server: Server,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const { hostname } = new URL(server.url);
  const cookie = { name: "user", value: user, domain: hostname, path: "/", expires: -1 };
  const storageState = {
    cookies: [{ ...cookie, httpOnly: false, secure: false, sameSite: "Lax" as const }],
    origins: [],
  };
  const page = await chrome.open(`${server.url}/?room=square`, { storageState, ...options });
  await says(page, "#title", "square");
  return page;
}

/** Waits for an element that says so. */
async function sees(page: Page, selector: string, wanted: string): Promise<void> {
  await says(page, `${selector}:visible`, wanted);
}

async function press(page: Page, label: string): Promise<void> {
  await page.locator(`${BAR} button[aria-label="${label}"]`).click();
}

/** Lets a finger rest on something until the sheet is there. */
async function longPress(page: Page, selector: string): Promise<void> {
  const box = await page.locator(selector).first().boundingBox();
  assert(box, selector);
  const touch = { x: box.x + 14, y: box.y + 10 };
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [touch] });
  await page.locator(`${BAR}.sheet`).waitFor();
  await cdp.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
}

/** A name in a sentence, as the page isolates it. */
function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

browserTest(
  "a manager mutes, removes and deletes, and undoes what can be undone",
  async (chrome) => {
    await using server = await town();
    const bob = await as("bob", chrome, server);
    await say(bob, "buy pills");
    const mia = await as("mia", chrome, server);
    await shows(mia, ["buy pills"]);
    await shows(bob, ["buy pills"]);
    await allStored(bob); // or there would be nothing to edit
    await bob.locator("#say").press("ArrowUp");
    await bob.locator("#say").fill("buy more pills");
    await lines(mia).first().hover();
    await press(mia, `What you can do about ${isolated("bob")}`);
    await press(mia, `Mute ${isolated("bob")}`);
    await sees(mia, "#toast", "bob may not write here any more.");
    await mia.locator("#toast").hover(); // so that it stays
    await sees(bob, "#notice", "You may not write here any more.");
    await bob.locator("#notice:focus").waitFor();
    await assertAccessible(mia, "somebody was muted");
    await mia.locator("#toast button", { hasText: "Undo" }).click();
    await bob.locator("#say").waitFor();
    await sees(mia, "#toast", "bob may write here again.");
    // From the list of people. What cannot be undone asks first.
    await mia.locator("#people-list .more").click();
    await assertAccessible(mia, "what can be done about somebody");
    await press(mia, `Remove ${isolated("bob")} from the room`);
    await assertAccessible(mia, "a question");
    await press(mia, `Remove ${isolated("bob")} now?`);
    await sees(bob, "#notice", "You are not in square any more.");
    await sees(mia, "#toast", "bob was removed from the room.");
    await until(async () => await bob.locator("#people-list li").count() === 0, "nobody");
    assertEquals(await bob.locator("#count").textContent(), ""); // he cannot know who is there
    await until(async () => await mia.locator("#people-list li").count() === 1, "only Mia");
    await bob.locator("#notice button").click();
    await bob.locator("#say").waitFor();
    // That he is back moves the line, and the bar would go.
    await until(async () => await mia.locator("#people-list li").count() === 2, "both");
    await says(mia, ".list:not([hidden]) .notices:last-child", "bob came in");
    await lines(mia).first().hover();
    await press(mia, "Delete");
    await press(mia, "Delete for everybody?");
    for (const page of [mia, bob]) await shows(page, ["This message was deleted."]);
    // What Bob has written meanwhile cannot be kept there, but he can.
    assertEquals(await bob.locator("#say").inputValue(), "buy more pills");
    await bob.locator("#say").press("Enter");
    await sees(bob, ".failed", "That could not be changed.");
    await bob.locator(".failed button", { hasText: "Copy the text" }).waitFor();
    // Bob manages nothing, and Mia nothing in the lobby.
    assertEquals(await bob.locator("#people-list .more").count(), 0);
    await enter(mia, "lobby");
    await enter(bob, "lobby");
    await until(async () => await mia.locator("#people-list li").count() === 2, "both");
    assertEquals(await mia.locator("#people-list .more").count(), 0);
  },
);

browserTest("another manager cannot be muted, and the page says so", async (chrome) => {
  await using server = await town();
  const max = await as("max", chrome, server);
  await say(max, "hello");
  const mia = await as("mia", chrome, server, { locale: "zh-CN", colorScheme: "dark" });
  await shows(mia, ["hello"]);
  await lines(mia).first().hover();
  await assertAccessible(mia, "the bar of a manager, in the dark");
  await press(mia, `对 ${isolated("max")} 的操作`);
  await press(mia, `禁止 ${isolated("max")} 发言`);
  await sees(mia, "#toast", "你无权对 max 这样做。");
  assert(await max.locator("#say").isVisible());
});

browserTest(
  "on a phone a long press brings up all that can be done, and nothing else",
  async (chrome) => {
    await using server = await town();
    const bob = await as("bob", chrome, server);
    await say(bob, "buy my pills");
    const mia = await as("mia", chrome, server, PHONE);
    await shows(mia, ["buy my pills"]);
    await mia.evaluate(`{
    window.menus = [];
    addEventListener("contextmenu", (event) => menus.push(event.defaultPrevented));
  }`);
    await longPress(mia, ".list:not([hidden]) .line > .text");
    await assertAccessible(mia, "the sheet of a manager");
    assert(await fits(mia), "nothing sticks out");
    const labels = await mia.locator(`${BAR} .words`).allTextContents();
    assertEquals(labels.map((label) => label.replaceAll(/[\u2068\u2069]/g, "")).slice(-4), [
      "Copy a link to this message",
      "Delete",
      "Mute bob",
      "Remove bob from the room",
    ]);
    // The finger stays for as long as the browser waits for its own menu, and a word is not selected.
    assertEquals(await mia.evaluate("getSelection().toString()"), "");
    assertEquals(await mia.evaluate("menus.every(Boolean)"), true);
    // A tap beside the sheet closes it.
    await mia.locator("#title").tap();
    assertEquals(await mia.locator(BAR).count(), 0);
    await longPress(mia, ".list:not([hidden]) .line > .text");
    await mia.locator(`${BAR} button`, { hasText: "Mute" }).tap();
    await mia.locator("#toast button[aria-label='Close']").tap(); // it lies over the list
    await sees(bob, "#notice", "You may not write here any more.");
    await mia.locator("#open-people").tap();
    await mia.locator("#people-panel.open").waitFor();
    await until(
      () =>
        mia.evaluate<boolean>(`!document.querySelector("#people-panel").getAnimations().length`),
      "the panel to be there",
    );
    await longPress(mia, "#people-list li:not(.own) bdi");
    await assertAccessible(mia, "the sheet of somebody in the list");
    await mia.locator(`${BAR} button`, { hasText: "write again" }).tap();
    await bob.locator("#say").waitFor();
  },
);

browserTest(
  "the keyboard alone reaches all of it, and Escape goes one step back",
  async (chrome) => {
    await using server = await town();
    const bob = await as("bob", chrome, server);
    await say(bob, "one");
    await say(bob, "two");
    const mia = await as("mia", chrome, server, { viewport: { width: 900, height: 700 } });
    await shows(mia, ["one", "two"]);
    const key = (...keys: string[]) =>
      keys.reduce((before, key) => before.then(() => mia.keyboard.press(key)), Promise.resolve());
    const focused = () => mia.evaluate<string>(`document.activeElement.getAttribute("aria-label")`);
    await mia.locator(".list:not([hidden])").focus();
    await key("Enter", "ArrowUp", "Enter");
    assertEquals(await focused(), "React with 👍");
    // Messages that come meanwhile take nothing away.
    await say(bob, "three");
    await shows(mia, ["one", "two", "three"]);
    await key("ArrowLeft", "ArrowLeft");
    assertEquals(await focused(), "Delete");
    await key("Enter", "Enter");
    await shows(mia, ["This message was deleted.", "two", "three"]);
    assertEquals(await mia.evaluate("document.activeElement.dataset.seq"), "1");
    await mia.locator("#open-people").press("Enter");
    await key("Tab", "Tab", "Enter");
    assertEquals(await focused(), `Mute ${isolated("bob")}`);
    await key("Escape");
    assert(await mia.locator("#people-panel.open").isVisible());
    assertEquals(await focused(), `What you can do about ${isolated("bob")}`);
    await key("Enter", "ArrowDown", "Enter", "Enter");
    await sees(bob, "#notice", "You are not in square any more.");
    await until(
      async () => await mia.evaluate("document.activeElement.id") === "people-list",
      "it",
    );
    await key("Escape");
    assertEquals(await mia.evaluate("document.activeElement.id"), "open-people");
  },
);

browserTest("who manages a room may edit and delete at any time", async (chrome) => {
  await using server = await town({ editSeconds: 1e-6 });
  const mia = await as("mia", chrome, server);
  await say(mia, "helo");
  await lines(mia).first().hover();
  await press(mia, "Edit");
  await say(mia, "hello");
  await mia.locator(".edited").waitFor();
  await lines(mia).first().hover();
  await press(mia, "Delete");
  await press(mia, "Delete for everybody?");
  await shows(mia, ["This message was deleted."]);
});
