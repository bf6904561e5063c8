/**
 * What can be done to a message on the page: edit, delete, react, answer, link; by pointer, by keyboard
 * alone and by a long press. In Chromium.
 *
 * @module
 */
import type { APIResponse, Page, Route } from "npm:playwright-core@1.65.1";
import { Refusal } from "../server/mod.ts";
import { connect } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { assertAccessible, browserTest } from "./support/browser.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { MovedClock } from "./support/moved_clock.ts";
import { allStored, fill, fits, lines, PHONE, say, says, shows, text } from "./support/page.ts";
import { faultProxy } from "./support/proxy.ts";

const BAR = ".actions:not([hidden])";

function act(page: Page, label: string) {
  return page.locator(`${BAR} button[aria-label="${label}"]`).click();
}

/** Moves the pointer to a message that is stored, and waits for its toolbar. */
async function hover(page: Page, said: string): Promise<void> {
  await allStored(page);
  await page.mouse.move(1, 1);
  await lines(page).filter({ hasText: said }).hover();
  await page.locator(BAR).waitFor();
}

browserTest("a message is edited and deleted, by pointer and by keyboard", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  const bob = await chrome.open(server.url, { locale: "zh-CN", colorScheme: "dark" });
  await says(ada, "#count", "2 people here"); // who comes later moves the lines, and the bar goes
  await say(ada, "helo");
  await say(ada, "oops");
  await shows(bob, ["helo", "oops"]);
  await hover(ada, "helo");
  await assertAccessible(ada, "the toolbar of a message");
  const before = await lines(ada).first().boundingBox();
  await act(ada, "Edit");
  assertEquals(await ada.locator("#say").inputValue(), "helo");
  assertEquals((await lines(ada).first().boundingBox())?.y, before?.y); // nothing moves
  await assertAccessible(ada, "a message that is edited");
  await say(ada, "hello");
  for (const page of [ada, bob]) await shows(page, ["hello", "oops"]);
  await says(bob, ".list:not([hidden]) .edited", "已编辑");
  // The last one by keyboard: arrow up, and what was written before comes back.
  await ada.locator("#say").press("ArrowUp");
  assertEquals(await ada.locator("#say").inputValue(), "oops");
  await ada.locator("#say").press("Escape");
  assertEquals(await ada.locator("#say").inputValue(), "");
  await ada.keyboard.press("ArrowUp");
  await say(ada, "well");
  for (const page of [ada, bob]) await shows(page, ["hello", "well"]);
  await ada.locator(".list:not([hidden])").focus();
  await ada.keyboard.press("Enter");
  await ada.keyboard.press("Enter");
  await ada.locator(`${BAR} button:focus`).waitFor();
  await ada.keyboard.press("ArrowLeft");
  await ada.keyboard.press("Enter");
  assertEquals(await text(ada, `${BAR} .sure`), "Delete for everybody?");
  await assertAccessible(ada, "the question before a deletion");
  await ada.keyboard.press("Enter");
  await shows(bob, ["hello", "此消息已删除。"]);
  await shows(ada, ["hello", "This message was deleted."]);
  await assertAccessible(bob, "messages that were edited and deleted, in the dark");
  // Nobody else's message can be edited.
  await hover(bob, "hello");
  assertEquals(await bob.locator(`${BAR} button[aria-label="编辑"]`).count(), 0);
  await bob.reload();
  await shows(bob, ["hello", "此消息已删除。"]);
});

browserTest(
  "the bar goes when its message moves, and follows it while the keyboard is in it",
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(server.url);
    const bob = await chrome.open(server.url);
    await says(ada, "#count", "2 people here");
    await say(ada, "one\ntwo\nthree\nfour\nfive"); // the pointer stays over it when it moves
    await shows(bob, ["one\ntwo\nthree\nfour\nfive"]);
    const place = () =>
      ada.evaluate<number | undefined>(`(() => {
      const [bar, line] = [".actions:not([hidden])", ".list:not([hidden]) .line"]
        .map((it) => document.querySelector(it)?.getBoundingClientRect().y);
      return bar === undefined ? undefined : Math.round(bar - line);
    })()`);
    await hover(ada, "one");
    const beside = await place();
    await say(bob, "six"); // the list is too short to scroll
    await until(async () => await lines(ada).count() === 2, "the other message");
    await until(async () => [undefined, beside].includes(await place()), "no bar elsewhere");
    await ada.mouse.move(1, 1);
    await ada.locator(".list:not([hidden]) .line").first().focus();
    await ada.keyboard.press("Enter");
    await ada.locator(`${BAR} button:focus`).waitFor();
    await say(bob, "seven");
    await until(async () => await lines(ada).count() === 3, "the third message");
    await until(async () => await place() === beside, "the bar beside its message");
  },
);

browserTest("reactions are counted, and taken back, and known after a reload", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  const bob = await chrome.open(server.url, { colorScheme: "dark" });
  for (const page of [ada, bob]) await says(page, "#count", "2 people here");
  await say(ada, "cake?");
  await shows(bob, ["cake?"]);
  await hover(bob, "cake?");
  await act(bob, "React with 🎉");
  await says(ada, ".chip", "🎉 1");
  await ada.locator(".chip").click();
  const chip = (page: Page) =>
    page.evaluate<string>(`[...document.querySelectorAll(".chip")].map((one) =>
      one.textContent + "," + one.getAttribute("aria-pressed")).join()`);
  for (const page of [ada, bob]) {
    await until(async () => await chip(page) === "🎉 2,true", "both");
    await assertAccessible(page, "a reaction");
  }
  await bob.reload();
  await until(async () => await chip(bob) === "🎉 2,true", "them after a reload");
  await bob.locator(".chip").press("Enter");
  await until(async () => await chip(ada) === "🎉 1,true", "one");
  await until(async () => await chip(bob) === "🎉 1,false", "one, and not Bob's");
  assertEquals(await bob.evaluate("document.activeElement.className"), "chip");
});

browserTest("a reaction can be pressed while others react", async (chrome) => {
  await using server = await serve();
  const [bob, eve, mia] = ["Bob", "Eve", "Mia"].map((name) =>
    connect(`${server.url}/ws`, { name })
  );
  assert(bob && eve && mia);
  for (const client of [bob, eve, mia]) await client.join("lobby");
  await bob.send("lobby", "cake?");
  await bob.react("lobby", 1, "🎉");
  const ada = await chrome.open(server.url);
  const isOn = () => ada.locator(".chip").getAttribute("aria-pressed");
  const reactMeanwhile = async (on: boolean, client: typeof bob, name: string) => {
    await eve.react("lobby", 1, "🎉", on);
    client.typing("lobby");
    await says(ada, "#typing", name); // by then the page has heard of the reaction
  };
  await ada.locator(".chip").hover();
  await ada.mouse.down();
  await reactMeanwhile(true, eve, "Eve");
  // What waits for the release does not look for it in each frame.
  const frames = `new Promise((resolve) => {
    const request = requestAnimationFrame;
    let asked = 0, left = 10;
    window.requestAnimationFrame = (callback) => request(callback, asked++);
    request(function step() {
      if (left-- > 0) return request(step);
      window.requestAnimationFrame = request;
      resolve(asked);
    });
  })`;
  await until(async () => await ada.evaluate<number>(frames) === 0, "no frames");
  await says(ada, ".chip", "🎉 1");
  await ada.mouse.up();
  await says(ada, ".chip", "🎉 3");
  assertEquals(await isOn(), "true");
  // Released elsewhere it is not clicked, and shows what came.
  await ada.mouse.down();
  await reactMeanwhile(false, bob, "Bob");
  await ada.mouse.move(1, 1);
  await ada.mouse.up();
  await says(ada, ".chip", "🎉 2");
  assertEquals(await isOn(), "true");
  await ada.locator(".chip").focus();
  await ada.keyboard.down(" ");
  await reactMeanwhile(true, mia, "Mia");
  await ada.keyboard.up(" ");
  await until(async () => await isOn() === "false", "it to be taken back");
  await says(ada, ".chip", "🎉 2"); // Bob's and Eve's
  for (const client of [bob, eve, mia]) client.close();
});

browserTest("on a phone a long press brings the same up, and an answer quotes", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  await say(ada, "who comes?");
  const phone = await chrome.open(server.url, PHONE);
  await shows(phone, ["who comes?"]);
  const line = await lines(phone).first().boundingBox();
  assert(line);
  const touch = { x: line.x + 10, y: line.y + 10 };
  const cdp = await phone.context().newCDPSession(phone);
  await cdp.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [touch] });
  await phone.locator(`${BAR}.sheet`).waitFor();
  await cdp.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await assertAccessible(phone, "the sheet of a message");
  assert(await fits(phone), "nothing sticks out");
  await phone.locator(`${BAR} button[aria-label="Reply"]`).tap();
  await says(phone, "#about", "who comes?");
  await assertAccessible(phone, "an answer that is written");
  const [about, box] = await Promise.all(
    ["#about", "#box"].map((part) => phone.locator(part).boundingBox()),
  );
  assert(about && box && about.y + about.height < box.y, "the outline of the box is in sight");
  await say(phone, "me");
  await shows(ada, ["who comes?", "me"]);
  await says(ada, ".quote", "who comes?");
  await ada.locator(".quote").click();
  await ada.locator(".line.found").waitFor();
  assertEquals(await text(ada, ".line.found .text"), "who comes?");
  assert(await fits(phone), "nothing sticks out of the answer");
  // What is deleted is in no quote any more.
  await ada.locator("#say").press("ArrowUp");
  await say(ada, "who?");
  await says(phone, ".quote", "who?");
  await ada.mouse.move(1, 1);
  const bob = await chrome.open(server.url);
  await shows(bob, ["who?", "me"]);
  await lines(bob).first().hover();
  await act(bob, "Reply");
  await says(bob, "#about", "who?");
  await says(ada, "#count", "3 people here");
  await lines(ada).first().hover();
  await act(ada, "Delete");
  await act(ada, "Delete for everybody?");
  for (const page of [ada, phone]) await says(page, ".quote", "This message was deleted.");
  await says(bob, "#about", "This message was deleted.");
});

/** Lets the clock of a page be this many milliseconds ahead. */
function setAhead(page: Page, milliseconds: number): Promise<void> {
  return page.evaluate(`window.aheadMs = ${milliseconds}`);
}

browserTest(
  "editing is offered while the server takes it, by the server's clock",
  async (chrome) => {
    using clock = new MovedClock();
    await using server = await serve({ editSeconds: 600 });
    const options = { locale: "zh-CN", colorScheme: "dark" } as const;
    const ada = await chrome.open(`${server.url}/healthz`, options);
    await ada.addInitScript(`{
    const now = Date.now;
    window.aheadMs = 3_600_000;
    Date.now = () => now() + window.aheadMs;
  }`);
    await ada.goto(server.url);
    const offered = async (label: string) =>
      await ada.locator(`${BAR} button[aria-label="${label}"]`).count();
    await say(ada, "first");
    await hover(ada, "first");
    assertEquals([await offered("编辑"), await offered("删除")], [1, 1]);
    await act(ada, "编辑");
    assertEquals(await ada.locator("#say").inputValue(), "first");
    // The time ends while it is edited: the text is kept, and it is said why.
    clock.pass(601_000);
    await say(ada, "too late");
    await says(ada, ".failed", "无法更改。发送时间已过太久。");
    await says(ada, "#announcer", "发送时间已过太久。");
    assertEquals(await text(ada, ".failed .text"), "too late");
    assert(await ada.locator("#toast").isHidden());
    await assertAccessible(ada, "an edit that was refused, in the dark");
    assertEquals(await text(ada, ".line[data-seq] .text"), "first");
    await ada.getByText("丢弃").click();
    assertEquals(await ada.locator(".failed").count(), 0);
    // An hour and 601 seconds, as the server's clock: what is older is not offered any more.
    await setAhead(ada, 3_600_000 + 601_000);
    await say(ada, "second");
    await shows(ada, ["first", "second"]);
    await hover(ada, "first");
    assertEquals([await offered("编辑"), await offered("删除"), await offered("回复")], [0, 0, 1]);
    await ada.locator("#say").press("ArrowUp");
    assertEquals(await ada.locator("#say").inputValue(), "second");
    await ada.locator("#say").press("Escape");
    await setAhead(ada, 3_600_000 + 1_202_000);
    await ada.locator("#say").press("ArrowUp");
    assertEquals(await ada.locator("#say").inputValue(), "");
  },
);

browserTest("what waits to be stored shows so where it is, and after a reload", async (chrome) => {
  let mute = false;
  await using server = await serve({}, {
    onMessage() {
      if (mute) throw new Refusal("forbidden", "Not now.");
    },
  });
  await using proxy = faultProxy(server.url);
  for (
    const [user, options, edit, bin, sure, cake] of [
      [0, {}, "Edit", "Delete", "Delete for everybody?", "React with 🎉"],
      [1, PHONE, "编辑", "删除", "确定对所有人删除？", "用 🎉 回应"],
    ] as const
  ) {
    const room = `room-${user}`;
    const ada = await chrome.open(`${proxy.url}/healthz`, {
      ...options,
      ...(user && { locale: "zh-CN" }),
    });
    let isHeld = false;
    await ada.routeWebSocket(/ws/, (socket) => void (isHeld || socket.connectToServer()));
    await ada.goto(`${proxy.url}/?room=${room}`);
    const long = "one\ntwo " + "words ".repeat(40);
    for (const line of ["helo", "oops", long, "last"]) await say(ada, line);
    await until(async () => await lines(ada).count() === 4, "the messages");
    await until(async () => await ada.locator(".sending").count() === 0, "the echoes");
    const line = (seq: number) => ada.locator(`.line[data-seq="${seq}"]`);
    const doTo = async (seq: number, ...labels: string[]) => {
      await line(seq).focus();
      await ada.keyboard.press("Enter");
      for (const label of labels) await act(ada, label);
    };
    const places = async () =>
      await Promise.all([1, 2, 3, 4].map(async (seq) => (await line(seq).boundingBox())?.y));
    const signs = () => ada.locator(".list:not([hidden]) .pending:visible").count();

    proxy.stall("up");
    await doTo(1, edit);
    await say(ada, "hello");
    await doTo(2, bin, sure);
    await doTo(3, edit);
    await say(ada, `${long}!`);
    await until(async () => await signs() === 3, "three signs");
    assertEquals(await text(ada, `.line[data-seq="1"] .text`), "hello");
    await doTo(2);
    assertEquals(await ada.locator(BAR).count(), 0, "nothing can be done to what is to be deleted");
    await assertAccessible(ada, "revisions that wait");
    assert(await fits(ada), "nothing sticks out");
    const before = await places();
    proxy.flow();
    await ada.locator(`.line[data-seq="2"].deleted`).waitFor();
    await until(async () => await signs() === 0, "the answers");
    assertEquals(await places(), before, "nothing moves");

    proxy.stall("up");
    await doTo(4, cake);
    await says(ada, ".chip.waiting", "🎉");
    assertEquals(await ada.locator(".chip").getAttribute("aria-pressed"), "true");
    await doTo(4, edit);
    await say(ada, "the last");
    await doTo(1, bin, sure);
    await until(async () => await signs() === 3, "three others");
    await assertAccessible(ada, "a reaction that waits");
    proxy.cut();
    proxy.flow();
    isHeld = true;
    await ada.reload();
    await until(async () => await ada.locator(".unsent .sending").count() === 3, "them again");
    await assertAccessible(ada, "revisions that wait, without their messages");
    assert(await fits(ada), "nothing sticks out");
    isHeld = false;
    await ada.reload();
    await until(async () => await ada.locator(".sending, .waiting").count() === 0, "the answers");
    await says(ada, ".chip", "🎉 1");
    assertEquals(await text(ada, `.line[data-seq="4"] .text`), "the last");
    await ada.locator(`.line[data-seq="1"].deleted`).waitFor();

    // What is refused later goes back, with its reason.
    proxy.stall("up");
    await doTo(4, edit);
    await say(ada, "at last");
    await until(async () => await signs() === 1, "the sign");
    mute = true;
    proxy.flow();
    await says(ada, ".failed", "Not now.");
    assertEquals(await text(ada, `.failed .text`), "at last");
    assertEquals(await text(ada, `.line[data-seq="4"] .text`), "the last");
    assertEquals(await signs(), 0);
    mute = false;
  }
});

browserTest("what waits stays in sight when its message is tidied away", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(`${server.url}/healthz`);
  const held: (() => void)[] = [];
  let isHeld = false;
  await ada.routeWebSocket(/ws/, (socket) => {
    const up = socket.connectToServer();
    socket.onMessage((data) => {
      if (isHeld) held.push(() => up.send(data));
      else up.send(data);
    });
  });
  await ada.goto(server.url);
  await say(ada, "helo");
  await allStored(ada);
  isHeld = true;
  await ada.locator("#say").press("ArrowUp");
  await say(ada, "hello");
  await ada.locator(".line.waiting").waitFor();
  const waiting = ada.locator(".unsent .sending");
  assertEquals(await waiting.count(), 0);
  for (const count of [300, 260]) {
    await fill(server.url, "lobby", count);
    await until(
      async () => await text(ada, ".flow .line .text >> nth=-1") === `message ${count}`,
      "all",
    );
  }
  await until(async () => await ada.locator(".line.waiting").count() === 0, "the line to go");
  await until(async () => await waiting.count() === 1, "the edit");
  assertEquals(await waiting.locator(".text").textContent(), "hello");
  await ada.locator("#latest").waitFor({ state: "hidden" }); // it has followed the end
  await says(ada, ".flow .line .text >> nth=-1", "message 260");
  assert(await waiting.isVisible());
  await assertAccessible(ada, "an edit whose message is out of sight");
  // It is shown once: at its message when that is there again.
  await until(async () => {
    await ada.evaluate(`document.querySelector(".list").scrollTop = 0`);
    return await ada.locator(".line.waiting").count() === 1;
  }, "the line again");
  assertEquals(await waiting.count(), 0);
  for (const send of held) send();
  await until(async () => await ada.locator(".line.waiting").count() === 0, "the answer");
  assertEquals(await text(ada, `.line[data-seq="1"] .text`), "hello");
});

browserTest("of a log that was replaced nothing is left", async (chrome) => {
  await using before = await serve();
  await using after = await serve();
  await using proxy = faultProxy(before.url);
  const bob = connect(`${before.url}/ws`, { name: "Bob" });
  await bob.join("lobby");
  for (let i = 1; i <= 60; i++) await bob.send("lobby", `before ${i}`);
  const ada = await chrome.open(`${proxy.url}/healthz`, { viewport: { width: 1000, height: 400 } });
  // A page of the log comes when that is another one.
  const late = Promise.withResolvers<[Route, APIResponse]>();
  const hold = async (route: Route) => late.resolve([route, await route.fetch()]);
  await ada.route("**/messages?*", hold, { times: 1 });
  await ada.goto(proxy.url);
  await until(async () => await text(ada, ".flow .line .text >> nth=-1") === "before 60", "all");
  await ada.evaluate(`document.querySelector(".list").scrollTop = 0`);
  const [route, response] = await patiently(late.promise, "the request for older messages");
  // What became of a message that is not shown yet, and of one that is.
  await bob.edit("lobby", 5, "before 5, edited");
  await bob.react("lobby", 60, "🎉");
  await ada.locator(".chip").press("Enter");
  await says(ada, ".chip", "🎉 2");
  bob.close();

  const eve = connect(`${after.url}/ws`, { name: "Eve" });
  await eve.join("lobby");
  for (let i = 1; i <= 60; i++) await eve.send("lobby", `after ${i}`);
  await eve.react("lobby", 60, "🎉");
  eve.close();
  proxy.target = after.url;
  proxy.cut();
  await until(
    async () => await text(ada, ".flow .line .text >> nth=-1") === "after 60",
    "the others",
  );
  await route.fulfill({ response });
  await until(async () => {
    await ada.evaluate(`document.querySelector(".list").scrollTop = 0`);
    return await lines(ada).count() === 60;
  }, "the older ones");
  assertEquals(
    await lines(ada).allTextContents(),
    Array.from({ length: 60 }, (_, i) => `after ${i + 1}`),
  );
  assertEquals(await text(ada, ".chip"), "🎉 1");
  assertEquals(await ada.locator(".chip").getAttribute("aria-pressed"), "false");
});

browserTest("a link to what is not there says so", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(`${server.url}/?room=lobby&message=20`);
  await say(ada, "hello");
  await ada.reload();
  await says(ada, "#toast", "There is no such message here.");
  await assertAccessible(ada, "a message that is not there");
});

browserTest("the longest reaction fits on a phone", async (chrome) => {
  await using server = await serve();
  const client = connect(`${server.url}/ws`, { name: "Ada" });
  await client.join("lobby");
  await client.send("lobby", "cake?");
  await client.react("lobby", 1, "W".repeat(32));
  const phone = await chrome.open(server.url, PHONE);
  await phone.locator(".chip").waitFor();
  assert(await fits(phone), "nothing sticks out");
  client.close();
});

browserTest("that a message was sent is shown beside it, in sight", async (chrome) => {
  await using server = await serve();
  for (const options of [PHONE, {}]) {
    const ada = await chrome.open(server.url, options);
    await say(ada, "words ".repeat(60));
    await allStored(ada);
    const line = ada.locator(".own > .line");
    const box = await line.boundingBox();
    const text = await line.locator(".text").boundingBox();
    const mark = await line.locator(".mark .icon").boundingBox();
    const width = ada.viewportSize()?.width ?? 0;
    assert(box && text && mark && mark.x >= text.x + text.width, "it is beside the text");
    assert(mark.x + mark.width <= width, "it is in sight");
    await say(ada, "more");
    await allStored(ada);
    assertEquals(
      (await line.first().boundingBox())?.height,
      box.height,
      "nothing moves when it goes",
    );
    assert(await fits(ada), "nothing sticks out");
    await ada.close();
  }
});

browserTest("a link to a message loads it, goes there and marks it", async (chrome) => {
  await using server = await serve();
  await fill(server.url, "lobby", 250);
  const ada = await chrome.open(`${server.url}/?room=lobby&message=20`);
  await ada.locator(".line.found").waitFor();
  assertEquals(await text(ada, ".line.found .text"), "message 20");
  const box = await ada.locator(".line.found").boundingBox();
  const list = await ada.locator(".list:not([hidden])").boundingBox();
  assert(box && list && box.y > list.y && box.y < list.y + list.height, "it is in sight");
  assertEquals(await ada.evaluate("document.activeElement.dataset.seq"), "20");
  await assertAccessible(ada, "a message that was linked");
});

browserTest("who went to the message that is answered finds the way back", async (chrome) => {
  await using server = await serve();
  await fill(server.url, "lobby", 250);
  const bob = connect(`${server.url}/ws`, { name: "Bob" });
  await bob.join("lobby");
  await bob.send("lobby", "answer", undefined, 20);
  const ada = await chrome.open(server.url, { viewport: { width: 390, height: 700 } });
  await ada.locator(".quote").click(); // the bar of the message does not lie over it
  await ada.locator(".line.found").waitFor();
  assertEquals(await ada.evaluate("document.documentElement.scrollTop"), 0); // only the list scrolls
  await ada.locator("#latest").click();
  await ada.locator("#latest").waitFor({ state: "hidden" });
  bob.close();
});

browserTest("who says something does not go to another message any more", async (chrome) => {
  await using server = await serve();
  await fill(server.url, "lobby", 250);
  const bob = connect(`${server.url}/ws`, { name: "Bob" });
  await bob.join("lobby");
  await bob.send("lobby", "answer", undefined, 150);
  const ada = await chrome.open(server.url, { viewport: { width: 390, height: 700 } });
  const older = Promise.withResolvers<Route>();
  await ada.route("**/messages?*", (route) => older.resolve(route), { times: 1 });
  await ada.locator(".quote").click();
  const request = await patiently(older.promise, "the request for older messages");
  await say(ada, "I stay here");
  await request.continue();
  await ada.locator(`.line[data-seq="150"]`).waitFor({ state: "attached" });
  assertEquals(await ada.locator(".line.found").count(), 0);
  await ada.locator("#latest").waitFor({ state: "hidden" });
  bob.close();
});

browserTest("another device begins at the line where this one has left off", async (chrome) => {
  await using server = await serve();
  const bob = await chrome.open(server.url);
  for (const line of ["one", "two"]) await say(bob, line);
  const ada = await chrome.open(server.url);
  await shows(ada, ["one", "two"]);
  const me = await ada.evaluate<string>(`localStorage.getItem("parley.me")`);
  // The server is told once a second; the device is left when it knows.
  await until(async () => {
    const { token } = JSON.parse(me);
    const answer = await fetch(`${server.url}/me/rooms`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { rooms } = await answer.json();
    return rooms[0]?.read === 2;
  }, "the mark");
  await ada.close();
  for (const line of ["three", "four"]) await say(bob, line);
  await shows(bob, ["one", "two", "three", "four"]);
  const phone = await chrome.open(`${server.url}/asyncapi.json`, PHONE);
  await phone.evaluate(`localStorage.setItem("parley.me", ${JSON.stringify(me)})`);
  await phone.goto(server.url);
  await shows(phone, ["one", "two", "three", "four"]);
  assertEquals(await text(phone, ".new + .group .line .text >> nth=0"), "three");
  await assertAccessible(phone, "the line where one has left off");
});
