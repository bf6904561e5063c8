/**
 * Edits, deletions and reactions by the client library: each is acknowledged by what became of the message,
 * is kept over lost connections and reloads, and comes to every other client once, in the order of `rev`.
 *
 * @module
 */
import {
  type Client,
  ClientError,
  type ClientOptions,
  connect,
  type KeyValue,
  type Message,
  type RevisedEvent,
} from "../static/client/mod.ts";
import { overHttp } from "../static/client/http_transport.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { faultProxy } from "./support/proxy.ts";
import { chat, joined, room, scripted, welcome } from "./support/scripted_client.ts";

const OVER_HTTP: ClientOptions = {
  transport: (url, handlers) => overHttp(5000, url, handlers),
};
const QUICK = { backoffMs: { min: 5, max: 50 } };

/** A client, and what it is told of messages, in order. It keeps no history. */
async function told(url: string, options: ClientOptions = {}) {
  const client = connect(url, { ...QUICK, ...options });
  const news: string[] = [];
  client.on("chat", (message) => news.push(textOf(message)));
  client.on("revised", ({ rev, message }) => news.push(`${rev}: ${textOf(message)}`));
  await patiently(client.join("lobby"), "the room");
  return { client, news, [Symbol.dispose]: () => client.close() };
}

function textOf({ payload, deleted, reactions }: Message): string {
  return deleted ? "deleted" : `${payload}${reactions ? JSON.stringify(reactions) : ""}`;
}

async function revise(client: Client) {
  const { seq } = await client.send("lobby", "one");
  const { seq: second } = await client.send("lobby", "two");
  const edited = await client.edit("lobby", seq, "uno");
  const reacted = await client.react("lobby", seq, "👍");
  const undone = await client.react("lobby", seq, "👍", false);
  const deleted = await client.remove("lobby", second);
  return [edited, reacted, undone, deleted];
}

for (const transport of ["WebSocket", "HTTP"]) {
  Deno.test(`edit, react and remove over ${transport} are answered, and told once, in order`, async () => {
    await using server = await serve();
    using bob = await told(server.url);
    using ada = await told(server.url, transport === "HTTP" ? OVER_HTTP : {});
    const answers = await patiently(revise(ada.client), "the answers");
    assertEquals(answers.map(({ rev }) => rev), [1, 2, 3, 4]);
    assertEquals(answers.map(({ message }) => textOf(message)), [
      "uno",
      'uno{"👍":1}',
      "uno",
      "deleted",
    ]);
    const all = ["one", "two", "1: uno", '2: uno{"👍":1}', "3: uno", "4: deleted"];
    for (const { news } of [ada, bob]) {
      await until(() => news.at(-1) === "4: deleted", "all that became of them");
      // What is revised several times in a short time may be told once.
      assertEquals(news, all.filter((text) => text === "3: uno" || news.includes(text)));
    }
    const { code } = await assertRejects(() => ada.client.edit("lobby", 2, "x"), ClientError);
    assertEquals(code, "conflict");
    const unknown = await assertRejects(() => ada.client.react("lobby", 9, "x"), ClientError);
    assertEquals(unknown.code, "not_found");
    assertEquals(ada.client.unsent, []);
  });
}

Deno.test("what was revised meanwhile comes once after a reconnect, and what was asked is sent in order", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  using bob = await told(server.url);
  using ada = await told(proxy.url);
  await ada.client.send("lobby", "one");
  await ada.client.edit("lobby", 1, "uno");
  await until(() => ada.news.length === 2, "the edit");
  proxy.refusing = true;
  proxy.cut();
  await bob.client.react("lobby", 1, "👍");
  await bob.client.send("lobby", "two");
  await bob.client.edit("lobby", 2, "dos");
  const asked = [
    ada.client.send("lobby", "three"),
    ada.client.edit("lobby", 3, "tres"),
    ada.client.edit("lobby", 3, "drei"),
    ada.client.remove("lobby", 1),
  ];
  proxy.refusing = false;
  await patiently(Promise.all(asked), "the answers");
  const since = ada.news.slice(2);
  assertEquals(since.filter((text) => text.startsWith("2: ")), ['2: uno{"👍":1}']);
  assertEquals(since.at(-1), "5: deleted");
  assertEquals(new Set(since).size, since.length); // nothing comes twice
  const revs = ada.news.flatMap((text) => /^(\d): /.exec(text)?.[1] ?? []);
  assertEquals(revs, revs.toSorted());
  const { messages: page } = await ada.client.history("lobby", 9);
  assertEquals(page.map(textOf), ["deleted", "dos", "drei"]);
});

Deno.test("revisions that are not acknowledged survive a reload, in order with the messages", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  const kept = { identity: memory(), outbox: memory() };
  {
    using ada = await told(proxy.url, kept);
    await ada.client.send("lobby", "one");
    proxy.refusing = true;
    proxy.cut();
    const lost = [
      ada.client.edit("lobby", 1, "uno"),
      ada.client.send("lobby", "two"),
      ada.client.remove("lobby", 2),
      ada.client.react("lobby", 1, "👍"),
    ];
    for (const promise of lost) promise.catch(() => {});
    await Promise.resolve(); // they are kept at the end of the turn
    const text = kept.outbox.getItem("parley.unsent") ?? "";
    ada.client.close();
    await Promise.resolve();
    kept.outbox.setItem("parley.unsent", text);
  }
  proxy.refusing = false;
  using again = await told(proxy.url, kept);
  const [edit] = again.client.unsent;
  assert(edit?.type === "edit");
  const answer = again.client.keep<RevisedEvent>(edit);
  assertEquals(again.client.unsent.length, 4); // it is the same one
  assertEquals((await patiently(answer, "the answer to the edit")).type, "revised");
  await patiently(again.client.send("lobby", "three"), "the last message");
  assertEquals(again.client.unsent, []);
  const { messages: page } = await again.client.history("lobby", 9);
  assertEquals(page.map(textOf), ['uno{"👍":1}', "deleted", "three"]);
});

Deno.test("the cursor has the last revision, and a revision that is known does not come again", async () => {
  using it = scripted();
  const revs: number[] = [];
  it.client.on("revised", ({ rev }) => revs.push(rev));
  const revised = (rev: number, ref?: string) => {
    const message = { ...chat(1), rev } as Message; // a cast: `chat` makes one
    return { type: "revised", room, rev, message, ...(ref && { ref }) } as const;
  };
  it.received({ ...joined(1), rev: 3 } as ReturnType<typeof joined>, chat(1));
  it.received(revised(3), revised(4), revised(6), revised(5));
  assertEquals(revs, [4, 6]);
  const answer = it.client.edit(room, 1, "x");
  await until(() => it.sent.some((command) => Object(command).type === "edit"), "the edit");
  const { ref } = Object(it.sent.at(-1));
  it.received(revised(7), revised(7, ref));
  assertEquals((await patiently(answer, "the answer")).rev, 7);
  assertEquals(revs, [4, 6, 7]);
  it.closed(1006, "");
  await until(it.isOpening, "the next connection");
  it.opened();
  it.received(welcome);
  await until(() => Object(it.sent.at(-1)).since?.rev === 7, "a cursor with the revision");
});

function memory(): KeyValue {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  };
}
