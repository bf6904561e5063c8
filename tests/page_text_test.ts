/**
 * Text in the page, in Chromium: what is typed in chats is shown with real elements, names are completed,
 * mentions are marked, and told of while the page is not seen.
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
  lines,
  PHONE,
  rename,
  say,
  says,
  shows,
  text,
} from "./support/page.ts";
import { Dice, SEED } from "./support/random.ts";

const TYPED = [
  "**bold**, *it*, _it_ and `code` in snake_case, 2*3*4, see https://a.example/x_y_z",
  "milk:\n- a\n  - b\n- c\n\n1. one\n7. seven",
  "> quoted\n> more\nand a reply",
  "```ts\nlet x = 1;\n\n  let y;\n```",
  "\\*as it is\\* <b onclick=alert(1)>&amp;</b>",
];

browserTest(
  "what is typed in chats everywhere has real elements, and is copied as typed",
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(server.url);
    const bob = await chrome.open(server.url, { colorScheme: "dark" });
    await rename(ada, "Ada");
    await says(bob, "#people-list", "Ada");
    for (const one of TYPED) await say(ada, one);
    await shows(bob, TYPED); // the markers are in the page, but not seen
    const seen = await bob.evaluate(
      `[...document.querySelectorAll(".list .line > .text")].map((it) => it.innerText)`,
    );
    assertEquals(seen, [
      "bold, it, it and code in snake_case, 2*3*4, see https://a.example/x_y_z",
      "milk:\na\nb\nc\n\n\none\nseven", // innerText counts the blank line twice,
      "quoted\nmore\nand a reply",
      "let x = 1;\n\n  let y;",
      "*as it is* <b onclick=alert(1)>&amp;</b>",
    ]);
    const found = await bob.evaluate(
      `["strong", "em", "code", "ul", "ol", "li", "blockquote", "pre", "a", "b"].map((tag) =>
      tag + " " + document.querySelectorAll(".list .line > .text " + tag).length).join(", ")`,
    );
    assertEquals(
      found,
      "strong 1, em 2, code 2, ul 2, ol 1, li 5, blockquote 1, pre 1, a 1, b 0",
    );
    // No line is empty that was not: each is as high as what was typed has lines.
    const heights = await bob.evaluate(
      `[...document.querySelectorAll(".list .line > .text")].map((it) =>
    Math.round(it.getBoundingClientRect().height / 24))`,
    );
    assertEquals(heights, [1, 7, 3, 4, 1]);
    for (const [page, scheme] of [[ada, "light"], [bob, "dark"]] as const) {
      await assertAccessible(page, `rich text, ${scheme}`);
    }
    // Whole messages are copied as typed; of a part, what is seen.
    await bob.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const copied = async (from: string, to: string) => {
      await bob.evaluate(`{
      const all = document.querySelectorAll(".list .line > .text");
      const range = document.createRange();
      range.setStart(${from}, 0);
      range.setEnd(${to}, ${to}.childNodes.length);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }`);
      await bob.keyboard.press("Control+C");
      return await bob.evaluate("navigator.clipboard.readText()");
    };
    assertEquals(await copied("all[0]", "all[0]"), TYPED[0]);
    assertEquals(await copied("all[0]", "all[1]"), `Ada: ${TYPED[0]}\nAda: ${TYPED[1]}`);
    assertEquals(await copied("all[0]", `all[0].querySelector("em")`), "bold, it");
    assertEquals(await copied("all[3].firstChild", "all[3].firstChild"), "let x = 1;\n\n  let y;");
    // Whoever edits has the source before them.
    await allStored(ada);
    await ada.locator("#say").press("ArrowUp");
    assertEquals(await ada.locator("#say").inputValue(), TYPED.at(-1));
    await say(ada, "now **bold**");
    await until(async () => await lines(bob).last().locator("strong").count() === 1, "the edit");
  },
);

browserTest(
  `any text is shown to the letter, and in no other elements, seed ${SEED}`,
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(server.url);
    const dice = new Dice(SEED);
    const scraps = [
      ..."*_`>-\\ \n\nab字😀@",
      ..."**|***|```|> |- |1. |  |https://a.b/|<img src=x onerror=alert(1)>|&lt;|@Ada".split("|"),
    ];
    const texts = Array.from(
      { length: 400 },
      () => Array.from({ length: dice.below(30) }, () => dice.pick(scraps)).join(""),
    );
    const wrong = await ada.evaluate(`(async () => {
    const { parseText } = await import("/page/parse_text.ts");
    const { richText } = await import("/page/rich_text.ts");
    const nameAt = (text, index) => text.startsWith("Ada", index) ? 3 : 0;
    return ${JSON.stringify(texts)}.filter((text) => {
      const element = document.createElement("div");
      element.append(...richText(parseText(text, nameAt), () => true));
      const tags = [...element.querySelectorAll("*")].map(({ localName }) => localName);
      const known = ["strong", "em", "code", "pre", "ul", "ol", "li", "blockquote", "a", "bdi", "span"];
      return element.textContent !== text || tags.some((tag) => !known.includes(tag)) ||
        element.querySelector("ul > :not(li), ol > :not(li), :not(ul, ol) > li");
    });
  })()`);
    assertEquals(wrong, []);
  },
);

const OPTION = "#mentions:not([hidden]) li";

browserTest("names are completed, by keyboard, by pointer and by finger", async (chrome) => {
  await using server = await serve();
  await using lovelace = await connect(server, { name: "Ada Lovelace" });
  await using bob = await connect(server, { name: "Bob" });
  await using ming = await connect(server, { name: "小明" });
  for (const other of [lovelace, bob, ming]) await other.next("joined");
  const eve = await chrome.open(server.url);
  await says(eve, "#count", "4 people here");
  const field = eve.locator("#say");
  const box = await eve.locator("#box").boundingBox();
  await field.pressSequentially("hello @");
  assertEquals((await eve.locator(OPTION).allTextContents()).sort(), [
    "Ada Lovelace",
    "Bob",
    "小明",
  ]);
  assertEquals(await eve.locator("#box").boundingBox(), box, "nothing moves");
  await assertAccessible(eve, "names that are offered");
  const active = () =>
    eve.evaluate(`document.getElementById(
      document.activeElement.getAttribute("aria-activedescendant"))?.textContent ?? ""`);
  const options = await eve.locator(OPTION).allTextContents();
  assertEquals(await active(), options[0]);
  await field.press("ArrowUp");
  assertEquals(await active(), options[2]);
  assertEquals(await eve.locator(`${OPTION}[aria-selected="true"]`).textContent(), options[2]);
  // A word within the name will do, in small letters, and a name has blanks.
  await field.pressSequentially("love");
  assertEquals(await active(), "Ada Lovelace");
  await field.press("Enter");
  assertEquals(await field.inputValue(), "hello @Ada Lovelace ");
  assertEquals(await active(), "");
  await field.pressSequentially("and @ada l");
  await field.press("Tab");
  await field.pressSequentially("or bob@b");
  assertEquals(await field.inputValue(), "hello @Ada Lovelace and @Ada Lovelace or bob@b");
  assertEquals(await eve.locator(OPTION).count(), 0, "an address is no mention");
  await field.press("Enter");
  await shows(eve, ["hello @Ada Lovelace and @Ada Lovelace or bob@b"]);
  await until(async () => {
    return (await eve.locator(".mention").allTextContents()).join() ===
      "@Ada Lovelace,@Ada Lovelace";
  }, "the mentions");
  await allStored(eve); // or there would be nothing to edit
  // Escape closes the list and nothing else; the next one is offered again.
  await field.press("ArrowUp");
  await field.fill("");
  await field.pressSequentially("@b");
  await field.press("Escape");
  await field.pressSequentially("o");
  assertEquals(await eve.locator(OPTION).count(), 0);
  await says(eve, "#about", "Editing");
  await field.press("Escape");
  await field.pressSequentially("@");
  await eve.locator(OPTION).filter({ hasText: "Bob" }).click();
  assertEquals(await field.inputValue(), "@Bob ");
  assertEquals(await eve.evaluate("document.activeElement.id"), "say");
  await field.press("Control+z");
  assertEquals(await field.inputValue(), "@", "it can be undone");
  // A name that is written out is sent by one press.
  await field.fill("");
  await field.pressSequentially("@Bob");
  await field.press("Enter");
  await until(async () => await lines(eve).last().textContent() === "@Bob", "the message");

  const phone = await chrome.open(server.url, { ...PHONE, locale: "zh-CN" });
  await says(phone, "#count", "5");
  await phone.locator("#say").pressSequentially("你好@");
  await phone.locator(OPTION).first().waitFor();
  await assertAccessible(phone, "names on a phone, in Chinese");
  assert(await fits(phone), "nothing sticks out");
  await phone.locator("#say").pressSequentially("小");
  await phone.locator(OPTION).tap();
  assertEquals(await phone.locator("#say").inputValue(), "你好@小明 ");
});

browserTest(
  "a mention of oneself is marked in its line, and in the list of rooms",
  async (chrome) => {
    await using server = await serve();
    await using bob = await connect(server, { name: "Bob", room: "design" });
    await bob.next("joined");
    const ada = await chrome.open(`${server.url}/?room=design`);
    await rename(ada, "Ada");
    await bob.next("system", ({ kind }) => kind === "renamed");
    const chat = (payload: string) => bob.send({ type: "chat", room: "design", payload });
    chat("hello @ada, @Bob and @Adam");
    await shows(ada, ["hello @ada, @Bob and @Adam"]);
    assertEquals(await ada.locator(".mention").allTextContents(), ["@ada", "@Bob"]);
    assertEquals(await ada.locator(".to-me .mention.me").allTextContents(), ["@ada"]);
    await enter(ada, "lobby");
    chat("nothing for her");
    await says(ada, "#rooms", "1 new message");
    assertEquals(await ada.locator(".mentioned").count(), 0);
    chat("but this: @Ada");
    await ada.locator(`[data-room="design"] .mentioned`).waitFor();
    await says(ada, "#rooms", "You are mentioned.");
    await assertAccessible(ada, "a mention in another room");
    // It is known after a reload, and gone when it was read.
    await ada.reload();
    await ada.locator(`[data-room="design"] .mentioned`).waitFor();
    await ada.locator(`[data-room="design"] a`).click();
    await until(async () => await ada.locator(".mentioned").count() === 0, "no mark");
    await assertAccessible(ada, "lines that mention the user");
    // Deleted, it was none.
    await enter(ada, "lobby");
    chat("@Ada again");
    await ada.locator(".mentioned").waitFor();
    const { seq } = await bob.next("chat", ({ payload }) => payload === "@Ada again");
    bob.send({ type: "delete", room: "design", seq });
    await until(async () => await ada.locator(".mentioned").count() === 0, "no mark");
  },
);

/** Stands in for the browser's notifications, which no test can see. All tabs have one permission. */
const FAKE = `{
  window.told = [];
  window.ended = [];
  window.Notification = class extends EventTarget {
    static get permission() { return localStorage.getItem("fake") ?? "default"; }
    static async requestPermission() {
      if (this.permission === "default") localStorage.setItem("fake", window.answer);
      return this.permission;
    }
    constructor(title, { body, tag } = {}) {
      super();
      this.body = body;
      this.tag = tag;
      if (Notification.permission === "granted") told.push(this);
      if (window.isHasty) queueMicrotask(() => this.dispatchEvent(new Event("click")));
    }
    close() { ended.push(this.body); }
  };
  window.unseen = false;
  Object.defineProperty(document, "visibilityState", { get: () => unseen ? "hidden" : "visible" });
  const draw = requestAnimationFrame;
  window.requestAnimationFrame = (callback) => unseen ? 0 : draw(callback);
}`;

async function see(page: Page, isSeen: boolean): Promise<void> {
  await page.evaluate(`unseen = ${!isSeen};
    document.dispatchEvent(new Event("visibilitychange"))`);
}

/**
 * Waits until the browser knows how many tabs are seen, and no tab asks that any more. A tab says and asks
 * it with locks, and each is given, taken and answered a little later than the page shows the message.
 */
async function knowSeen(pages: readonly Page[], seenCount: number): Promise<void> {
  for (const page of pages) {
    await until(async () => {
      const names = await page.evaluate<string[]>(
        `navigator.locks.query().then(({ held, pending }) => [...held, ...pending]
          .map(({ name }) => name).filter((name) => /^parley(.seen| lobby )/.test(name)))`,
      );
      return names.length === seenCount && names.every((name) => name === "parley.seen");
    }, `${seenCount} tabs to be seen`);
  }
}

browserTest(
  "mentions are told of while no tab is seen, once, if the user has asked",
  async (chrome) => {
    await using server = await serve();
    await using bob = await connect(server, { name: "Bob" });
    await bob.next("joined");
    const chat = (payload: string) => bob.send({ type: "chat", payload });
    const ada = await chrome.open("about:blank");
    await ada.context().addInitScript(FAKE);
    await ada.goto(`${server.url}/?room=design`);
    await enter(ada, "lobby");
    await rename(ada, "Ada");
    await enter(ada, "design");
    const tab = await chrome.tab(ada);
    await says(tab, "#my-name", "Ada");
    // The tab is in the lobby before anything is said there.
    await enter(tab, "lobby");
    await says(tab, "#count", "2 people here");
    await enter(tab, "design");
    const told = async () =>
      (await Promise.all(
        [ada, tab].map((page) => page.evaluate<string[]>("told.map(({ body }) => body)")),
      )).flat();
    const both = async (isSeen: boolean) => {
      for (const page of [ada, tab]) await see(page, isSeen);
    };
    const unread = async (count: number) => {
      for (const page of [ada, tab]) await says(page, "#rooms", `${count} new message`);
    };

    // Off, until it is asked for.
    assertEquals(await text(ada, "#notify-state"), "off");
    await both(false);
    chat("@Ada one");
    await unread(1);
    assertEquals(await told(), []);
    assertEquals(await ada.evaluate(`localStorage.getItem("fake")`), null, "nobody asked");
    await both(true);
    await ada.evaluate(`window.answer = "granted"`);
    await ada.locator("#notify").click();
    for (const page of [ada, tab]) {
      await until(async () => await text(page, "#notify-state") === "on", "both to be on");
    }
    await assertAccessible(ada, "notifications are on");

    // A tab that is seen is enough.
    await see(ada, false);
    await knowSeen([ada, tab], 1);
    chat("@Ada two");
    await unread(2);
    await knowSeen([ada, tab], 1);
    await both(false);
    await knowSeen([ada, tab], 0);
    chat("nobody");
    chat("@Ada **three**");
    await until(async () => (await told()).length > 0, "the notification");
    await unread(4);
    await says(ada, "#rooms", "4 new messages");
    assertEquals(await told(), ["@Ada three"]);
    // The next one takes its place, and a press opens its message.
    chat("@ada four");
    await until(async () => (await told()).length === 2, "the next");
    assertEquals((await told()).sort(), ["@Ada three", "@ada four"]);
    const teller = (await ada.evaluate("told.length")) ? ada : tab;
    await teller.evaluate(`told.at(-1).dispatchEvent(new Event("click"))`);
    await says(teller, "#title", "lobby");
    await teller.locator(".line.found").waitFor();
    const opened = await teller.evaluate<string>("told.at(-1).body");
    assertEquals((await text(teller, ".line.found .text")).replaceAll("**", ""), opened);

    // What was said before the page was opened is not told of, nor one's own words.
    await both(true);
    await tab.close();
    await ada.goto(`${server.url}/?room=lobby`);
    await see(ada, false);
    await knowSeen([ada], 0);
    await shows(ada, ["@Ada one", "@Ada two", "nobody", "@Ada **three**", "@ada four"]);
    await say(ada, "I am @Ada");
    chat("@Ada five");
    await until(async () => (await ada.evaluate("told.length")) === 1, "the notification");
    assertEquals(await ada.evaluate("told[0].body"), "@Ada five");
    // It goes when the message was read.
    await see(ada, true);
    await until(async () => (await ada.evaluate("ended.length")) === 1, "its end");
    await ada.locator("#notify").click();
    assertEquals(await text(ada, "#notify-state"), "off");

    // What the browser does not allow is said.
    await ada.evaluate(`localStorage.removeItem("fake"); window.answer = "denied"`);
    await ada.locator("#notify").click();
    await says(ada, "#toast", "Your browser blocks notifications");
    assertEquals(await text(ada, "#notify-state"), "blocked");
    await assertAccessible(ada, "notifications are blocked");
    const phone = await chrome.open("about:blank", { ...PHONE, locale: "zh-CN" });
    await phone.addInitScript("delete window.Notification");
    await phone.goto(server.url);
    await until(async () => await text(phone, "#notify-state") === "不支持", "the state");
    await phone.locator("#open-rail").tap();
    await phone.locator("#notify").tap();
    await says(phone, "#toast", "此浏览器无法显示");
    await assertAccessible(phone, "no notifications, on a phone");
    assert(await fits(phone), "nothing sticks out");
  },
);

browserTest("a notification that is pressed at once opens its message", async (chrome) => {
  await using server = await serve();
  await using bob = await connect(server, { name: "Bob" });
  const ada = await chrome.open("about:blank");
  await ada.context().addInitScript(
    `localStorage.setItem("fake", "granted"); localStorage.setItem("parley.notifications", "on")`,
  );
  await ada.context().addInitScript(FAKE);
  await ada.goto(`${server.url}/?room=design`);
  await enter(ada, "lobby");
  await rename(ada, "Ada");
  await bob.next("system", ({ kind }) => kind === "renamed");
  bob.send({ type: "chat", payload: "before" });
  await shows(ada, ["before"]);
  await enter(ada, "design");
  await see(ada, false);
  await knowSeen([ada], 0);
  await ada.evaluate("isHasty = true");
  bob.send({ type: "chat", payload: "@Ada now" });
  await says(ada, "#title", "lobby");
  await see(ada, true);
  await ada.locator(".line.found").waitFor();
  assertEquals(await text(ada, ".line.found .text"), "@Ada now");
});
