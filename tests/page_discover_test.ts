/**
 * Going about in the page, in Chromium: rooms are found, left and entered again, everything can be done
 * with the keyboard alone, and whoever signs out is forgotten.
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
  fill,
  lines,
  PHONE,
  rename,
  say,
  says,
  shows,
  text,
} from "./support/page.ts";

/** Waits until a list offers just these rows. */
async function offers(page: Page, list: string, wanted: readonly string[]): Promise<void> {
  let rows: string[] = [];
  await until(async () => {
    rows = await page.locator(`${list} [role="option"] bdi`).allTextContents();
    return JSON.stringify(rows) === JSON.stringify(wanted);
  }, `${wanted}`).catch(() => assertEquals(rows, wanted));
}

/** The id of the element that has the focus. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>("document.activeElement.id");
}

async function rooms(page: Page): Promise<string[]> {
  return await page.locator("#rooms bdi").allTextContents();
}

browserTest(
  "other rooms are found, filtered and entered, and read only when asked for",
  async (chrome) => {
    await using server = await serve();
    await using one = await connect(server, { room: "garden" });
    await using two = await connect(server, { room: "garden" });
    await using three = await connect(server, { room: "Überseehafen" });
    for (const each of [one, two, three]) await each.next("joined");
    const ada = await chrome.open(server.url);
    await says(ada, "#count", "1 person");
    let asked = 0;
    let isAway = false;
    await ada.route("**/rooms", (route) => {
      asked++;
      return isAway ? route.abort() : route.continue();
    });
    await enter(ada, "design");
    assertEquals(asked, 0);
    await ada.locator("#find-rooms").press("Enter");
    await offers(ada, "#finder-list", ["garden", "Überseehafen"]);
    assertEquals(await focused(ada), "finder");
    await says(ada, "#finder-list .choice >> nth=0", "2 here");
    await assertAccessible(ada, "other rooms");
    await ada.keyboard.type("#uber");
    await offers(ada, "#finder-list", ["Überseehafen"]);
    await ada.keyboard.type("x");
    await says(ada, "#finder-panel", "Nobody is in a room of that name now.");
    await assertAccessible(ada, "no such room");
    for (let i = 0; i < 5; i++) await ada.keyboard.press("Backspace");
    await ada.keyboard.press("ArrowDown");
    await ada.keyboard.press("Enter");
    await says(ada, "#title", "Überseehafen");
    assertEquals(await focused(ada), "say");
    await offers(ada, "#finder-list", ["garden"]); // it is not among the others any more
    await ada.locator("#finder").press("Escape");
    assertEquals(await focused(ada), "find-rooms");
    // It is read anew when it is opened again: there is one more room, and one is empty.
    await using four = await connect(server, { room: "kitchen" });
    await four.next("joined");
    for (const each of [one, two]) each.send({ type: "leave", room: "garden" });
    await until(
      async () => (await server.members("garden")).memberCount === 0,
      "the room to be empty",
    );
    await ada.keyboard.press("Enter");
    await offers(ada, "#finder-list", ["kitchen"]);
    assertEquals(asked, 2);
    await ada.locator(`#finder-list [data-key="kitchen"]`).click();
    await says(ada, "#title", "kitchen");
    await says(ada, "#finder-panel", "There is nobody in any other room now.");
    await ada.keyboard.press("Escape");
    isAway = true;
    for (let i = 0; i < 2; i++) await ada.locator("#find-rooms").click();
    await says(ada, "#finder-panel", "The rooms could not be loaded.");
    await assertAccessible(ada, "rooms that could not be loaded");
    isAway = false;
    await using five = await connect(server, { room: "attic" });
    await five.next("joined");
    await ada.getByText("Try again").press("Enter");
    await offers(ada, "#finder-list", ["attic"]);
    assert(await ada.locator("#finder-panel .listed-status").isHidden());
    for (const each of [three, four, five]) await each.close();
  },
);

browserTest(
  "leaving a room is undone, in all tabs, and goes on where one left off",
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(`${server.url}/?room=design`);
    await fill(server.url, "design", 3);
    await shows(ada, ["message 1", "message 2", "message 3"]);
    await enter(ada, "lobby");
    await enter(ada, "garden");
    const tab = await chrome.tab(ada);
    await says(tab, "#count", "1 person here"); // it is in all rooms, of which this is the last
    await using bob = await connect(server, { room: "design", name: "Bob" });
    bob.send({ type: "chat", room: "design", payload: "before" });
    for (const page of [ada, tab]) await says(page, "#rooms", "1 new message");
    await ada.locator("#say").fill("a draft for the garden");
    await ada.locator(`[data-room="design"] .leave`).focus();
    await ada.keyboard.press("Enter");
    await says(ada, "#toast", "You left design.Undo");
    await ada.locator("#toast").hover(); // so that it stays
    // The focus is not lost with the row, and the others see that Ada is gone.
    await until(
      async () => await ada.evaluate("document.activeElement.textContent") === "garden",
      "the focus on the room that is shown",
    );
    await bob.next("system", ({ kind, user }) => kind === "left" && user?.name !== "Filler");
    for (const page of [ada, tab]) {
      await until(async () => (await rooms(page)).length === 2, "the room to be gone");
    }
    await assertAccessible(ada, "a room that was left");
    bob.send({ type: "chat", room: "design", payload: "meanwhile" });
    await bob.next("chat", ({ payload }) => payload === "meanwhile");
    await ada.locator("#toast .plain").focus();
    await ada.keyboard.press("Enter");
    for (const page of [ada, tab]) {
      await says(page, "#rooms", "2 new messages");
      assertEquals(await rooms(page), ["design", "lobby", "garden"]);
    }
    // It was not shown when it was left, so it is not shown now.
    assertEquals(await text(ada, "#title"), "garden");
    assertEquals(await focused(ada), "say");
    assertEquals(await ada.locator("#say").inputValue(), "a draft for the garden");
    for (const page of [tab, ada]) {
      await page.locator(`[data-room="design"] a`).click();
      await shows(page, ["message 1", "message 2", "message 3", "before", "meanwhile"]);
    }
    await until(async () => await ada.title() === "design · Parley", "nothing unread");
    assert(await ada.locator("#toast").isHidden());
    // The one that is shown comes back as it was, also from the palette, and in the right place.
    await ada.locator("#say").fill("a draft");
    await ada.evaluate(`document.querySelector(".list:not([hidden]) .line").id = "kept"`);
    bob.send({ type: "typing", room: "design", payload: true });
    await says(ada, "#typing", "Bob is typing");
    await ada.locator(`[data-room="design"] .leave`).focus();
    await ada.keyboard.press("Enter");
    await says(ada, "#title", "garden");
    await ada.keyboard.press("Control+k");
    await ada.keyboard.type("go back");
    await ada.keyboard.press("Enter");
    await says(ada, "#title", "design");
    await shows(ada, ["message 1", "message 2", "message 3", "before", "meanwhile"]);
    assertEquals(await ada.locator("#say").inputValue(), "a draft");
    await say(ada, "back");
    await until(async () => await lines(ada).last().textContent() === "back", "the answer");
    await allStored(ada);
    assertEquals(await ada.locator("#kept").count(), 1);
    assertEquals(await text(ada, "#typing"), ""); // Bob may have stopped in the meantime
    for (const page of [ada, tab]) {
      await page.reload();
      await says(page, "#count", "here");
      assertEquals(await rooms(page), ["design", "lobby", "garden"]);
      assertEquals(await page.locator(".unread").count(), 0);
    }
  },
);

browserTest(
  "a guest who signs out is forgotten in all tabs, and cannot come back",
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(`${server.url}/?room=secret`);
    await rename(ada, "Ada");
    await say(ada, "mine");
    await enter(ada, "lobby");
    await ada.locator("#say").fill("a draft");
    const tab = await chrome.tab(ada);
    await says(tab, "#my-name", "Ada");
    const saved = () =>
      ada.evaluate<string>("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])");
    assert((await saved()).includes("secret"));
    await ada.locator("#sign-out").press("Enter");
    await says(ada, ".question", "nobody can bring this guest back");
    await assertAccessible(ada, "the question");
    await ada.keyboard.press("Enter"); // the answer at hand is the harmless one
    assert(await ada.locator(".question").isHidden());
    assertEquals(await focused(ada), "sign-out");
    await ada.keyboard.press("Enter");
    await ada.keyboard.press("Tab");
    await ada.keyboard.press("Enter");
    for (const page of [ada, tab]) {
      await says(page, ".signed-out", "You are signed out.");
      assertEquals(await page.title(), "Parley");
      assertEquals(await page.locator("#stage, #rooms, #say").count(), 0);
    }
    await assertAccessible(ada, "signed out");
    assertEquals(/secret|draft |Ada|token/.exec(await saved()), null);
    assertEquals(new URL(ada.url()).search, "");
    await ada.keyboard.press("Control+k");
    await ada.keyboard.press("?");
    assertEquals(await ada.locator("dialog[open]").count(), 0);
    await ada.keyboard.press("Enter");
    await says(ada, "#title", "lobby");
    assert((await text(ada, "#my-name bdi")).startsWith("Guest"));
    assertEquals(await rooms(ada), ["lobby"]);
    // The other tab stays signed out, and does not take the new guest with it.
    await says(tab, ".signed-out", "You are signed out.");
    await ada.reload();
    const guest = await text(ada, "#my-name bdi");
    await tab.keyboard.press("Enter");
    await says(tab, "#my-name", guest);
  },
);

browserTest("an application's user ends the session on the page, in Chinese", async (chrome) => {
  await using server = await serve({}, {
    authenticate: ({ request }) =>
      request?.headers.get("cookie")?.includes("user=lin") ? { id: "lin", name: "Lin" } : undefined,
  });
  const lin = await chrome.open(`${server.url}/healthz`, { locale: "zh-CN" });
  await lin.context().addCookies([{ name: "user", value: "lin", url: server.url }]);
  await lin.goto(`${server.url}/?room=design`);
  await says(lin, "#my-name", "Lin");
  await lin.locator("#open-palette").click();
  await lin.locator("#palette").fill("退出");
  await offers(lin, "#palette-list", ["退出登录", "进入 退出"]);
  await lin.keyboard.press("Enter");
  await says(lin, ".question", "你在此页面的会话将结束");
  await lin.getByText("退出登录", { exact: true }).filter({ visible: true }).click();
  await says(lin, ".signed-out", "你已退出登录。");
  await lin.keyboard.press("Enter");
  await says(lin, "#my-name", "Lin");
  // A page that the browser had put aside while another tab signed out notices when it comes back.
  await lin.evaluate(`localStorage.setItem("parley.signed-out", "meanwhile")`);
  await lin.evaluate(`dispatchEvent(new Event("pageshow"))`);
  await says(lin, ".signed-out", "你已退出登录。");
});

browserTest("the palette goes to rooms and runs commands, by keyboard alone", async (chrome) => {
  await using server = await serve();
  await using bob = await connect(server, { room: "garden" });
  await bob.next("joined");
  const ada = await chrome.open(server.url);
  await says(ada, "#count", "1 person");
  await enter(ada, "design");
  await ada.locator("#say").fill("half a ");
  await ada.keyboard.press("Control+k");
  const commands = ["Copy a link to this room", "Leave \u2068design\u2069", "Change your name"];
  const all = [
    "lobby",
    "design",
    ...commands,
    "Notify me of mentions",
    "Keyboard shortcuts",
    "Sign out",
    "garden",
  ];
  await offers(ada, "#palette-list", all);
  await assertAccessible(ada, "the palette");
  const active = async () => {
    const id = await ada.locator("#palette").getAttribute("aria-activedescendant");
    assertEquals(await ada.locator(`[aria-selected="true"]:visible`).count(), 1);
    return (await text(ada, `#${id} bdi`));
  };
  assertEquals(await active(), "lobby");
  await ada.keyboard.press("ArrowUp");
  assertEquals(await active(), "garden");
  await ada.keyboard.press("ArrowDown");
  assertEquals(await active(), "lobby");
  await ada.keyboard.press("Escape");
  assertEquals(await focused(ada), "say");
  await ada.keyboard.type("sentence");
  assertEquals(await ada.locator("#say").inputValue(), "half a sentence");
  const chosen: readonly (readonly [typed: string, selector: string, shown: string])[] = [
    ["gar", "#title", "garden"], // another room
    ["lob", "#title", "lobby"], // one's own
    ["attic", "#title", "attic"], // a new one
    ["leave", "#toast", "You left attic."],
    ["keyboard", ".sheet-of-shortcuts", "Room above"],
  ];
  for (const [typed, selector, shown] of chosen) {
    await ada.keyboard.press("Control+k");
    await ada.keyboard.type(typed);
    await ada.keyboard.press("Enter");
    await says(ada, selector, shown);
  }
  assertEquals(await rooms(ada), ["lobby", "design", "garden"]);
  await ada.keyboard.press("Escape");
  await ada.keyboard.press("Control+k");
  await ada.keyboard.press("Control+k"); // closes it
  assertEquals(await ada.locator("dialog[open]").count(), 0);
  await bob.close();
});

browserTest("on a phone all of it is done by touch", async (chrome) => {
  await using server = await serve();
  await using bob = await connect(server, { room: "garden" });
  await bob.next("joined");
  const ada = await chrome.open(server.url, PHONE);
  await says(ada, "#count", "1 person");
  await ada.locator("#open-rail").tap();
  await ada.locator("#find-rooms").tap();
  await offers(ada, "#finder-list", ["garden"]);
  assertEquals(await focused(ada), "find-rooms"); // no keyboard comes up
  await assertAccessible(ada, "other rooms on a phone", "#rail");
  await ada.locator(`#finder-list [role="option"]`).tap();
  await says(ada, "#title", "garden");
  await until(() => ada.locator("#rail").isHidden(), "the panel to be closed");
  await ada.locator("#open-rail").tap();
  await ada.locator("#open-palette").tap();
  await assertAccessible(ada, "the palette on a phone");
  await ada.getByText("Change your name").filter({ visible: true }).last().tap();
  await until(async () => await focused(ada) === "new-name", "the field");
  await ada.keyboard.type("Ada");
  await ada.keyboard.press("Enter");
  await ada.locator(`[data-room="garden"] .leave`).tap();
  await ada.locator("#toast").getByText("Undo").tap();
  await says(ada, "#title", "garden");
  await ada.touchscreen.tap(300, 320); // beside the panel
  await ada.locator("#open-rail").tap();
  await ada.locator("#open-palette").tap();
  await ada.getByText("Show people").filter({ visible: true }).tap();
  await says(ada, "#people-list", "Ada");
  await until(() => ada.locator("#people-panel").isVisible(), "the people");
  await bob.close();
});

browserTest("the sheet of shortcuts lists those that there are, and each works", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  await says(ada, "#count", "1 person");
  await enter(ada, "design");
  await say(ada, "one");
  await say(ada, "two");
  await allStored(ada);
  await shows(ada, ["one", "two"]);
  await ada.locator("#say").press("?"); // is text there
  assertEquals(await ada.locator("#say").inputValue(), "?");
  await ada.locator("#say").fill("");
  const list = ada.locator(".list:not([hidden])");
  await list.focus();
  await ada.keyboard.press("?");
  await assertAccessible(ada, "the sheet of shortcuts");
  const listed = await ada.locator(".sheet-of-shortcuts dl > div").allTextContents();
  await ada.keyboard.press("Escape");
  assert(await ada.evaluate(`document.activeElement.matches(".list")`), "the focus is back");
  const table = await ada.evaluate<readonly (readonly [string, string])[]>(
    `import("./page/shortcuts.ts").then(({ SHORTCUTS, capsOf }) =>
      Object.entries(SHORTCUTS).map(([name, { says, keys }]) =>
        [name, says + keys.map((one) => capsOf(one).join(" ")).join("  or ") + " "]))`,
  );
  assertEquals(listed, table.map(([, row]) => row));
  /** What each does, one after the other. */
  const line = (text: string) => `document.activeElement.textContent.includes("${text}")`;
  const works: Readonly<Record<string, readonly [key: string, effect: string]>> = {
    newestMessage: ["Enter", line("two")],
    olderMessage: ["ArrowUp", line("one")],
    newerMessage: ["ArrowDown", line("two")],
    actOnMessage: ["Enter", `document.activeElement.closest(".actions") !== null`],
    close: ["Escape", `document.activeElement.matches(".line")`],
    backToList: ["Escape", `document.activeElement.matches(".list")`],
    sheet: ["?", `document.querySelector(".sheet-of-shortcuts").open`],
    palette: ["Control+k", `document.activeElement.id === "palette"`],
    previousRoom: ["Alt+ArrowUp", `document.querySelector("#title").textContent === "lobby"`],
    nextRoom: ["Alt+ArrowDown", `document.querySelector("#title").textContent === "design"`],
    editLast: ["ArrowUp", `document.querySelector("#say").value === "two"`],
    cancel: ["Escape", `document.querySelector("#about").hidden`],
    newLine: ["Shift+Enter", `document.querySelector("#say").value === "\\n"`],
    send: ["Control+Enter", `document.querySelector("#say").value === ""`],
  };
  assertEquals(Object.keys(works).toSorted(), table.map(([name]) => name).toSorted());
  for (const [name, [key, effect]] of Object.entries(works)) {
    if (name === "previousRoom") await ada.keyboard.press("Escape");
    if (name === "palette") await ada.keyboard.press("Escape");
    if (name === "editLast") await ada.locator("#say").focus();
    if (name === "send") await ada.locator("#say").fill("three");
    await ada.keyboard.press(key);
    await until(async () => await ada.evaluate(effect) === true, `${name}: ${effect}`);
  }
  await until(async () => await lines(ada).last().textContent() === "three", "the message");
});
