/**
 * The client where WebSocket is blocked: it chats all the same, moves over when it can and back when
 * it must, and loses or repeats nothing.
 *
 * @module
 */
import type { ChatEvent, Message } from "../server/protocol/messages.ts";
import { Client, ClientError } from "../static/client/mod.ts";
import { withFallback } from "../static/client/fallback.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { BlockingProxy } from "./support/blocking_proxy.ts";
import { browserTest } from "./support/browser.ts";
import { member, patiently, serve, until } from "./support/harness.ts";

const SHORT_TIMES = { webSocketTimeoutMs: 300, webSocketRetryMs: 200 };

/** A client that notes what it is told. */
function talker(url: string): Client & { readonly seen: ChatEvent[] } {
  const client = new Client(`${url}/ws`, {
    name: "Ada",
    backoffMs: { min: 10, max: 100 },
    transport: (address, handlers) => withFallback(SHORT_TIMES, address, handlers),
  });
  const seen: ChatEvent[] = [];
  client.addEventListener("chat", ({ detail }) => void seen.push(detail));
  return Object.assign(client, { seen });
}

for (const mode of ["refuse", "swallow"] as const) {
  Deno.test(`a client chats though a proxy does this to WebSockets: ${mode}`, async () => {
    await using server = await serve();
    await using proxy = new BlockingProxy(server.url, mode);
    await using bob = await member(server, { name: "Bob" });
    const ada = talker(proxy.url);
    try {
      await patiently(ada.join("lobby"), "the room");
      const stored = await patiently(ada.send("lobby", "hello", "r1"), "the message to be stored");
      const heard = await bob.next("chat");
      assertEquals([heard.payload, heard.from.name, heard.ref], ["hello", "Ada", "r1"]);
      assertEquals(stored.seq, heard.seq);
      bob.send({ type: "chat", payload: "hi Ada" });
      await until(() => ada.seen.length === 2, "the answer");
      ada.typing("lobby");
      assertEquals((await bob.next("typing")).from, heard.from);
      ada.rename("Countess");
      await bob.next("system", ({ payload }) => payload === "Ada is now Countess.");
      assertEquals(ada.user?.id, heard.from.id);
    } finally {
      ada.close();
    }
  });
}

Deno.test("a client over HTTP whose server forgot it begins again, and loses nothing unsent", async () => {
  const first = await serve({ returnSeconds: 0 });
  await using proxy = new BlockingProxy(first.url, "refuse");
  const ada = talker(proxy.url);
  const recovered: boolean[] = [];
  ada.addEventListener("joined", ({ detail }) => void recovered.push(detail.recovered));
  try {
    await patiently(ada.join("lobby"), "the room");
    await patiently(ada.send("lobby", "forgotten"), "the first message");
    // Another one, with another secret: the token that she has means nothing there.
    await using second = await serve();
    proxy.target = second.url;
    await first.stop();
    const { seq } = await patiently(ada.send("lobby", "anew"), "the second message");
    assertEquals([seq, recovered], [1, [false, false]]);
  } finally {
    ada.close();
    await first.stop();
  }
});

Deno.test("a client over HTTP is told when it may not join", async () => {
  await using server = await serve({}, {
    authorize: (_, room) => room === "vip" ? "none" : "write",
  });
  await using proxy = new BlockingProxy(server.url, "refuse");
  const ada = talker(proxy.url);
  try {
    await patiently(ada.join("lobby"), "the room");
    const { code } = await assertRejects(
      () => patiently(ada.join("vip"), "the other"),
      ClientError,
    );
    assertEquals(code, "forbidden");
  } finally {
    ada.close();
    await until(() => server.connectionCount === 0, "the stream to be gone");
  }
});

Deno.test("a client moves from HTTP to WebSocket and back, losing and repeating nothing", async () => {
  await using server = await serve();
  await using proxy = new BlockingProxy(server.url, "refuse");
  await using bob = await member(server, { name: "Bob" });
  const ada = talker(proxy.url);
  let joined = 0;
  ada.addEventListener("joined", ({ detail }) => {
    if (joined++ > 0) assert(detail.recovered);
  });
  try {
    await patiently(ada.join("lobby"), "the room");
    const sent: Promise<Message>[] = [];
    for (let turn = 0; turn < 10; turn++) {
      const before = joined;
      for (let n = 0; n < 20; n++) {
        bob.send({ type: "chat", payload: `bob ${turn * 20 + n}` });
        if (n % 4 === 0) sent.push(ada.send("lobby", `ada ${turn * 5 + n / 4}`));
      }
      // Now it gets through, and finds that out by itself; now it does not, and is cut off.
      proxy.mode = turn % 2 === 0 ? "open" : turn % 4 === 1 ? "refuse" : "swallow";
      if (proxy.mode !== "open") proxy.cut();
      await until(() => joined > before && ada.state.status === "open", "moving over");
    }
    await patiently(Promise.all(sent), "all to be stored");
    await until(() => ada.seen.length >= 250, "all to be shown");
    assertEquals(ada.seen.map(({ seq }) => seq), Array.from({ length: 250 }, (_, n) => n + 1));
    const saidBy = (name: string) =>
      ada.seen.filter(({ from }) => from.name === name).map(({ payload }) => payload);
    assertEquals(saidBy("Bob"), Array.from({ length: 200 }, (_, n) => `bob ${n}`));
    assertEquals(saidBy("Ada"), Array.from({ length: 50 }, (_, n) => `ada ${n}`));
  } finally {
    ada.close();
  }
});

for (const mode of ["refuse", "swallow"] as const) {
  browserTest(
    `it chats within seconds though a proxy does this to WebSockets: ${mode}`,
    async (chrome) => {
      await using server = await serve();
      await using proxy = new BlockingProxy(server.url, mode);
      await using bob = await member(server, { name: "Bob" });
      const began = performance.now();
      const page = await chrome.open(proxy.url);
      const loadMs = performance.now() - began; // a slow machine is slow at all of it
      await page.locator("#say").fill("is this thing on?");
      await page.locator("#say").press("Enter");
      const { payload } = await bob.next("chat");
      assertEquals(payload, "is this thing on?");
      bob.send({ type: "chat", payload: "it is" });
      await page.locator(".list .line > .text", { hasText: "it is" }).waitFor();
      assert(performance.now() - began < 15_000 + 10 * loadMs, "it took too long");
    },
  );
}
