/**
 * The page in a room where much happens, in Chromium: who is there, who came and went, what a screen
 * reader hears of it, and how little of the page is changed for it.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { assertAccessible, browserTest } from "./support/browser.ts";
import { connect, serve, until } from "./support/harness.ts";
import { enter, fill, lines, says, shows, text } from "./support/page.ts";

type Member = Awaited<ReturnType<typeof connect>>;

/** So many users enter the lobby. */
async function crowd(server: { url: string }, count: number): Promise<Member[]> {
  const names = Array.from({ length: count }, (_, i) => `Guest number ${i}`);
  return await Promise.all(names.map((name) => connect(server, { name })));
}

browserTest("in a crowd, and after it, the count and the list are right", async (chrome) => {
  await using server = await serve({ graceSeconds: 0 });
  const ada = await chrome.open(server.url);
  const people = "#people-list li";
  for (const size of [3, 199, 260]) {
    const others = await crowd(server, size);
    await says(ada, "#count", `${size + 1} people here`);
    // Who came before the page was told only numbers is named, and nobody else is.
    const named = await ada.locator(`${people}:not(.soft)`).count();
    const more = await ada.locator(`${people}.soft`).allTextContents();
    assertEquals(more, size + 1 === named ? [] : [`and ${size + 1 - named} more`]);
    for (const other of others) other.close();
    await says(ada, "#count", "1 person here");
    await until(async () => await ada.locator(people).count() === 1, "an empty list");
    assertEquals(await ada.locator(`${people}.own`).count(), 1);
  }
  await assertAccessible(ada, "after a crowd");
});

browserTest(
  "who comes and goes is folded and counted, and the chat stays in sight",
  async (chrome) => {
    await using server = await serve({ graceSeconds: 0 });
    const ada = await chrome.open(server.url);
    await says(ada, "#count", "1 person here"); // or the filler would be gone before
    await fill(server.url, "lobby", 1);
    await shows(ada, ["message 1"]);
    const notices = ada.locator(".list:not([hidden]) .notice");
    await says(ada, ".list:not([hidden]) .notices:last-child", "Filler left");
    const others = await crowd(server, 120);
    await says(ada, "#count", "121 people here");
    const sentence = async () => (await notices.allTextContents()).join("; ");
    await until(async () => (await sentence()).includes("120 people came in"), "the sum");
    assert(await notices.count() <= 2, await sentence());
    for (const other of others) {
      for (let i = 0; i < 10; i++) {
        other.send({ type: "rename", name: `N${i}` });
      }
    }
    await until(async () => (await sentence()).includes("120 people have other names"), "the sum");
    for (const other of others.slice(1)) other.close();
    await until(async () => (await sentence()).includes("120 people left"), "the sum");
    assert(await notices.count() <= 3, await sentence());
    const box = await lines(ada).first().boundingBox();
    assert(box && box.y > 0, "the message is in sight");
    others[0]?.send({ type: "chat", payload: "still here" });
    await shows(ada, ["message 1", "still here"]);
    others[0]?.close();
    await says(ada, ".list:not([hidden]) .notices:last-child", "left");
    await assertAccessible(ada, "who came and went");
  },
);

browserTest(
  "a screen reader hears messages gathered, with the name of their room",
  async (chrome) => {
    await using server = await serve();
    const ada = await chrome.open(server.url);
    await enter(ada, "design");
    await ada.evaluate(`{
    window.heard = [];
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const it of addedNodes) heard.push(it.textContent);
    }).observe(document.querySelector("#announcer"), { childList: true });
  }`);
    const heard = async () => (await ada.evaluate<string[]>("heard")).map(plain);
    const began = performance.now();
    await using bob = await connect(server, { name: "Bob" });
    bob.send({ type: "chat", payload: "hello" });
    await until(async () => (await heard()).length === 1, "the first");
    assertEquals(await heard(), ["In lobby: Bob: hello"]);
    for (let i = 0; i < 100; i++) bob.send({ type: "chat", payload: `message ${i}` });
    await until(
      async () => await lines(ada).count() === 0 && (await heard()).length > 1,
      "the rest",
    );
    await until(async () => {
      // Of a few that have come by then, the words are read.
      const counts = (await heard()).slice(1).map((it) =>
        Number(/(\d+) new messages/.exec(it)?.[1] ?? it.split("Bob: ").length - 1)
      );
      return counts.reduce((sum, count) => sum + count) === 100;
    }, "all to be counted");
    const seconds = (performance.now() - began) / 1000;
    assert((await heard()).length <= 1 + seconds / 3, String(await heard()));
    assertEquals(await text(ada, "#title"), "design");
  },
);

browserTest("a message changes nothing but the list of messages", async (chrome) => {
  await using server = await serve();
  const people = await crowd(server, 150);
  const ada = await chrome.open(server.url);
  await says(ada, "#count", "151 people here");
  const isWarm = `performance.getEntriesByName("parley-warm").length > 0`;
  await until(() => ada.evaluate<boolean>(isWarm), "the page to be warm");
  await ada.evaluate(`{
    window.changed = [];
    const list = document.querySelector(".list"), spoken = document.querySelector("#announcer");
    // Also an attribute that is written again as it was: the browser works out the style anew for it.
    new MutationObserver((changes) => {
      for (const { target, type, attributeName } of changes) {
        if (list.contains(target) || spoken.contains(target)) continue;
        changed.push([type, attributeName, target.id || target.className].join(" "));
      }
    }).observe(document.body, { attributes: true, characterData: true, childList: true, subtree: true });
  }`);
  for (const [i, other] of people.slice(0, 40).entries()) {
    other.send({ type: "chat", payload: `message ${i}` });
  }
  await until(async () => await lines(ada).count() === 40, "the messages");
  assertEquals(await ada.evaluate("changed"), []);
  assert(await ada.locator(".block").count() > 2);
  const late = ada.locator(".block.late");
  await until(async () => await late.count() === 2, "only the latest blocks to be laid out always");
  // One who leaves is one row less, and no more.
  people[0]?.close();
  await says(ada, "#count", "150 people here");
  assert((await ada.evaluate<string[]>("changed")).length <= 4, "few changes");
  for (const other of people) other.close();
});

browserTest(
  "of many messages at once each frame shows a part, and the oldest go",
  async (chrome) => {
    await using server = await serve();
    await fill(server.url, "lobby", 1);
    const ada = await chrome.open(server.url);
    await shows(ada, ["message 1"]);
    await ada.evaluate(`{
    window.frames = [0];
    window.over = [];
    let began = performance.now();
    (function frame() {
      // What waits for a frame that does not come is shown after a quarter of a second.
      const parts = 1 + Math.floor((performance.now() - began) / 250);
      // Two parts count as one frame's where this counts before it in one frame and after it in the next.
      if (frames.at(-1) > 12 * (1 + parts)) over.push([frames.at(-1), parts]);
      began = performance.now();
      frames.push(0);
      requestAnimationFrame(frame);
    })();
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        for (const node of addedNodes) {
          if (node.matches?.(".line")) frames[frames.length - 1]++;
        }
      }
    }).observe(document.querySelector(".flow"), { childList: true, subtree: true });
  }`);
    await using bob = await connect(server, { name: "Bob" });
    // All arrive before the next frame.
    await ada.evaluate(
      `window.hold = (ms) => { for (const end = Date.now() + ms; Date.now() < end;); }`,
    );
    const held = ada.evaluate("hold(500)");
    bob.send(...Array.from({ length: 300 }, (_, i) => ({ type: "chat", payload: `${i}` })));
    await held;
    await until(async () => await lines(ada).last().textContent() === "299", "the last");
    assertEquals(await ada.evaluate("over"), [], "frames with too many lines");
    // They are all there, in their order.
    const seqs = await ada.evaluate<string[]>(
      `[...document.querySelectorAll(".list .line")].map(({ dataset }) => dataset.seq)`,
    );
    assertEquals(seqs, Array.from({ length: 301 }, (_, i) => String(i + 1)));
    bob.send(...Array.from({ length: 300 }, (_, i) => ({ type: "chat", payload: `${i + 300}` })));
    await until(async () => await lines(ada).last().textContent() === "599", "the last");
    await until(async () => await lines(ada).count() <= 500, "the oldest to be removed");
    // Scrolling up loads them again.
    await until(async () => {
      await ada.evaluate(`document.querySelector(".list").scrollTop = 0`);
      return await lines(ada).first().textContent() === "message 1";
    }, "the first message");
  },
);

browserTest("who types costs no frames for ever", async (chrome) => {
  await using server = await serve();
  const ada = await chrome.open(server.url);
  await says(ada, "#count", "1 person here");
  await using bob = await connect(server, { name: "Bob" });
  bob.send({ type: "typing", payload: true });
  await says(ada, "#typing", "Bob is typing");
  const dots = `document.querySelector("#typing").getAnimations({ subtree: true })`;
  await until(() => ada.evaluate<boolean>(`${dots}.length > 0`), "the dots");
  assert(
    await ada.evaluate<boolean>(
      `${dots}.every(({ effect }) => effect.getComputedTiming().iterations < 10)`,
    ),
  );
});

function plain(sentence: string): string {
  return sentence.replaceAll(/[\u2068\u2069]/g, "");
}
