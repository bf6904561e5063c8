/**
 * One allowance for one user: on all connections, and over HTTP.
 *
 * @module
 */
import type { Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { type Client, connect, serve, told } from "./support/harness.ts";
import { bearer, say } from "./support/http.ts";
import { claimsOf, SECRET, tokenFor } from "./support/tokens.ts";

/** What is not spent at once is not there: in a test no time passes that could be measured by it. */
const RATE = 0.001;
const BURST = 6;
const OPTIONS = { rate: RATE, burst: BURST };

/** A client who has joined as the person of that token, or as a new one: two commands. */
async function come(server: Server, token?: string): Promise<{ client: Client; token: string }> {
  const client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "hello", ...(token !== undefined && { token }) });
  const welcome = await client.next("welcome");
  client.send({ type: "join" });
  return { client, token: welcome.token };
}

/** Says so many things, and counts what is let through. */
async function talk(client: Client, times: number): Promise<number> {
  const open = new Set(Array.from({ length: times }, () => crypto.randomUUID() as string));
  for (const ref of open) client.send({ type: "chat", payload: "x", ref });
  let through = 0;
  for (let seen = 0; open.size > 0; seen++) {
    while (client.pending[seen] === undefined) await client.arrival();
    const event = client.pending[seen];
    const isAnswer = event !== undefined && "ref" in event && open.delete(event.ref ?? "");
    if (isAnswer && event.type === "chat") through++;
  }
  return through;
}

Deno.test("allowance: a user has one for all connections, and HTTP draws on it", async () => {
  await using server = await serve(OPTIONS);
  const { client: first, token } = await come(server);
  const { client: second } = await come(server, token); // its hello was yet a guest's
  assertEquals([await talk(first, 2), await talk(second, 3)], [2, 1]);
  const { status, json } = await say(server, "x", {}, bearer(token));
  assertEquals([status, json.code], [429, "rate_limited"]);
  await Promise.all([first.close(), second.close()]);
  const { client: again } = await come(server, token);
  const { code } = await again.next("error"); // coming back is no way around it
  assertEquals(code, "rate_limited");
  await again.close();
});

Deno.test("allowance: each user has one, and each connection counts its own bad commands", async () => {
  await using server = await serve({ ...OPTIONS, badCommands: 2 });
  const { client: talker, token } = await come(server);
  assertEquals(await talk(talker, 9), 4);
  const { client: other } = await come(server);
  assertEquals(await talk(other, 1), 1);
  const bad = await connect(server, { protocol: "parley.v1" });
  bad.send({ type: "hello", token });
  await bad.next("welcome");
  for (let n = 0; n < 3; n++) bad.send({ type: "nonsense" });
  assertEquals((await bad.closed).code, 1008);
  assert((await told(talker)).every(({ type }) => type !== "bye"));
  await Promise.all([talker.close(), other.close()]);
});

Deno.test("allowance: a connection that becomes another user again and again gets no more", async () => {
  await using server = await serve(OPTIONS);
  const tokens: string[] = [];
  for (let n = 0; n < 3; n++) {
    const { client, token } = await come(server);
    tokens.push(token);
    await client.close();
  }
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "join" });
  await client.next("joined");
  assertEquals(await talk(client, 2), 2);
  for (const token of tokens) client.send({ type: "hello", token });
  await client.next("welcome");
  client.send({ type: "chat", payload: "x", ref: "one more" });
  const { code } = await client.next("error", ({ ref }) => ref === "one more");
  assertEquals(code, "rate_limited");
});

Deno.test("allowance: a command of an array that comes too early is overtaken by none after it", async () => {
  for (const rate of [5_000, 20_000, 80_000]) { // there is time again within the array
    await using server = await serve({ rate, burst: 10, badCommands: 0 });
    await using client = await connect(server, { protocol: "parley.v1.batched" });
    client.send({ type: "hello" });
    await client.next("welcome");
    client.send({ type: "join" });
    await client.next("joined");
    const refs = Array.from({ length: 100 }, (_, n) => String(n));
    client.send(refs.map((ref) => ({ type: "chat", payload: "x", ref })));
    const answers = (type: string) => client.pending.filter((event) => event.type === type);
    while (answers("chat").length + answers("error").length < refs.length) await client.arrival();
    const stored = answers("chat").map((event) => "ref" in event && event.ref);
    assertEquals(stored, refs.slice(0, stored.length));
  }
});

Deno.test("allowance: no user shares the one that those without a token have at an address", async () => {
  await using server = await serve({ ...OPTIONS, jwtSecret: SECRET });
  const statuses: number[] = [];
  for (let n = 0; n <= BURST; n++) statuses.push((await say(server, "x")).status);
  assertEquals(statuses, [...Array<number>(BURST).fill(201), 429]);
  const token = await tokenFor(claimsOf({ sub: "address 127.0.0.1" }));
  assertEquals((await say(server, "x", {}, bearer(token))).status, 201);
});
