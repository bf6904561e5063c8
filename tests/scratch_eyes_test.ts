import { assert, assertEquals } from "./support/assert.ts";
import { connect, member, told, until } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { Threads } from "./support/threads.ts";
import { Stream } from "./support/stream.ts";
import { createServer, type Event, silentLog } from "../server/mod.ts";
import { claimsOf, SECRET, tokenFor } from "./support/tokens.ts";
import { ROOMY } from "../server/testing.ts";

const KEY = "k".repeat(32);
const auth = { authorization: `Bearer ${KEY}` };
const V1 = { protocol: "parley.v1" } as const;

Deno.test("eyes: 1000 rooms with refs in one publish, twice, none and thread", async () => {
  await using threads = await Threads.start({ apiKeys: KEY, recentMessages: 0 });
  await using a = await threads.serve();
  await using b = await threads.serve();
  await using one = await createServer({ ...ROOMY, apiKeys: KEY }, { log: silentLog });
  one.listen();
  const rooms = Array.from({ length: 1000 }, (_, n) => `room-${n}`);
  for (const [name, server] of [["one", one], ["a", a], ["b", b], ["a", a]] as const) {
    const t = performance.now();
    const r = await ask(server, "/publish", {
      method: "POST",
      body: { rooms, payload: "x".repeat(500), ref: "r1" },
      headers: auth,
    });
    console.log(
      name,
      r.status,
      Math.round(performance.now() - t),
      "ms",
      JSON.stringify(r.json).slice(0, 120),
    );
  }
  const both = await Promise.all(
    [a, b].map((s) =>
      ask(s, "/publish", {
        method: "POST",
        body: { rooms, payload: "y", ref: "r2" },
        headers: auth,
      })
    ),
  );
  console.log(both.map(({ status }) => status));
  for (const room of ["room-0", "room-999", "room-500"]) {
    const page = await ask(b, `/rooms/${room}/messages`);
    assertEquals(page.json.messages.map(({ seq, payload }) => [seq, payload.length]), [[1, 500], [
      2,
      1,
    ]]);
  }
});

Deno.test("eyes: edit and react races, all agree", async () => {
  await using threads = await Threads.start({ recentMessages: 50 });
  await using a = await threads.serve();
  await using b = await threads.serve();
  await using ada = await member(a, { name: "Ada" });
  await using bob = await member(b, { name: "Bob" });
  ada.send({ type: "chat", payload: "0", ref: "m" });
  const { seq } = await bob.next("chat");
  for (let n = 0; n < 60; n++) {
    ada.send({ type: "edit", seq, payload: `edit ${n}` }, {
      type: "react",
      seq,
      payload: "👍",
      on: n % 2 === 0,
    });
    bob.send({ type: "react", seq, payload: "❤️", on: n % 3 !== 0 }, {
      type: "react",
      seq,
      payload: "x",
      on: true,
    });
    if (n % 5 === 0) await told(n % 2 ? ada : bob);
  }
  await told(ada);
  await told(bob);
  await told(ada);
  await told(bob);
  const last = (events: readonly Event[]) => events.filter((e) => e.type === "revised").at(-1);
  const page = (await ask(a, MESSAGES)).json.messages[0];
  const pageB = (await ask(b, MESSAGES)).json.messages[0];
  assertEquals(page, pageB);
  const frames = (c: typeof ada) =>
    c.frames.join("\n").split("\n").map((f) => {
      try {
        return JSON.parse(f);
      } catch {
        return {};
      }
    }).filter((e) => e.type === "revised");
  const [fa, fb] = [frames(ada), frames(bob)];
  console.log("revised", fa.length, fb.length, JSON.stringify(page));
  assertEquals(fa.at(-1).message, page);
  assertEquals(fb.at(-1).message, page);
  assert(fa.every((e, i) => i === 0 || e.rev > fa[i - 1].rev));
  assert(fb.every((e, i) => i === 0 || e.rev > fb[i - 1].rev));
  last([]);
});

Deno.test("eyes: user erased across threads", async () => {
  await using threads = await Threads.start(
    { apiKeys: KEY, graceSeconds: 0.05, jwtSecret: SECRET } as never,
  );
  await using a = await threads.serve();
  await using b = await threads.serve();
  const token = tokenFor(claimsOf({ sub: "secretuser", name: "Secret Name" } as never) as never);
  const t = await token;
  await using u1 = await member(a, { token: t });
  await using u2 = await member(b, { token: t });
  await using bob = await member(b, { name: "Bob" });
  u1.send({ type: "chat", payload: "secretword 1" }, {
    type: "custom",
    name: "topic",
    payload: "secretword 2",
    retain: true,
  });
  u2.send({ type: "chat", payload: "secretword 3" });
  await bob.take("chat", 2);
  await bob.next("custom");
  await told(u1);
  await told(u2);
  const r = await fetch(`${a.url}/users/secretuser?`, { method: "DELETE", headers: auth });
  console.log("erase", r.status, await r.text());
  await Promise.all([u1.closed, u2.closed]);
  for (const s of [a, b]) {
    const members = await ask(s, "/rooms/lobby/members", { headers: auth });
    const page = await ask(s, MESSAGES);
    await using late = await member(s, { name: "Late" });
    await told(late);
    const all = JSON.stringify([members.json, page.json]) + late.frames.join();
    console.log(
      all.includes("secretword"),
      all.includes("Secret Name"),
      all.includes("secretuser"),
    );
  }
});

Deno.test("eyes: room erased across threads; retained, marks", async () => {
  await using threads = await Threads.start({ apiKeys: KEY, graceSeconds: 0.05 });
  await using a = await threads.serve();
  await using b = await threads.serve();
  await using ada = await member(a, { name: "Ada" });
  await using bob = await member(b, { name: "Bob" });
  for (let n = 0; n < 5; n++) ada.send({ type: "chat", payload: `${n}` });
  ada.send({ type: "custom", name: "topic", payload: "t", retain: true });
  await bob.take("chat", 5);
  await bob.next("custom");
  bob.send({ type: "read", seq: 4 });
  await bob.next("read");
  const r = await fetch(`${a.url}/rooms/lobby`, { method: "DELETE", headers: auth });
  console.log("erase room", r.status);
  bob.send({ type: "chat", payload: "new" });
  const m = await ada.next("chat", ({ payload }) => payload === "new");
  assertEquals(m.seq, 1);
  await using late = await member(b, { name: "Late" });
  await told(late);
  console.log(late.frames.join("\n"));
  console.log(JSON.stringify((await ask(a, MESSAGES)).json));
});

Deno.test("eyes: churn and leaks", async () => {
  await using threads = await Threads.start({ graceSeconds: 0 });
  await using a = await threads.serve();
  await using b = await threads.serve();
  await using ada = await connect(a, V1);
  await using bob = await connect(b, V1);
  ada.send({ type: "hello", name: "Ada" });
  bob.send({ type: "hello", name: "Bob" });
  const rss: number[] = [];
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 50; n++) {
      const room = `r${round}-${n % 50}`;
      ada.send({ type: "join", room });
      bob.send({ type: "join", room });
      ada.send({ type: "chat", room, payload: "x" }, { type: "leave", room });
      bob.send({ type: "leave", room });
    }
    await told(ada);
    await told(bob);
    rss.push(Math.round(Deno.memoryUsage().rss / 1e6));
  }
  console.log(rss.join(" "), JSON.stringify((await ask(a, "/rooms")).json));
});

Deno.test("eyes: cursor ahead on another thread, sse and ws, while many are said", async () => {
  await using threads = await Threads.start();
  await using a = await threads.serve();
  await using b = await threads.serve();
  await using ada = await member(a, { name: "Ada" });
  await using stay = await member(b, { name: "Stay" });
  for (let n = 0; n < 40; n++) {
    ada.send({ type: "chat", payload: `${n}` });
    const { seq } = await ada.next("chat", (e) => e.payload === `${n}`);
    await using c = await connect(b, V1);
    c.send({ type: "hello" }, {
      type: "join",
      since: { epoch: (await ask(a, MESSAGES)).json.epoch, seq },
    });
    const j = await c.next("joined");
    assertEquals([j.recovered, j.seq >= seq], [true, true]);
  }
  await told(stay);
  await using s = await Stream.open(b);
  await s.next("joined");
  await until(() => true, "x");
});
