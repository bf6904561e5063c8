/**
 * Messages that live on: edits, deletions and reactions, by every door, and what members, late joiners
 * and clients that come back are told of them.
 *
 * @module
 */
import type { Event, Hooks, Message, Options, RevisedEvent, Server } from "../server/mod.ts";
import { Refusal } from "../server/mod.ts";
import { Revisable, revisionDraft } from "../server/broker/revisions.ts";
import { REACTION } from "../server/protocol/rules.ts";
import { MAX_REACTIONS, MAX_REACTIONS_IN_ALL } from "../server/protocol/tables.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "./support/assert.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { type Client, connect, member, serve, told, until } from "./support/harness.ts";
import { ask, bearer, MESSAGES } from "./support/http.ts";
import { RawSocket } from "./support/raw_socket.ts";
import { MANAGERS, viewOf } from "./support/revision_model.ts";
import { draft } from "./support/broker_suite.ts";
import { react } from "./support/revision_suite.ts";
import { Stream } from "./support/stream.ts";

const KEY = "k".repeat(32);

/** A server on which the token says who one is; "boss" may manage. */
function office(options: Partial<Options> = {}, hooks: Hooks = {}): Promise<Server> {
  return serve({ apiKeys: KEY, ...options }, {
    authenticate: ({ token }) => token === undefined ? undefined : { id: token },
    authorize: ({ id }) => id === "boss" ? "manage" : id === "reader" ? "read" : "write",
    ...hooks,
  });
}

/** A user in the lobby, who has heard what was said there. */
async function enter(server: Server, token: string, since?: object): Promise<Client> {
  const client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "hello", token }, { type: "join", ...(since && { since }) });
  await until(() => client.pending.some(({ type }) => type === "joined"), "to join");
  return client;
}

/** The answer to what that client has just asked for. */
async function answer(client: Client, ref: string): Promise<RevisedEvent> {
  return await client.next("revised", (event) => event.ref === ref);
}

async function refusal(client: Client, command: object): Promise<string> {
  client.send({ ...command, ref: "refused" });
  const { code, ref, field = "" } = await client.next("error");
  assertEquals(ref, "refused");
  return `${code} ${field}`.trim();
}

Deno.test("an edit is told to all, answered to who asked, and shown to who comes later", async () => {
  await using server = await office();
  await using ada = await enter(server, "ada");
  await using bob = await enter(server, "bob");
  ada.send({ type: "chat", payload: "helo", ref: "1" });
  const said = await bob.next("chat");
  ada.send({ type: "edit", seq: 1, payload: "hello", ref: "2" });
  const { rev, message, mine, ref } = await bob.next("revised");
  assert(message.type === "chat" && message.edited !== undefined);
  const { edited } = message;
  assertEquals([rev, mine, ref], [1, undefined, undefined]);
  assertEquals<unknown>(message, { ...said, payload: "hello", edited, rev: 1 });
  assertEquals(await answer(ada, "2"), {
    type: "revised",
    room: "lobby",
    rev: 1,
    message,
    mine: [],
    ref: "2",
  });
  await using late = await enter(server, "late");
  const { rev: newest } = await late.next("joined");
  assertEquals([newest, await late.next("chat")], [1, message]);
  assertEquals((await ask(server, MESSAGES)).json.messages, [message]);
});

Deno.test("a deletion leaves no text, and a reaction is counted and one's own is known", async () => {
  await using server = await office();
  await using ada = await enter(server, "ada");
  await using bob = await enter(server, "bob");
  ada.send({ type: "chat", payload: "a" }, { type: "chat", payload: "b" });
  await bob.next("chat", ({ seq }) => seq === 2);
  bob.send({ type: "react", seq: 1, payload: "👍", ref: "r" });
  assertEquals((await answer(bob, "r")).mine, ["👍"]);
  ada.send({ type: "react", seq: 1, payload: "👍" }, { type: "delete", seq: 2, ref: "d" });
  const { message } = await answer(ada, "d");
  assertEquals([message.payload, message.deleted], ["", true]);
  bob.send({ type: "react", seq: 1, payload: "👍", on: false, ref: "off" });
  const off = await answer(bob, "off");
  assertEquals([off.message.reactions, off.mine], [{ "👍": 1 }, []]);
  await using again = await enter(server, "ada");
  assertEquals((await again.next("joined")).mine, { 1: ["👍"] });
  await using bobAgain = await enter(server, "bob");
  assertEquals((await bobAgain.next("joined")).mine, {});
});

Deno.test("who may revise what: one's own for --edit-seconds, and anyone's with manage", async () => {
  await using server = await office({ editSeconds: 3600 });
  await using ada = await enter(server, "ada");
  await using bob = await enter(server, "bob");
  await using boss = await enter(server, "boss");
  await using reader = await enter(server, "reader");
  for (const payload of ["1", "2", "3"]) ada.send({ type: "chat", payload });
  await bob.next("chat", ({ seq }) => seq === 3);
  const edit = { type: "edit", seq: 1, payload: "x" };
  assertEquals(await refusal(bob, edit), "forbidden seq");
  assertEquals(await refusal(bob, { type: "delete", seq: 1 }), "forbidden seq");
  assertEquals(await refusal(reader, { type: "react", seq: 1, payload: "x" }), "forbidden room");
  assertEquals(await refusal(ada, { ...edit, seq: 4 }), "not_found seq");
  assertEquals(await refusal(ada, { ...edit, room: "elsewhere" }), "not_in_room room");
  boss.send({ ...edit, ref: "e" }, { type: "delete", seq: 2, ref: "d" });
  assertEquals((await answer(boss, "e")).message.from.id, "ada");
  await answer(boss, "d");
  assertEquals(await refusal(ada, { ...edit, seq: 2 }), "conflict seq");
  assertEquals(await refusal(ada, { type: "react", seq: 2, payload: "x" }), "conflict seq");
  ada.send({ type: "delete", seq: 2, ref: "again" });
  assertEquals((await answer(ada, "again")).rev, 2); // deleted already: nothing has changed
  await server.mute("lobby", "ada");
  await ada.next("right");
  assertEquals(await refusal(ada, { ...edit, seq: 3 }), "forbidden room");
});

Deno.test("after --edit-seconds one's own words stay as they are, and may still be reacted to", async () => {
  await using server = await office({ editSeconds: 1e-6 });
  await using ada = await enter(server, "ada");
  ada.send({ type: "chat", payload: "1" });
  const { at } = await ada.next("chat");
  await until(() => Date.now() > at, "a millisecond to pass");
  assertEquals(await refusal(ada, { type: "edit", seq: 1, payload: "x" }), "forbidden seq");
  assertEquals(await refusal(ada, { type: "delete", seq: 1 }), "forbidden seq");
  ada.send({ type: "react", seq: 1, payload: "x", ref: "r" });
  await answer(ada, "r");
});

Deno.test("what changes nothing is answered with the message as it is, and told to nobody", async () => {
  await using server = await office();
  await using ada = await enter(server, "ada");
  await using bob = await enter(server, "bob");
  ada.send({ type: "chat", payload: "same" });
  const message = await bob.next("chat");
  ada.send(
    { type: "edit", seq: 1, payload: "same", ref: "e" },
    { type: "react", seq: 1, payload: "x", on: false, ref: "r" },
  );
  for (const ref of ["e", "r"]) {
    assertEquals<unknown>(await answer(ada, ref), {
      ...{ type: "revised", room: "lobby", rev: 0, message, mine: [], ref },
    });
  }
  assertEquals((await told(bob)).filter(({ type }) => type === "revised"), []);
  assertEquals((await server.history("lobby")).rev, 0);
});

Deno.test("an edit that was stuck in a dead connection does not undo a newer one", async () => {
  await using server = await office();
  await using dead = await enter(server, "ada");
  await using ada = await enter(server, "ada");
  const edit = (payload: string) => ({ type: "edit", seq: 1, payload, ref: payload });
  const react = (on: boolean) => ({ type: "react", seq: 1, payload: "👍", on, ref: `${on}` });
  ada.send({ type: "chat", payload: "hello" });
  for (const command of [edit("older"), edit("newer"), react(true), react(false)]) {
    ada.send(command);
    await answer(ada, command.ref);
  }
  dead.send(edit("older"), react(true)); // arrives at last
  for (const ref of ["older", "true"]) {
    const { message, mine } = await answer(dead, ref);
    assertEquals([message.payload, message.reactions, mine], ["newer", undefined, []]);
  }
  dead.send(edit("older"), { ...edit("other"), ref: "newer" });
  assertEquals((await answer(dead, "older")).message.payload, "newer");
  const { code, field, ref } = await dead.next("error");
  assertEquals([code, field, ref], ["conflict", "ref", "newer"]);
  const path = `${MESSAGES}/1`;
  const patch = (payload: string, ref: string) =>
    ask(server, `${path}?ref=${ref}`, {
      method: "PATCH",
      headers: bearer("ada"),
      body: { payload },
    });
  assertEquals((await patch("newest", "http")).json.payload, "newest");
  assertEquals((await patch("older", "older")).json.payload, "newest");
  assertEquals((await patch("other", "http")).status, 409);
  assertEquals((await patch("other", "")).json.field, "ref");
});

Deno.test("one connection's messages and revisions take effect in the order in which they were sent", async () => {
  await using server = await office();
  await using ada = await enter(server, "ada");
  ada.send({ type: "chat", payload: "1" });
  await ada.next("chat");
  ada.socket.send(JSON.stringify({ type: "edit", seq: 2, payload: "early", ref: "early" }));
  ada.send(
    { type: "chat", payload: "2", ref: "c" },
    { type: "edit", seq: 2, payload: "two", ref: "e" },
    { type: "chat", payload: "2", ref: "c" },
  );
  assertEquals((await ada.next("error")).code, "not_found");
  await answer(ada, "e");
  await told(ada);
  assertEquals((await server.history("lobby")).messages.map(({ payload }) => payload), [
    "1",
    "two",
  ]);
});

Deno.test("a thousand reactions to one message are told at most ten times a second, and counted", async () => {
  await using server = await office({ rate: 0 });
  await using ada = await enter(server, "ada");
  ada.send({ type: "chat", payload: "news" });
  await ada.next("chat");
  const begin = performance.now();
  await Promise.all(
    Array.from(
      { length: 1000 },
      (_, n) => server.react("lobby", 1, n % 2 ? "👍" : "🎉", { from: `user ${n}` }),
    ),
  );
  const { message } = await ada.next(
    "revised",
    ({ message: { reactions = {} } }) => reactions["👍"] === 500 && reactions["🎉"] === 500,
  );
  assertEquals(message.payload, "news");
  const heard = ada.frames.filter((frame) => frame.includes('"revised"'));
  assert(heard.length <= 1 + Math.ceil((performance.now() - begin) / 100), `${heard.length}`);
});

Deno.test("an answer comes after what became of other messages before", async () => {
  await using server = await office({ rate: 0 });
  await using ada = await enter(server, "ada");
  await server.publish("lobby", "news");
  await ada.next("chat");
  await server.publish("lobby", "more");
  for (const seq of [1, 2]) await server.react("lobby", seq, "👍"); // the second waits to be told
  ada.send({ type: "react", seq: 1, payload: "🎉", ref: "mine" });
  await answer(ada, "mine");
  const told = ada.frames.map((frame): Event => JSON.parse(frame)).filter(({ type }) =>
    type === "revised"
  );
  assertEquals(told.map((event) => event.type === "revised" && event.rev), [1, 2, 3, 3]);
});

Deno.test("a server that stops first tells what waits to be told", async () => {
  await using server = await office({ rate: 0 });
  await using ada = await enter(server, "ada");
  await server.publish("lobby", "news");
  for (const reaction of ["👍", "🎉"]) await server.react("lobby", 1, reaction); // the second waits
  ada.send({ type: "react", seq: 1, payload: "x", ref: "mine" });
  await until(async () => (await server.history("lobby")).rev === 3, "the reaction to be stored");
  await server.stop();
  assertEquals((await answer(ada, "mine")).rev, 3);
});

Deno.test("who joins again while an answer waits is answered", async () => {
  await using server = await office({ rate: 0 });
  await using ada = await enter(server, "ada");
  await server.publish("lobby", "news");
  await server.react("lobby", 1, "👍");
  ada.send({ type: "react", seq: 1, payload: "x", ref: "mine" });
  await until(async () => (await server.history("lobby")).rev === 2, "the reaction to be stored");
  ada.send({ type: "join" });
  assertEquals((await answer(ada, "mine")).rev, 2);
});

Deno.test("who joins while revisions wait to be told hears of them once", async () => {
  await using server = await office({ rate: 0 });
  await using ada = await enter(server, "ada");
  await server.publish("lobby", "news");
  await ada.next("chat");
  for (const reaction of ["👍", "🎉"]) await server.react("lobby", 1, reaction); // the second waits
  await using bob = await enter(server, "bob");
  await ada.next("revised", ({ rev }) => rev === 2);
  await server.publish("lobby", "more");
  assertEquals((await bob.take("chat", 2)).map(({ rev }) => rev), [2, undefined]);
  assertEquals(bob.frames.filter((frame) => frame.includes('"revised"')), []);
});

Deno.test("many long messages that are revised at once come in frames that are no longer than others", async () => {
  await using server = await office({ rate: 0 });
  const long = "x".repeat(10_000);
  for (let n = 0; n < 30; n++) await server.publish("lobby", long);
  await using ada = await connect(server, { protocol: "parley.v1.batched" });
  ada.send({ type: "join" });
  await ada.next("chat", ({ seq }) => seq === 30);
  await Promise.all(Array.from({ length: 30 }, (_, n) => server.react("lobby", n + 1, "👍")));
  await ada.next("revised", ({ rev }) => rev === 30);
  const lengths = ada.frames.filter((frame) => frame.includes('"revised"')).map((frame) =>
    frame.length
  );
  assert(Math.max(...lengths) < 80_000, `${lengths}`);
  // A cursor that has missed as much starts afresh; what is behind reads page after page.
  const broker = await FaultyBroker.make();
  await broker.publish(Array.from({ length: 30 }, () => draft(long)));
  await broker.publish(Array.from({ length: 30 }, (_, n) => react(n + 1, "👍")));
  const some = await broker.revisedSince("lobby", { after: 0, limit: 99, chars: 65_536 });
  assertEquals(some.length, 7);
  await broker[Symbol.asyncDispose]();
});

Deno.test("revisions without text count while they wait, too", async () => {
  const broker = await FaultyBroker.make(); // the server closes it
  await using server = await serveOn(broker);
  await server.publish("lobby", "x");
  const release = broker.holdCalls();
  const asked = Array.from({ length: 33_000 }, () => server.deleteMessage("lobby", 1));
  const outcomes = Promise.allSettled(asked);
  release();
  const refused = (await outcomes).flatMap((one) => one.status === "rejected" ? [one.reason] : []);
  assert(refused.length > 0);
  assert(refused.every(({ code }) => code === "unavailable"));
});

Deno.test("a reply holds the number of what it answers, by every door", async () => {
  await using server = await office();
  await using ada = await enter(server, "ada");
  ada.send({ type: "chat", payload: "a" }, { type: "chat", payload: "b", replyTo: 1, ref: "r" });
  const reply = await ada.next("chat", ({ seq }) => seq === 2);
  assertEquals([reply.replyTo, reply.ref], [1, "r"]);
  ada.send({ type: "chat", payload: "b", replyTo: 2, ref: "r" });
  assertEquals((await ada.next("error")).code, "conflict");
  const headers = bearer("ada");
  const posted = await ask(server, MESSAGES, {
    ...{ method: "POST", headers, body: { payload: "c", replyTo: 2 } },
  });
  assertEquals(posted.json.replyTo, 2);
  assertEquals((await server.publish("lobby", "d", { replyTo: 3 })).replyTo, 3);
  assertEquals(
    (await ask(server, MESSAGES, {
      ...{ method: "POST", headers: bearer(KEY) },
      body: { type: "custom", name: "n", payload: 1, replyTo: 1 },
    })).json.field,
    "replyTo",
  );
});

// --- coming back -----------------------------------------------------------------------------------

Deno.test("who comes back with a rev is told what became of older messages, and of its own reactions", async () => {
  await using server = await office();
  await using ada = await enter(server, "ada");
  const { epoch } = await ada.next("joined");
  for (const payload of ["1", "2", "3"]) ada.send({ type: "chat", payload });
  ada.send({ type: "react", seq: 1, payload: "x", ref: "r" });
  await answer(ada, "r");
  ada.send(
    { type: "react", seq: 1, payload: "x", on: false },
    { type: "edit", seq: 2, payload: "two" },
    { type: "react", seq: 3, payload: "y", ref: "last" },
  );
  const { rev } = await answer(ada, "last");
  const comeBack = async (since: object) => {
    await using client = await enter(server, "ada", { epoch, ...since });
    const { recovered, mine } = await client.next("joined");
    await told(client);
    const events = client.frames.map((frame): Event => JSON.parse(frame));
    const revised = events.flatMap((event) => event.type === "revised" ? [event.message.seq] : []);
    const chats = events.flatMap((event) => event.type === "chat" ? [event.seq] : []);
    return { recovered, mine, revised, chats };
  };
  assertEquals(await comeBack({ seq: 2, rev: 1 }), {
    recovered: true,
    mine: { 1: [], 2: [], 3: ["y"] },
    revised: [1, 2, 3], // the last one is the newest revision: now the cursor has it
    chats: [3],
  });
  assertEquals(await comeBack({ seq: 3, rev }), {
    ...{ recovered: true, mine: {}, revised: [], chats: [] },
  });
  assertEquals((await comeBack({ seq: 3 })).revised, []); // it does not know of revisions
  assertEquals((await comeBack({ seq: 3, rev: rev + 1 })).recovered, false);
});

Deno.test("who has missed more than 200 revisions of older messages starts afresh", async () => {
  await using server = await office({ rate: 0, recentMessages: 5 });
  const voice = (seq: number) => server.react("lobby", seq, "x");
  for (let n = 0; n < 210; n++) await server.publish("lobby", `${n}`);
  const { epoch } = await server.history("lobby");
  await Promise.all(Array.from({ length: 200 }, (_, n) => voice(n + 1)));
  const recovered = async () => {
    await using client = await enter(server, "ada", { epoch, seq: 210, rev: 0 });
    const joined = await client.next("joined");
    return joined.recovered;
  };
  assertEquals(await recovered(), true);
  await voice(201);
  assertEquals(await recovered(), false);
});

Deno.test("a restart keeps revisions, and a cursor's rev can be resumed", async () => {
  const file = `${await Deno.makeTempDir()}/parley.db`;
  let epoch = "";
  {
    await using server = await office({ db: file });
    await using ada = await enter(server, "ada");
    ({ epoch } = await ada.next("joined"));
    ada.send({ type: "chat", payload: "1" }, { type: "edit", seq: 1, payload: "one", ref: "e" });
    assertEquals((await answer(ada, "e")).rev, 1);
  }
  await using server = await office({ db: file });
  await server.react("lobby", 1, "x");
  await using ada = await enter(server, "ada", { epoch, seq: 1, rev: 1 });
  assertEquals((await ada.next("joined")).recovered, true);
  const { rev, message } = await ada.next("revised");
  assertEquals([rev, message.payload], [2, "one"]);
});

Deno.test("an event stream carries revisions, and its ids a rev once there is one", async () => {
  await using server = await office();
  await server.publish("lobby", "1");
  await using stream = await Stream.open(server);
  await stream.next("chat");
  const { epoch } = await server.history("lobby");
  assertEquals(stream.lastEventId, `${epoch}:1`);
  await server.editMessage("lobby", 1, "one");
  assertEquals((await stream.next("revised")).message.payload, "one");
  assertEquals(stream.lastEventId, `${epoch}:1:1`);
  await server.publish("lobby", "2");
  await stream.next("chat");
  assertEquals(stream.lastEventId, `${epoch}:2:1`);
  await server.deleteMessage("lobby", 1);
  await stream.next("revised");
  for (
    const [lastEventId, count] of [[`${epoch}:2:1`, 1], [`${epoch}:2`, 1], [
      `${epoch}:2:2`,
      0,
    ]] as const
  ) {
    await using back = await Stream.open(server, { lastEventId });
    assertEquals((await back.next("joined")).recovered, true);
    if (count > 0) assertEquals((await back.next("revised")).message.deleted, true);
    assertEquals(back.lastEventId, `${epoch}:2:2`);
  }
  // Of several rooms, each has its own rev.
  const rooms = ["a", "lobby"];
  await using both = await Stream.open(server, { rooms, after: ["", `${epoch}:2:1`] });
  await both.next("revised");
  assert(both.lastEventId.endsWith(`,${epoch}:2:2`), both.lastEventId);
  await server.publish("a", "1");
  await both.next("chat");
  assert(both.lastEventId.endsWith(`:1,${epoch}:2:2`), both.lastEventId);
});

Deno.test("a reader that stops is told what became of what it has, when it reads again", async () => {
  await using server = await office({
    ...{ rate: 0, highWaterBytes: 100_000, lowWaterBytes: 50_000, tailBytes: 100_000 },
  });
  for (const text of ["1", "2", "3"]) await server.publish("lobby", text);
  using slow = await RawSocket.open(server, { protocol: "parley.v1" });
  await slow.send({ type: "join" });
  const events: Event[] = [];
  const read = async (isEnough: () => boolean) => {
    while (!isEnough()) events.push(...await slow.events());
  };
  await read(() => viewOf(events)?.seq === 3);
  const flood = async () => {
    const text = "x".repeat(100_000);
    for (let n = 0; n < 80; n++) await server.publish("lobby", text);
  };
  await flood();
  await server.editMessage("lobby", 1, "one");
  await server.deleteMessage("lobby", 4);
  await flood();
  await server.react("lobby", 2, "x");
  await server.editMessage("lobby", 163, "short");
  const { head, rev, messages } = await server.history("lobby", { after: 0, limit: 5 });
  await read(() => viewOf(events)?.seq === head && viewOf(events)?.rev === rev);
  const held = viewOf(events)?.messages;
  assertEquals(messages.map(({ seq }) => held?.get(seq)), [...messages]);
  assertEquals(held?.get(163)?.payload, "short");
});

Deno.test("the answer to a revision waits until its sender has heard what came before it", async () => {
  const broker = await FaultyBroker.make(); // the server closes it
  await using server = await serveOn(broker, { tailBytes: 0 }, MANAGERS);
  await using bob = await member(server);
  for (const text of ["1", "2"]) await server.publish("lobby", text);
  const release = broker.holdAnswers();
  await using ada = await connect(server, { protocol: "parley.v1" });
  ada.send({ type: "hello", token: "ada" }, { type: "join" });
  await ada.next("joined");
  await server.react("lobby", 1, "x");
  ada.send({ type: "edit", seq: 2, payload: "two", ref: "e" });
  await bob.next("revised", ({ rev }) => rev === 2);
  release();
  await answer(ada, "e");
  const heard = ada.frames.map((frame): Event => JSON.parse(frame)).flatMap((event) =>
    event.type === "revised"
      ? [`revised ${event.rev} ${event.ref ?? ""}`.trim()]
      : event.type === "chat"
      ? [`chat ${event.seq}`]
      : []
  );
  assertEquals(heard, ["chat 1", "chat 2", "revised 1", "revised 2", "revised 2 e"]);
});

Deno.test("who reacts to long messages again and again is answered each time, and stays connected", async () => {
  await using server = await office({ rate: 0 });
  await using ada = await enter(server, "ada");
  for (const letter of ["x", "y"]) await server.publish("lobby", letter.repeat(100_000));
  await ada.next("chat", ({ seq }) => seq === 2);
  const refs = Array.from({ length: 30 }, (_, n) => `${n}`);
  for (const ref of refs) {
    const seq = 1 + Number(ref) % 2;
    ada.send({ type: "react", seq, payload: "z", on: Number(ref) % 3 > 0, ref });
  }
  for (const ref of refs) assertEquals((await answer(ada, ref)).ref, ref);
  ada.send({ type: "chat", payload: "still here" });
  await ada.next("chat");
});

// --- HTTP, voice and hooks -------------------------------------------------------------------------

Deno.test("HTTP edits, deletes and reacts, as the user of the token", async () => {
  await using server = await office();
  await using ada = await enter(server, "ada");
  ada.send({ type: "chat", payload: "1" }, { type: "chat", payload: "2" });
  await ada.next("chat", ({ seq }) => seq === 2);
  const call = async (user: string, method: string, path: string, body?: object) =>
    await ask(server, `${MESSAGES}/${path}`, { method, body, headers: bearer(user) });
  const edited = await call("ada", "PATCH", "1", { payload: "one" });
  assertEquals([edited.status, edited.json.payload, edited.json.rev], [200, "one", 1]);
  const emoji = encodeURIComponent("👩‍💻");
  const reacted = await call("bob", "PUT", `1/reactions/${emoji}`);
  assertEquals([reacted.status, reacted.json.reactions], [200, { "👩‍💻": 1 }]);
  assertEquals((await call("bob", "PUT", `1/reactions/${emoji}`)).json.rev, 2);
  const page = await ask(server, MESSAGES, { headers: bearer("bob") });
  assertEquals<unknown>([page.json.rev, page.json.mine], [2, { 1: ["👩‍💻"] }]);
  const removed = await call("bob", "DELETE", `1/reactions/${emoji}`);
  assertEquals(removed.json.reactions, undefined);
  assertEquals((await call("ada", "DELETE", "2")).json.deleted, true);
  const refused: [string, string, string, object | undefined, number, string][] = [
    ["bob", "PATCH", "1", { payload: "x" }, 403, "forbidden"],
    ["bob", "DELETE", "1", undefined, 403, "forbidden"],
    ["reader", "PUT", "1/reactions/x", undefined, 403, "forbidden"],
    ["ada", "PATCH", "2", { payload: "x" }, 409, "conflict"],
    ["ada", "PATCH", "3", { payload: "x" }, 404, "not_found"],
    ["ada", "PATCH", "0", { payload: "x" }, 400, "bad_field"],
    ["ada", "PATCH", "1e1", { payload: "x" }, 400, "bad_field"],
    ["ada", "PATCH", "1", { payload: 1 }, 400, "bad_field"],
    ["ada", "PATCH", "1", { payload: "x", extra: 1 }, 400, "bad_field"],
    ["ada", "PUT", `1/reactions/${"x".repeat(33)}`, undefined, 400, "bad_field"],
    ["ada", "PUT", "1/reactions/a%20b", undefined, 400, "bad_field"],
  ];
  for (const [user, method, path, body, status, code] of refused) {
    const { status: found, json } = await call(user, method, path, body);
    assertEquals([found, json.code], [status, code], `${user} ${method} ${path}`);
  }
});

Deno.test("the guests without a token at one address react as one", async () => {
  await using server = await serve();
  await server.publish("lobby", "1");
  const path = `${MESSAGES}/1/reactions/x`;
  for (let n = 0; n < 2; n++) {
    assertEquals((await ask(server, path, { method: "PUT" })).json.reactions, { x: 1 });
  }
  const { status } = await ask(server, `${MESSAGES}/1`, { method: "DELETE" });
  assertEquals(status, 403);
});

Deno.test("the application revises anyone's messages, in process and with an API key", async () => {
  await using server = await office({ editSeconds: 1e-6 });
  await using ada = await enter(server, "ada");
  for (const payload of ["1", "2"]) ada.send({ type: "chat", payload });
  await ada.next("chat", ({ seq }) => seq === 2);
  assertEquals((await server.editMessage("lobby", 1, "one")).payload, "one");
  assertEquals((await server.react("lobby", 1, "x", { from: "bot" })).reactions, { x: 1 });
  assertEquals(
    (await server.react("lobby", 1, "x", { from: "bot", on: false })).reactions,
    undefined,
  );
  assertEquals((await server.deleteMessage("lobby", 2)).deleted, true);
  await assertRejects(() => server.editMessage("lobby", 2, "x"), Refusal, "deleted");
  await assertRejects(() => server.deleteMessage("lobby", 9), Refusal, "no message 9");
  await assertRejects(() => server.editMessage("lobby", 1, "\0"), Refusal, "payload");
  await assertRejects(() => server.react("lobby", 1.5, "x"), Refusal, "seq");
  await assertRejects(() => server.react("lobby", 1, ""), Refusal, "reaction");
  const headers = bearer(KEY);
  const put = await ask(server, `${MESSAGES}/1/reactions/y?from=bob`, { method: "PUT", headers });
  assertEquals(put.json.reactions, { y: 1 });
  for (const token of ["ada", undefined]) { // nobody else may say who reacts
    const { status, json } = await ask(server, `${MESSAGES}/1/reactions/z?from=bob`, {
      ...{ method: "PUT", headers: token === undefined ? {} : bearer(token) },
    });
    assertEquals([status, json.field], [400, "from"]);
  }
  const late = await ask(server, MESSAGES, { headers: bearer("bob") });
  assertEquals<unknown>(late.json.mine, { 1: ["y"] });
  const patched = await ask(server, `${MESSAGES}/1`, {
    ...{ method: "PATCH", headers, body: { payload: "uno" } },
  });
  assertEquals(patched.json.payload, "uno");
});

Deno.test(`a message has at most ${MAX_REACTIONS} different reactions`, async () => {
  await using server = await office();
  await server.publish("lobby", "1");
  for (let n = 0; n < MAX_REACTIONS; n++) await server.react("lobby", 1, `r${n}`);
  await using ada = await enter(server, "ada");
  assertEquals(await refusal(ada, { type: "react", seq: 1, payload: "more" }), "conflict payload");
  ada.send({ type: "react", seq: 1, payload: "r1", ref: "r" });
  assertEquals((await answer(ada, "r")).message.reactions?.r1, 2);
});

Deno.test("a message has a bounded number of reactions in all", () => {
  const reactions = { "👍": MAX_REACTIONS_IN_ALL - 1 };
  const message = new Revisable(JSON.stringify({ type: "chat", seq: 1, reactions }));
  const apply = (on: boolean, hasReacted: boolean) => {
    const revision = { kind: "react", seq: 1, isManager: false, payload: "👍", on } as const;
    return message.apply(revisionDraft("lobby", "ada", revision, undefined), 0, () => hasReacted);
  };
  assert(apply(true, false));
  assertThrows(() => apply(true, false), Refusal, "at most 20000 reactions");
  assert(apply(false, true) && apply(true, false));
});

Deno.test("a reaction can be seen, and told from others", () => {
  const good = ["👍", "❤️", "👍🏽", "👩‍💻", "🧑🏻‍❤️‍💋‍🧑🏿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇨🇳", "1️⃣", "+1", "赞", "é", "__proto__"];
  for (const reaction of good) assert(REACTION.accepts(reaction), reaction);
  const bad = [
    "",
    ".",
    "a b",
    "👍\u200b",
    "👍\u200d",
    "👍\ufe0f\ufe0f",
    "x\ufe0f",
    "\u202ex",
    "\u3164",
  ];
  for (const reaction of [...bad, "\u2800", "e\u0301", "\u0301", "x".repeat(33)]) {
    assert(!REACTION.accepts(reaction), JSON.stringify(reaction));
  }
});

Deno.test("hooks see edits before they are stored, and revisions when they are", async () => {
  const seen: unknown[] = [];
  await using server = await office({}, {
    onMessage: ({ type, payload }) => {
      if (type === "edit" && payload === "wait") return Promise.resolve({ payload: "waited" });
      return type === "edit" ? { payload: `${payload}!` } : undefined;
    },
    onStored: (event) => void seen.push(event),
  });
  await using ada = await enter(server, "ada");
  ada.send({ type: "chat", payload: "1" });
  const chat = await ada.next("chat");
  ada.send({ type: "edit", seq: 1, payload: "one", ref: "e" });
  const first = await answer(ada, "e");
  assertEquals(first.message.payload, "one!");
  ada.send({ type: "edit", seq: 1, payload: "wait", ref: "w" });
  const second = await answer(ada, "w");
  assertEquals(second.message.payload, "waited");
  await ask(server, `${MESSAGES}/1`, {
    ...{ method: "PATCH", headers: bearer("ada"), body: { payload: "x" } },
  });
  const third = await ada.next("revised");
  assertEquals(third.message.payload, "x!");
  await Promise.all([1, 2].map((n) => server.react("lobby", 1, `r${n}`)));
  const fourth = await ada.next("revised");
  await told(ada);
  const plain = ({ room, rev, message }: RevisedEvent) => ({ type: "revised", room, rev, message });
  assertEquals(seen, [chat, ...[first, second, third, fourth].map(plain)]);
});

Deno.test("a page around a message has it in the middle, as far as there are others", async () => {
  await using server = await office();
  for (let n = 1; n <= 30; n++) await server.publish("lobby", `${n}`);
  const seqs = async (query: string) =>
    (await ask(server, `${MESSAGES}?${query}`)).json.messages.map(({ seq }: Message) => seq);
  const numbers = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, n) => from + n);
  assertEquals(await seqs("around=15&limit=5"), numbers(13, 17));
  assertEquals(await seqs("around=15&limit=4"), numbers(13, 16));
  assertEquals(await seqs("around=29&limit=10"), numbers(21, 30));
  assertEquals(await seqs("around=2&limit=10"), numbers(1, 10));
  assertEquals(await seqs("around=99&limit=3"), numbers(28, 30));
  assertEquals(await seqs("around=15&limit=1"), [15]);
  assertEquals((await ask(server, `${MESSAGES}?around=1&after=1`)).json.code, "bad_field");
  assertEquals((await ask(server, "/rooms/empty/messages?around=1")).json.messages, []);
  assertEquals((await server.history("lobby", { around: 15, limit: 1 })).messages.length, 1);
});
