/**
 * One `ref` for two messages: the second is refused as `conflict`, and never answered with the first.
 * A retry is a retry, even under another name.
 *
 * @module
 */
import { assertEquals } from "./support/assert.ts";
import { member, serve } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";

Deno.test("the second of two guests of one address who use one ref for two texts gets conflict", async () => {
  await using server = await serve();
  const post = (body: unknown) => ask(server, MESSAGES, { method: "POST", body });
  assertEquals((await post({ payload: "pump on", ref: "1" })).status, 201);
  const { status, headers, json } = await post({ payload: "door open", ref: "1" });
  assertEquals([status, json.code, json.field], [409, "conflict", "ref"]);
  assertEquals([headers.has("retry-after"), json.payload], [false, undefined]);
  const again = await post({ payload: "pump on", ref: "1", name: "Ada" });
  assertEquals([again.status, again.json.payload, again.json.seq], [200, "pump on", 1]);
  assertEquals((await ask(server, MESSAGES)).json.messages.length, 1);
});

Deno.test("one user over a socket and over REST: another text, type or name is a conflict", async () => {
  await using server = await serve();
  await using alice = await member(server, { protocol: "parley.v1.batched" });
  alice.send({ type: "hello" });
  const { token } = await alice.next("welcome");
  const chat = { type: "chat", payload: "yes", ref: "r" };
  const custom = { type: "custom", name: "vote", payload: { a: 1 }, durable: true, ref: "c" };
  alice.send(chat, custom);
  await alice.next("custom");
  for (
    const other of [
      { ...chat, payload: "no" },
      { ...custom, ref: "r" },
      { ...custom, name: "veto" },
      { ...custom, payload: { a: 2 } },
      { ...chat, ref: "c" },
    ]
  ) {
    alice.send(other);
    const { code, field, ref } = await alice.next("error");
    assertEquals([code, field, ref], ["conflict", "ref", other.ref], JSON.stringify(other));
  }
  const headers = { authorization: `Bearer ${token}` };
  const post = (payload: string) =>
    ask(server, MESSAGES, { method: "POST", headers, body: { payload, ref: "r" } });
  assertEquals([(await post("yes")).status, (await post("no")).status], [200, 409]);
  alice.send({ type: "rename", name: "Ada" }, chat, custom);
  assertEquals((await alice.next("chat", ({ ref }) => ref === "r")).seq, 1);
  assertEquals((await alice.next("custom")).seq, 2);
});

Deno.test("a conflict within one batch stores the first and refuses the second", async () => {
  await using server = await serve();
  await using alice = await member(server, { protocol: "parley.v1.batched" });
  const chat = (payload: string) => ({ type: "chat", payload, ref: "r" });
  alice.raw(JSON.stringify([chat("one"), chat("two"), chat("one")]));
  assertEquals((await alice.next("error")).code, "conflict");
  const { head, messages } = (await ask(server, MESSAGES)).json;
  assertEquals([head, messages[0]?.payload], [1, "one"]);
});
