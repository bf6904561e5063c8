/**
 * The page, in Chromium, against the real server: what people do with it, what the network does to
 * it, and what hostile text tries. Every test fails as well if a page logs an error or a warning,
 * which is how a violation of the Content-Security-Policy or of Trusted Types would show.
 *
 * @module
 */
import type { Page } from "npm:playwright-core@1.65.1";
import { Refusal } from "../server/mod.ts";
import { connect } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { assertAccessible, browserTest } from "./support/browser.ts";
import { serve, until } from "./support/harness.ts";
import {
  allStored,
  enter,
  fill,
  fits,
  lines,
  PHONE,
  rename,
  say,
  says,
  shows,
  text,
  tryNow,
} from "./support/page.ts";
import { faultProxy } from "./support/proxy.ts";
import { ServerProcess } from "./support/server_process.ts";

browserTest("two users chat, see each other typing, and see it end", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  await shows(ada, []);
  await assertAccessible(ada, "an empty room");
  await rename(ada, "Ada");
  const bob = await chrome.open(server.url);
  for (const page of [ada, bob]) await says(page, "#count", "2 people here");
  await bob.locator("#say").pressSequentially("Hi");
  await says(ada, "#typing", "is typing");
  await assertAccessible(ada, "somebody is typing");
  await bob.locator("#say").fill("");
  await bob.locator("#say").press("Enter"); // nothing to send: nothing is sent
  await say(bob, "Hello Ada");
  await shows(ada, ["Hello Ada"]);
  assertEquals(await bob.locator(".new").count(), 0); // to a newcomer nothing is new
  await until(async () => await text(ada, "#typing") === "", "the end of typing");
  await says(ada, "#announcer", "Hello Ada");
  await ada.locator("#say").fill("two");
  await ada.locator("#say").press("Shift+Enter");
  await ada.locator("#say").pressSequentially("lines");
  await ada.locator("#say").press("Enter");
  await shows(bob, ["Hello Ada", "two\nlines"]);
  const mark = ada.locator(".list .line .mark");
  await until(async () => await mark.getAttribute("title") === "Sent", "the echo");
  // Only in the list: the page also writes a line that nobody sees, to be warm.
  assertEquals(await bob.locator(".list .head b").allTextContents(), [
    await text(bob, "#my-name bdi"),
    "Ada",
  ]);
  await assertAccessible(bob, "a conversation");
});

browserTest("a new name is shown everywhere; a refused one is not", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  const bob = await chrome.open(server.url);
  for (const page of [ada, bob]) await says(page, "#count", "2 people here");
  await ada.locator("#my-name").focus();
  await ada.keyboard.press("Enter");
  await assertAccessible(ada, "writing a name");
  await ada.keyboard.press("Escape");
  assertEquals(await ada.evaluate("document.activeElement.id"), "my-name");
  await rename(ada, "Ada");
  await says(bob, ".list:not([hidden]) .notice", "is now called Ada");
  await says(bob, "#people-list", "Ada");
  await rename(ada, "\u202Eevil");
  await says(ada, "#me .field-error", "all of which can be seen");
  assertEquals(await ada.locator("#new-name").inputValue(), "\u202Eevil");
  assertEquals(await ada.evaluate("document.activeElement.id"), "new-name");
  await assertAccessible(ada, "a refusal");
  await ada.keyboard.press("Escape");
  await says(ada, "#my-name", "Ada");
  await ada.reload();
  await says(ada, "#my-name", "Ada");
});

browserTest("the own name can be pressed while the server answers a new one", async (chrome) => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  const ada = await chrome.open(proxy.url);
  await says(ada, "#count", "1 person here");
  proxy.stall("down");
  await rename(ada, "Ada");
  await says(ada, "#my-name", "Ada");
  await ada.locator("#my-name").hover();
  await ada.mouse.down();
  proxy.flow();
  await says(ada, "#people-list", "Ada");
  await ada.mouse.up();
  await ada.locator("#new-name").waitFor();
});

browserTest("what one says is in sight until its own line is there", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  await says(ada, "#count", "1 person here");
  await ada.evaluate(`{
    window.counts = [];
    const shown = () => [...document.querySelectorAll(".list .text")]
      .filter(({ textContent }) => textContent === "mine").length;
    new MutationObserver(() => counts.push(shown()))
      .observe(document.querySelector("#stage"), { childList: true, subtree: true });
  }`);
  await say(ada, "mine");
  await ada.locator(".list .line[data-seq]").waitFor();
  await allStored(ada);
  await shows(ada, ["mine"]);
  assertEquals(await ada.evaluate("[...new Set(counts)]"), [1]);
});

browserTest(
  "a link invites to a room; unread messages are counted; a room is left",
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(`${server.url}/?room=design`);
    await says(ada, "#title", "design");
    const bob = await chrome.open(`${server.url}/?room=design`);
    await says(ada, "#count", "2 people here");
    await enter(ada, "lobby");
    assertEquals(new URL(ada.url()).searchParams.get("room"), "lobby");
    await say(bob, "one");
    await say(bob, "two");
    await says(ada, "#rooms", "2 new messages");
    assertEquals(await ada.title(), "(2) lobby · Parley");
    await assertAccessible(ada, "unread messages");
    await ada.goBack();
    await says(ada, "#title", "design");
    await shows(ada, ["one", "two"]);
    assertEquals(await ada.locator(".new").count(), 1);
    await until(async () => await ada.title() === "design · Parley", "nothing unread");
    await assertAccessible(ada, "the line over new messages");
    await ada.keyboard.press("Alt+ArrowDown");
    await says(ada, "#title", "lobby");
    await ada.locator(`[data-room="design"] .leave`).focus();
    await ada.keyboard.press("Enter");
    await says(bob, "#count", "1 person here");
    await until(async () => await ada.locator("#rooms li").count() === 1, "one room");
    await ada.reload();
    assertEquals(await ada.locator("#rooms li").count(), 1);
  },
);

browserTest("two tabs are one user, and a reload shows the history once", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  await say(ada, "from the first tab");
  await shows(ada, ["from the first tab"]);
  const tab = await chrome.tab(ada);
  await shows(tab, ["from the first tab"]);
  await says(tab, "#count", "1 person here");
  await say(tab, "from the second");
  await shows(ada, ["from the first tab", "from the second"]);
  assertEquals(await ada.locator(".group.own .face").count(), 1);
  const me = await text(ada, "#my-name bdi");
  await ada.reload();
  await shows(ada, ["from the first tab", "from the second"]);
  assertEquals(await text(ada, "#my-name bdi"), me);
  assertEquals(await text(ada, "#count"), "1 person here");
});

browserTest("a message sent just before a reload is stored and shown once", async (chrome) => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  const ada = await chrome.open(proxy.url);
  await shows(ada, []);
  await until(async () => await ada.locator("#my-name").count() === 1, "the welcome");
  await says(ada, "#count", "1 person");
  proxy.stall("up");
  await say(ada, "in flight");
  await say(ada, "behind it");
  await shows(ada, ["in flight", "behind it"]);
  assertEquals(await ada.locator(".sending").count(), 2);
  await assertAccessible(ada, "messages on their way");
  await ada.locator("#say").fill("a draft");
  proxy.cut();
  proxy.flow();
  await ada.reload();
  await allStored(ada);
  await shows(ada, ["in flight", "behind it"]);
  assertEquals(await ada.locator("#say").inputValue(), "a draft");
});

browserTest(
  "a server killed and started again: a banner, then every message once",
  async (chrome) => {
    await using server = await ServerProcess.start({ PARLEY_HEARTBEAT_SECONDS: "1" });
    const ada = await chrome.open(server.url);
    const bob = await chrome.open(server.url);
    await say(ada, "before");
    await shows(bob, ["before"]);
    await server.kill();
    await says(ada, "#banner", "Trying again in");
    await assertAccessible(ada, "connection lost");
    await say(ada, "while away 1");
    await say(ada, "while away 2");
    await say(bob, "bob too");
    assertEquals(await ada.locator(".sending").count(), 2);
    await server.restart();
    await tryNow(ada);
    await tryNow(bob);
    for (const page of [ada, bob]) {
      await until(async () => (await lines(page).count()) === 4, "all messages");
      await allStored(page);
      await page.locator("#banner").waitFor({ state: "hidden" });
    }
    const shown = await lines(ada).allTextContents();
    assertEquals(shown, await lines(bob).allTextContents());
    assertEquals(shown.filter((it) => it !== "bob too"), [
      "before",
      "while away 1",
      "while away 2",
    ]);
    await says(ada, "#announcer", "Connected again.");
  },
);

browserTest(
  "a server that stops answering is noticed, and every message comes when it continues",
  async (chrome) => {
    await using server = await ServerProcess.start({ PARLEY_HEARTBEAT_SECONDS: "0.5" });
    const ada = await chrome.open(server.url);
    await say(ada, "before");
    await shows(ada, ["before"]);
    server.signal("SIGSTOP");
    await say(ada, "into the silence");
    await ada.locator("#banner").waitFor();
    server.signal("SIGCONT");
    await until(async () => await ada.locator("#banner").isHidden(), "the connection");
    await shows(ada, ["before", "into the silence"]);
    await allStored(ada);
  },
);

browserTest(
  "a refused message says why, and can be sent again or discarded",
  async (chrome) => {
    let mute = true;
    await using server = await serve({}, {
      onMessage() {
        if (mute) throw new Refusal("forbidden", "Not now.");
      },
    });
    const ada = await chrome.open(server.url);
    await say(ada, "first");
    await ada.locator(".failed").waitFor();
    await assertAccessible(ada, "a message that was not sent");
    await say(ada, "second");
    await until(async () => await ada.locator(".failed").count() === 2, "the second refusal");
    await ada.getByText("Discard").first().click();
    mute = false;
    await ada.getByText("Send again").click();
    await until(async () => await ada.locator(".failed, .sending").count() === 0, "the echo");
    await shows(ada, ["second"]);
    await ada.locator("#say").fill("ä".repeat(9_000));
    await says(ada, "#over", "Too long");
    await assertAccessible(ada, "a message that is too long");
    await ada.locator("#say").press("Enter");
    await shows(ada, ["second"]);
  },
);

browserTest(
  "older messages load while scrolling up, and those in sight stay in place",
  async (chrome) => {
    await using server = await serve();
    await fill(server.url, "lobby", 400);
    const ada = await chrome.open(server.url);
    await until(async () => await lines(ada).count() === 50, "the newest");
    const busy = await ada.locator(".list:not([hidden])").getAttribute("aria-busy");
    assertEquals(busy, "false", "a screen reader may read what is there");
    const all = Array.from({ length: 400 }, (_, i) => `message ${i + 1}`);
    const list = ada.locator(".list:not([hidden])");
    await list.focus();
    for (let before = 50; before < 400;) {
      // What is read in the middle of the screen, and where, in one look.
      const [seq, top] = await looksAt(ada, 400);
      await until(async () => await lines(ada).count() > before, "older messages");
      const [, now] = await looksAt(ada, undefined, seq);
      assert(Math.abs(now - top) < 50, `line ${seq} went from ${top} to ${now}`);
      before = await lines(ada).count();
    }
    assertEquals(await lines(ada).allTextContents(), all);
    const scrollTop = `document.querySelector(".list:not([hidden])").scrollTop`;
    await until(async () => {
      await ada.keyboard.press("Home");
      return await ada.evaluate<boolean>(`${scrollTop} === 0`);
    }, "the beginning");
    await says(ada, ".list:not([hidden]) .top", "This is where lobby begins.");
    await assertAccessible(ada, "scrolled up");
    const bob = await chrome.open(server.url);
    await say(bob, "news");
    await says(ada, "#latest", "1 new message");
    assertEquals(await ada.evaluate(scrollTop), 0);
    await ada.locator("#latest").click();
    await until(async () => await ada.locator("#latest").isHidden(), "the newest");
  },
);

browserTest(
  "a list shorter than the screen loads older messages by itself",
  async (chrome) => {
    for (const recentMessages of [0, 3]) {
      await using server = await serve({ recentMessages });
      await fill(server.url, "lobby", 20);
      const ada = await chrome.open(server.url);
      await shows(ada, Array.from({ length: 20 }, (_, i) => `message ${i + 1}`));
      await says(ada, ".list:not([hidden]) .top", "This is where lobby begins.");
      await say(ada, "and on");
      await until(async () => await lines(ada).last().textContent() === "and on", "the message");
    }
  },
);

browserTest("a button loads older messages again after a failure", async (chrome) => {
  await using server = await serve();
  await fill(server.url, "lobby", 180);
  const ada = await chrome.open(server.url);
  await until(async () => await lines(ada).count() === 50, "the newest");
  const scrollUp = `document.querySelector(".list:not([hidden])").scrollTop = 0`;
  await ada.route("**/messages?*", (route) => route.abort());
  await ada.evaluate(scrollUp);
  await says(ada, ".list:not([hidden]) .top", "could not be loaded");
  await assertAccessible(ada, "no older messages");
  await ada.unroute("**/messages?*");
  await say(ada, "and on"); // the button stays
  await until(async () => await lines(ada).last().textContent() === "and on", "the message");
  await until(async () => await ada.locator(".sending").count() === 0, "the echo");
  await ada.getByText("Try again").click();
  await until(async () => await lines(ada).count() >= 150, "the first page");
  await until(async () => {
    await ada.evaluate(scrollUp);
    return await lines(ada).count() === 181;
  }, "scrolling to load the rest");
});

browserTest("hostile text is shown as text, within its line", async (chrome) => {
  await using server = await serve();
  const markup =
    `<img src=x onerror="document.title='pwned'"><script>document.title="pwned"</script>`;
  const room = `"><b>${"W".repeat(50)}`;
  const marks = `Z${"\u0352".repeat(5_000)}`;
  const ada = await chrome.open(`${server.url}/?${new URLSearchParams({ room })}`, PHONE);
  await until(async () => await text(ada, "#count") === "1 person here", "the room to open");
  const bob = connect(`${server.url}/ws`, { name: `<i>${"\u0E49".repeat(60)}` });
  bob.join(room);
  await until(async () => await ada.locator(".notice").count() === 1, "word of who came in");
  const hostile = [
    markup,
    marks,
    "W".repeat(4_000),
    "مرحبا https://example.org/a(b)c). javascript:alert(1) https://evil.example/\u202Egpj.exe",
    "👩‍👩‍👧‍👦 🏳️‍🌈 a\u2028b\u0085c",
    "http://[bad https://user:pw@example.org/?q=<script>#x",
  ];
  for (const payload of hostile) await bob.send(room, payload);
  await shows(ada, hostile);
  assert((await ada.title()).includes(room));
  assertEquals(await ada.locator(".list img, .list script, .list b b, #title b").count(), 0);
  assertEquals(
    await ada.evaluate(`[...document.querySelectorAll(".text a")].map(({ href }) => href)`),
    ["https://example.org/a(b)c", "https://evil.example/", "https://user:pw@example.org/?q="],
  );
  await until(() => fits(ada), "nothing to stick out");
  // The marks of one message do not cover another.
  const box = await lines(ada).nth(1).boundingBox();
  assert(box && box.height < 120, `5,000 marks are ${box?.height} px high`);
  assertEquals(
    await ada.evaluate(
      `getComputedStyle(document.querySelectorAll(".list .line .text")[1]).overflow`,
    ),
    "clip",
  );
  await assertAccessible(ada, "hostile text");
  bob.close();
});

browserTest("on a phone the panels open and close with a finger and with keys", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url, PHONE);
  await says(ada, "#count", "1 person here");
  await until(() => fits(ada), "nothing to stick out");
  await assertAccessible(ada, "a phone, dark");
  await ada.locator("#open-rail").tap();
  await ada.locator("#rail .close").waitFor();
  await assertAccessible(ada, "the rooms on a phone");
  assertEquals(await ada.evaluate("document.activeElement.closest('#rail') !== null"), true);
  await ada.keyboard.press("Escape");
  assertEquals(await ada.evaluate("document.activeElement.id"), "open-rail");
  await ada.locator("#open-people").tap();
  await assertAccessible(ada, "the people on a phone");
  await ada.locator("#scrim").tap({ position: { x: 10, y: 300 } });
  await ada.locator("#open-rail").tap();
  await ada.locator("#add-name").fill("design");
  await ada.locator("#add-name").press("Enter");
  await says(ada, "#title", "design");
  assertEquals(await ada.evaluate("document.activeElement.id"), "say");
  await say(ada, "from a phone");
  await shows(ada, ["from a phone"]);
  await until(() => fits(ada), "nothing to stick out");
});

browserTest("Chinese and English, light and dark", async (chrome) => {
  await using server = await serve();
  for (const colorScheme of ["light", "dark"] as const) {
    const ada = await chrome.open(server.url, { locale: "zh-CN", colorScheme });
    await says(ada, "#rail h2", "房间");
    await says(ada, "#count", "人在线");
    assertEquals(await ada.locator("html").getAttribute("lang"), "zh-CN");
    assertEquals(await ada.locator("#say").getAttribute("placeholder"), "说点什么…");
    await say(ada, "你好");
    await until(async () => await ada.locator(".list .line .mark").count() > 0, "the message");
    await assertAccessible(ada, `Chinese, ${colorScheme}`);
    const bob = await chrome.open(server.url, { locale: "fr-FR", colorScheme });
    await says(bob, "#rail h2", "Rooms");
    await assertAccessible(bob, `English, ${colorScheme}`);
    await ada.close();
    await bob.close();
  }
});

browserTest("everything can be done with the keyboard alone", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(`${server.url}/?room=design`);
  await says(ada, "#count", "1 person");
  await ada.locator(".skip").focus();
  const stops: unknown[] = [];
  for (let i = 0; i < 15; i++) {
    if (i > 0) await ada.keyboard.press("Tab");
    stops.push(
      await ada.evaluate(
        `(document.activeElement.id || document.activeElement.getAttribute("role") ||
          document.activeElement.getAttribute("aria-label") || document.activeElement.textContent).trim()`,
      ),
    );
    const outline = await ada.evaluate(`(() => {
      const it = document.activeElement.closest(".box") ?? document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(it);
      return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
    })()`);
    if (stops.at(-1) !== "") assertEquals(outline, true, `a visible focus on ${stops.at(-1)}`);
    if (stops.at(-1) === "send") break;
  }
  assertEquals(stops.slice(0, 12), [
    "Skip to the message box",
    "open-palette",
    "design",
    "add-name",
    "Add a room",
    "find-rooms",
    "notify",
    "my-name",
    "sign-out",
    "invite",
    "log",
    "say",
  ]);
});

browserTest(
  "ten thousand messages are shown at once and scroll smoothly; the oldest are removed",
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(server.url);
    await says(ada, "#count", "1 person here");
    await fill(server.url, "lobby", 10_000);
    await until(
      async () => (await lines(ada).last().textContent()) === "message 10000",
      "the last",
    );
    await until(async () => {
      const kept = await lines(ada).count();
      return kept >= 400 && kept <= 600;
    }, "the oldest to be removed");
    // A frame while scrolling through them: no more than a few ever take 100 ms, or on a slow machine as long
    // as it takes to lay out all of them. What counts is the work, not the wait for a busy machine.
    const devTools = await ada.context().newCDPSession(ada);
    await devTools.send("Performance.enable");
    const workedMs = async () => {
      const { metrics } = await devTools.send("Performance.getMetrics");
      const threadTime = metrics.find(({ name }) => name === "ThreadTime");
      assert(threadTime);
      return threadTime.value * 1000;
    };
    const workOf = async (script: string) => {
      const before = await workedMs();
      await ada.evaluate(script);
      return await workedMs() - before;
    };
    const allMs = await workOf(`for (const shown of ["visible", ""]) {
      const list = document.querySelector(".list:not([hidden])");
      for (const block of list.querySelectorAll(".block")) block.style.contentVisibility = shown;
      list.scrollHeight;
    }`);
    let late = 0;
    for (let i = 0; i < 90; i++) {
      const frameMs = await workOf(`new Promise((seen) => {
        document.querySelector(".list:not([hidden])").scrollTop -= 700;
        requestAnimationFrame(() => setTimeout(seen));
      })`);
      if (frameMs > Math.max(100, allMs)) late++;
    }
    assert(late < 9, `${late} of 90 frames were late`);
  },
);

browserTest("the client library in Chromium survives every network fault", async (chrome) => {
  await using server = await serve({ heartbeatSeconds: 0.3 });
  await using proxy = faultProxy(server.url);
  const eve = connect(`${server.url}/ws`);
  const heard: unknown[] = [];
  eve.addEventListener("chat", ({ detail }) => heard.push(detail.payload));
  await eve.join("faults");
  const page = await chrome.open(proxy.url);
  await page.evaluate(`import("/client/mod.ts").then(({ connect }) => {
    const client = connect(new URL("/ws", location.href), {
      backoffMs: { min: 5, max: 50 }, outbox: sessionStorage,
    });
    window.seen = [];
    client.addEventListener("chat", ({ detail }) => window.seen.push(detail.payload));
    window.test = client;
    return client.join("faults").then(() => true);
  })`);
  const send = (text: string) => page.evaluate(`void test.send("faults", "${text}")`);
  const faults = [
    () => proxy.cut(),
    () => proxy.stall("down"),
    () => proxy.halfOpen(),
    () => proxy.pass({ delayMs: 2, pieceBytes: 50 }),
    () => proxy.stall(),
  ];
  const all: string[] = [];
  for (const [i, fault] of faults.entries()) {
    all.push(`before ${i}`, `during ${i}`);
    await send(`before ${i}`);
    await until(() => heard.length >= all.length - 1, "the message before the fault");
    fault();
    await send(`during ${i}`);
    if (i === 1) {
      await until(() => heard.length === all.length, "the commit");
      proxy.cut(); // between commit and echo
    }
    if (i === 4) {
      const lost = () => page.evaluate<boolean>(`test.state.status !== "open"`);
      await until(lost, "the silence to be noticed");
    }
    proxy.flow();
    await until(() => heard.length === all.length, "the message during the fault");
  }
  await until(() => page.evaluate<boolean>(`seen.length >= ${all.length}`), "all messages");
  assertEquals(await page.evaluate("seen"), all);
  assertEquals(heard, all);
  eve.close();
});

/**
 * Scrolls, and tells which line is in the middle of the screen, or where that line is now. It looks in the
 * next frame, when the page knows that it was scrolled.
 */
async function looksAt(page: Page, scrollTop?: number, seq?: string): Promise<[string, number]> {
  const found: unknown = await page.evaluate(`new Promise((seen) => {
    const list = document.querySelector(".list:not([hidden])");
    if (${scrollTop ?? -1} >= 0) list.scrollTop = ${scrollTop ?? 0};
    requestAnimationFrame(() => {
      const { left, top, width, height } = list.getBoundingClientRect();
      const line = ${seq ?? 0}
        ? document.querySelector('.list:not([hidden]) [data-seq="${seq}"]')
        : [...Array(9).keys()].map((i) =>
            document.elementFromPoint(left + width / 2, top + height / 2 + i * 8)
              ?.closest(".group, .block")?.querySelector(".line")
          ).find((it) => it);
      seen(line.dataset.seq + " " + line.getBoundingClientRect().top);
    });
  })`);
  const [line = "", top] = String(found).split(" ");
  return [line, Number(top)];
}
