/**
 * No request depends on an earlier one having reached the same node: two nodes behind a proxy that
 * takes them in turn, and clients who are none the wiser.
 *
 * @module
 */
import type { Server } from "../server/mod.ts";
import { assert, assertEquals, assertNotEquals } from "./support/assert.ts";
import { type Client, connect, member, serve } from "./support/harness.ts";
import { ask, bearer, MESSAGES } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { RoundRobin } from "./support/round_robin.ts";
import { Stream } from "./support/stream.ts";

interface World {
  readonly nodes: readonly Server[];
  readonly proxy: RoundRobin;
  /** A client on the one node … */
  readonly alice: Client;
  /** … and an event stream of the other. */
  readonly stream: Stream;
}

function test(behaviour: string, act: (world: World) => Promise<void>): void {
  Deno.test({
    name: `anywhere: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      await using a = await serve({ redis: redis.url });
      await using b = await serve({ redis: redis.url });
      await using proxy = new RoundRobin([a, b]);
      await using alice = await member(a, { name: "Alice" });
      await using stream = await Stream.open(b);
      await stream.next("joined");
      await act({ nodes: [a, b], proxy, alice, stream });
    },
  });
}

/** The same request twice: to either node. */
async function twice<T>(proxy: RoundRobin, request: () => Promise<T>): Promise<[T, T]> {
  const answers: [T, T] = [await request(), await request()];
  const [one, other] = proxy.turns.slice(-2);
  assertNotEquals(one, other);
  return answers;
}

const post = (proxy: RoundRobin, path: string, body: unknown, token: string) =>
  ask(proxy, path, { method: "POST", body, headers: bearer(token) });

test("a token of either node is valid on both", async ({ proxy }) => {
  const hellos = await twice(
    proxy,
    () => ask(proxy, "/hello", { method: "POST", body: { name: "Grace" } }),
  );
  for (const { status, json: { token, user } } of hellos) {
    assertEquals(status, 200);
    const again = await twice(proxy, () => post(proxy, "/hello", {}, token));
    assertEquals(again.map(({ json }) => json.user), [user, user]);
    const said = await twice(proxy, () => post(proxy, MESSAGES, { payload: "x" }, token));
    assertEquals(said.map(({ status, json }) => [status, json.from]), [[201, user], [201, user]]);
    assertEquals(user.name, "Grace");
  }
});

test("a message that is retried on another node is stored once, and reaches the members of both", async ({ proxy, alice, stream }) => {
  const { token } = (await ask(proxy, "/hello", { method: "POST", body: {} })).json;
  const body = { payload: "hi", ref: "r", name: "Grace" };
  const [first, second] = await twice(proxy, () => post(proxy, MESSAGES, body, token));
  const [third] = await twice(proxy, () => post(proxy, MESSAGES, body, token));
  assertEquals([first, second, third].map(({ status }) => status), [201, 200, 200]);
  assertEquals([second.json, third.json], [first.json, first.json]);
  assertEquals([first.json.seq, first.json.from.name], [1, "Grace"]);
  const after = await post(proxy, MESSAGES, { payload: "end" }, token);
  for (const reader of [alice, stream]) {
    assertEquals(await reader.take("chat", 2), [first.json, after.json]);
  }
});

test("pages of history are the same from all nodes", async ({ proxy, alice }) => {
  for (let n = 1; n <= 5; n++) alice.send({ type: "chat", payload: `${n}` });
  await alice.take("chat", 5);
  for (
    const [query, seqs] of [["limit=2", [4, 5]], ["after=1&limit=2", [2, 3]], ["before=2", [
      1,
    ]]] as const
  ) {
    const [one, other] = await twice(proxy, () => ask(proxy, `${MESSAGES}?${query}`));
    assertEquals(one.json, other.json);
    assertEquals(one.json.messages.map(({ seq }) => seq), [...seqs]);
  }
});

test("typing reaches the members of all nodes", async ({ proxy, alice, stream }) => {
  for (const name of ["Grace", "Ada"]) {
    const { status } = await ask(proxy, "/rooms/lobby/typing", {
      method: "POST",
      body: { payload: true, name },
    });
    assertEquals(status, 204);
    for (const reader of [alice, stream]) {
      assertEquals((await reader.next("typing")).from.name, name);
    }
  }
  const [one, other] = proxy.turns.slice(-2);
  assertNotEquals(one, other);
});

test("typing that began on one node ends on the other", async ({ proxy, alice, stream }) => {
  const { token } = (await ask(proxy, "/hello", { method: "POST", body: {} })).json;
  // The second end is the other node's first: it cannot know that all was over.
  for (const payload of [true, false, false]) {
    await post(proxy, "/rooms/lobby/typing", { payload }, token);
    for (const reader of [alice, stream]) {
      assertEquals((await reader.next("typing")).payload, payload);
    }
  }
});

test("a stream goes on at another node where it left off", async ({ proxy, alice }) => {
  let lastEventId = "";
  const seen: number[] = [];
  for (let visit = 0; visit < 4; visit++) {
    await using stream = await Stream.open(proxy, { lastEventId });
    const { epoch, recovered } = await stream.next("joined");
    assertEquals(recovered, visit > 0);
    for (let n = 0; n < 3; n++) alice.send({ type: "chat", payload: `${visit}` });
    // Two of them; the third, and one said meanwhile, are missed.
    seen.push(...(await stream.take("chat", visit > 0 ? 4 : 2)).map(({ seq }) => seq));
    lastEventId = `${epoch}:${seen.at(-1)}`;
    alice.send({ type: "chat", payload: "meanwhile" });
    await alice.next("chat", ({ payload }) => payload === "meanwhile");
  }
  assertEquals(seen, seen.map((_, index) => index + 1));
  assertEquals(proxy.turns, [0, 1, 0, 1]);
});

test("many messages, each sent twice through all nodes, are each stored once", async ({ proxy, alice, stream }) => {
  const COUNT = 60;
  const tokens = await Promise.all([1, 2, 3].map(async () => {
    const { json } = await ask(proxy, "/hello", { method: "POST", body: {} });
    return json.token;
  }));
  const refs = Array.from({ length: COUNT }, (_, index) => `${index}`);
  const answers = await Promise.all(refs.flatMap((ref) => {
    const token = tokens[Number(ref) % tokens.length] ?? "";
    const say = () => post(proxy, MESSAGES, { payload: ref, ref }, token);
    return [say(), say()];
  }));
  const statuses = answers.map(({ status }) => status).sort();
  assertEquals(statuses, [...refs.map(() => 200), ...refs.map(() => 201)]);
  const heard = [await alice.take("chat", COUNT), await stream.take("chat", COUNT)];
  assertEquals(heard[0], heard[1]);
  assertEquals(heard[0]?.map(({ seq }) => seq), refs.map((_, index) => index + 1));
  for (const { json } of answers) assertEquals(json, heard[0]?.[json.seq - 1]);
  const all = (await ask(proxy, `${MESSAGES}?limit=200`)).json;
  assertEquals(all.messages, heard[0]);
  assert(proxy.turns.filter((turn) => turn === 1).length >= COUNT);
});

test("two plain clients on two nodes and curl through the proxy are in one room", async ({ nodes, proxy }) => {
  const clients = await Promise.all(nodes.map((node) => connect(node)));
  for (const client of clients) await client.next("joined");
  await twice(proxy, () => ask(proxy, MESSAGES, { method: "POST", body: { payload: "hi" } }));
  for (const client of clients) {
    assertEquals((await client.take("chat", 2)).map(({ seq }) => seq), [1, 2]);
    await client.close();
  }
});
