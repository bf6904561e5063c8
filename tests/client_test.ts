/**
 * The client library against the real server, over a network that fails in every way that
 * `proxy.ts` knows. What must hold after each: every message once, in order, on every side.
 *
 * @module
 */
import type { ChatEvent, Event as WireEvent, Message } from "../server/protocol/messages.ts";
import { CLOSE, CLOSE_CODES, ERRORS } from "../server/protocol/tables.ts";
import {
  type Client,
  ClientError,
  type ClientOptions,
  type ClientState,
  connect,
  type KeyValue,
  RETRIABLE_ERRORS,
  webSocket,
} from "../static/client/mod.ts";
import { FINAL_CLOSE_CODES } from "../static/client/errors.ts";
import { CLOSE_DONE, CLOSE_GOING_AWAY, CLOSE_RESTART } from "../static/client/transport.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { faultProxy } from "./support/proxy.ts";
import { seeded } from "./support/random.ts";
import {
  chat,
  fakeTransport,
  joined,
  me,
  room,
  scripted,
  welcome,
} from "./support/scripted_client.ts";
import { StillClock } from "./support/still_clock.ts";

/** A heartbeat under which a dead server is noticed within a test's patience, in seconds. */
const HEARTBEAT = { heartbeatSeconds: 0.2 };
const QUICK = { backoffMs: { min: 5, max: 50 } };

function memory(): KeyValue {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  };
}

/** A client that is in the lobby and writes down what it is told. */
class Talker implements AsyncDisposable {
  readonly client: Client;
  readonly messages: ChatEvent[] = [];
  readonly events: WireEvent[] = [];
  readonly states: ClientState[] = [];

  constructor(url: string, options: ClientOptions = {}, room = "lobby") {
    this.client = connect(`${url}/ws`, { ...QUICK, ...options });
    this.client.addEventListener("state", ({ detail }) => this.states.push(detail));
    for (const type of ["joined", "system", "typing", "error", "bye", "custom"] as const) {
      this.client.addEventListener(type, ({ detail }) => this.events.push(detail));
    }
    this.client.addEventListener("joined", ({ detail }) => {
      if (!detail.recovered) this.messages.length = 0;
    });
    this.client.addEventListener("chat", ({ detail }) => this.messages.push(detail));
    this.client.join(room);
  }

  get texts(): unknown[] {
    return this.messages.map(({ payload }) => payload);
  }

  get status(): ClientState["status"] {
    return this.client.state.status;
  }

  async hears(count: number): Promise<unknown[]> {
    await until(() => this.messages.length >= count, `${count} messages, not ${this.texts.length}`);
    return this.texts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await Promise.resolve();
  }
}

function numbers(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
}

/** What must be true of any log that a client shows. */
function assertInOrder(messages: readonly Message[]): void {
  const seqs = messages.map(({ seq }) => seq);
  assertEquals(seqs, [...new Set(seqs)].toSorted((a, b) => a - b));
}

Deno.test("the client library is under 7,168 bytes, minified and gzipped, and what is loaded when needed under 3,072 each", async () => {
  const folder = await Deno.makeTempDir({ prefix: "parley-" });
  const entry = new URL("../static/client/mod.ts", import.meta.url).pathname;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--lock=tests/deno.lock", "--frozen", "-A", "npm:esbuild@0.28.2"],
      ...[entry, "--bundle", "--splitting", "--minify", "--format=esm", `--outdir=${folder}`],
    ],
    cwd: new URL("../", import.meta.url),
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const loaded = new Set<string>();
  const sizeOf = async (name: string): Promise<number> => {
    if (loaded.has(name)) return 0;
    loaded.add(name);
    const script = await Deno.readTextFile(`${folder}/${name}`);
    const zipped = new Blob([script]).stream().pipeThrough(new CompressionStream("gzip"));
    let { byteLength } = await new Response(zipped).arrayBuffer();
    for (const [, other = ""] of script.matchAll(/from"\.\/([^"]+)"/g)) {
      byteLength += await sizeOf(other);
    }
    return byteLength;
  };
  const always = await sizeOf("mod.js");
  assert(always > 1_000 && always < 7_168, `${always} bytes`);
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).toSorted();
  for (const name of names) {
    const size = await sizeOf(name);
    assert(size < 3_072, `${name} and what it needs: ${size} bytes`);
  }
  assert(names.some((name) => name.includes("http_transport")));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the client's tables are the protocol's", () => {
  const { done, goingAway, restart } = CLOSE;
  assertEquals([CLOSE_DONE, CLOSE_GOING_AWAY, CLOSE_RESTART], [done, goingAway, restart]);
  const final = Object.entries(CLOSE_CODES).filter(([, { comeBack }]) => !comeBack);
  assertEquals(FINAL_CLOSE_CODES, final.map(([code]) => Number(code)));
  const retriable = Object.entries(ERRORS).filter(([, { retry }]) => retry).map(([code]) => code);
  assertEquals([...RETRIABLE_ERRORS].sort(), retriable.sort());
});

Deno.test("connect() says who one is, and send() resolves with the stored message", async () => {
  await using server = await serve();
  await using ada = new Talker(server.url, { name: "Ada" });
  const stored = await ada.client.send("lobby", "hello");
  assert(stored.type === "chat");
  assertEquals([stored.seq, stored.payload, stored.from], [1, "hello", ada.client.user]);
  assertEquals(ada.client.user?.name, "Ada");
  assertEquals(ada.states.map(({ status }) => status), ["open"]);
  assertEquals(ada.client.unsent, []);
});

Deno.test("send() keeps the order of what is said faster than the rate allows", async () => {
  await using server = await serve({ rate: 200, burst: 8 });
  await using ada = new Talker(server.url);
  const said = numbers("m", 60);
  await Promise.all(said.map((text) => ada.client.send("lobby", text)));
  assertEquals(await ada.hears(60), said);
  assertEquals(ada.events.filter(({ type }) => type === "error"), []);
});

Deno.test("send() keeps within the largest frame that the server reads", async () => {
  await using server = await serve({ frameBytes: 8192 });
  await using ada = new Talker(server.url);
  const said = numbers("€".repeat(800), 20);
  await Promise.all(said.map((text) => ada.client.send("lobby", text)));
  assertEquals(await ada.hears(20), said);
  assertEquals(ada.states.map(({ status }) => status), ["open"]);
});

Deno.test("send() comes through when another has used up the rate", async () => {
  let limits = 0;
  await using server = await serve({ rate: 20, burst: 4 });
  await using ada = new Talker(server.url);
  await ada.client.join("lobby");
  // A client that thinks it may say more than it may: the server's word counts.
  ada.client.addEventListener("welcome", () => limits++);
  Object.defineProperty(ada.client.limits ?? {}, "burst", { value: 1000 });
  Object.defineProperty(ada.client.limits ?? {}, "rate", { value: 0 });
  const said = numbers("m", 20);
  await Promise.all(said.map((text) => ada.client.send("lobby", text)));
  assertEquals((await ada.hears(20)).toSorted(), said.toSorted());
  assertEquals(limits, 0); // on the same connection
});

Deno.test("a client whose connection is cut resumes every room, once and in order", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  await using ada = new Talker(server.url);
  await using bob = new Talker(proxy.url);
  await bob.client.join("other");
  await ada.client.send("lobby", "before");
  await bob.hears(1);
  proxy.refusing = true;
  proxy.cut();
  await until(() => bob.status !== "open", "the loss to be noticed");
  const missed = numbers("missed", 120); // more than joining afresh would show
  await Promise.all(missed.map((text) => ada.client.send("lobby", text)));
  proxy.refusing = false;
  assertEquals(await bob.hears(121), ["before", ...missed]);
  const recovered = () => bob.events.filter((event) => event.type === "joined" && event.recovered);
  await until(() => recovered().length === 2, "both rooms to be resumed");
});

Deno.test("a message cut off between commit and echo is stored once and shown once", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  await using ada = new Talker(server.url);
  await using bob = new Talker(proxy.url);
  await bob.client.join("lobby");
  await ada.client.join("lobby");
  proxy.stall("down");
  const sent = bob.client.send("lobby", "once");
  await ada.hears(1);
  assertEquals(bob.messages, []);
  assertEquals(bob.client.unsent.length, 1);
  proxy.cut();
  proxy.flow();
  assertEquals((await patiently(sent, "the echo")).seq, 1);
  await ada.client.send("lobby", "end");
  assertEquals(await bob.hears(2), ["once", "end"]);
  assertEquals(await ada.hears(2), ["once", "end"]);
});

Deno.test("a server that falls silent is given up after two missed heartbeats", async () => {
  await using server = await serve(HEARTBEAT);
  await using proxy = faultProxy(server.url);
  await using ada = new Talker(proxy.url);
  await ada.client.join("lobby");
  await ada.client.send("lobby", "before"); // it has just heard of the server
  const stalled = performance.now();
  proxy.stall();
  await until(() => ada.status !== "open", "the silence to be noticed");
  assert(performance.now() - stalled > 200, "one heartbeat may be missed");
  proxy.flow();
  await ada.client.send("lobby", "again");
  assertEquals(await ada.hears(2), ["before", "again"]);
});

Deno.test("a server that is gone without a word (half-open) is given up too", async () => {
  await using server = await serve(HEARTBEAT);
  await using proxy = faultProxy(server.url);
  await using ada = new Talker(proxy.url);
  await ada.client.join("lobby");
  proxy.halfOpen();
  const sent = ada.client.send("lobby", "into the void");
  assertEquals((await patiently(sent, "the echo")).seq, 1);
  assert(proxy.accepted > 1); // and more often where the process stands still for half a second
});

Deno.test("a slow network that splits everything changes nothing but the time", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  proxy.pass({ delayMs: 1, pieceBytes: 40 });
  await using ada = new Talker(proxy.url);
  await using bob = new Talker(proxy.url);
  await bob.client.join("lobby");
  const said = numbers("häppchen 🍰 ", 30);
  await Promise.all(said.map((text) => ada.client.send("lobby", text)));
  assertEquals(await bob.hears(30), said);
});

Deno.test("under cuts, stalls and splits at random every client shows the same log", async () => {
  await using server = await serve(HEARTBEAT);
  await using proxy = faultProxy(server.url, 7);
  const random = seeded(7);
  await using ada = new Talker(proxy.url);
  await using bob = new Talker(proxy.url);
  await using eve = new Talker(server.url);
  await Promise.all([ada, bob, eve].map(({ client }) => client.join("lobby")));
  const sent: Promise<Message>[] = [];
  for (let round = 0; round < 25; round++) {
    for (const talker of [ada, bob, eve]) {
      sent.push(talker.client.send("lobby", `${round} of ${talker.client.user?.id}`));
    }
    proxy.pass(random() < 0.5 ? { pieceBytes: 30 } : {});
    const fault = random();
    if (fault < 0.3) proxy.stall("down");
    else if (fault < 0.5) proxy.stall("up");
    if (random() < 0.6) {
      const seen = eve.messages.length;
      await until(() => eve.messages.length > seen || eve.messages.length >= sent.length, "news");
      proxy.cut();
    }
    proxy.flow();
  }
  await patiently(Promise.all(sent), "all echoes");
  await Promise.all([ada, bob, eve].map((talker) => talker.hears(75)));
  for (const talker of [ada, bob, eve]) {
    assertInOrder(talker.messages);
    assertEquals(talker.messages, eve.messages);
    const own = eve.messages.filter(({ from }) => from.id === talker.client.user?.id);
    assertEquals(own.map(({ payload }) => parseInt(String(payload))), [...Array(25).keys()]);
  }
});

Deno.test("what is said offline survives a reload, and is sent in order, once", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  const kept = { identity: memory(), outbox: memory() };
  let before: string | undefined;
  {
    await using ada = new Talker(proxy.url, { ...kept, name: "Ada" });
    await ada.client.join("lobby");
    before = ada.client.user?.id;
    proxy.stall("down");
    ada.client.send("lobby", "one, committed but not echoed").catch(() => {});
    await using eve = new Talker(server.url);
    await eve.hears(1);
    proxy.refusing = true;
    proxy.cut();
    ada.client.send("lobby", "two, said offline").catch(() => {});
    ada.client.send("lobby", "three").catch(() => {});
    await Promise.resolve(); // it is kept at the end of the turn
    // The page goes: nobody calls close() on a reload. Its storage is all that is left of it.
    const text = kept.outbox.getItem("parley.unsent") ?? "";
    ada.client.close();
    await Promise.resolve();
    kept.outbox.setItem("parley.unsent", text);
  }
  proxy.flow();
  proxy.refusing = false;
  await using again = new Talker(proxy.url, kept);
  assertEquals(again.client.unsent.length, 3);
  await again.client.send("lobby", "four");
  assertEquals(again.texts, [
    "one, committed but not echoed",
    "two, said offline",
    "three",
    "four",
  ]);
  assertEquals(again.client.unsent, []);
  assertEquals([again.client.user?.id, again.client.user?.name], [before, "Ada"]);
});

Deno.test("send() with the ref of an unsent message is that message", async () => {
  await using server = await serve();
  await using ada = new Talker(server.url);
  const first = ada.client.send("lobby", "twice", "same");
  assert(first === ada.client.send("lobby", "twice", "same"));
  await first;
  assertEquals((await ada.client.send("lobby", "twice", "same")).seq, 1);
  await ada.client.send("lobby", "end");
  assertEquals(ada.texts, ["twice", "end"]);
});

Deno.test("close() forgets what was not sent; a server that closes does not", async () => {
  for (const forgotten of [true, false]) {
    const fake = fakeTransport();
    const outbox = memory();
    const client = connect("ws://test/ws", { transport: fake.open, outbox });
    client.send("lobby", "unsent").catch(() => {});
    await Promise.resolve();
    if (forgotten) client.close();
    else fake.closed(1008, "policy");
    const next = connect("ws://test/ws", { transport: fake.open, outbox });
    assertEquals(next.unsent.length, forgotten ? 0 : 1);
    next.close();
  }
});

Deno.test("a name that the server refuses makes a guest, not a loop", async () => {
  await using server = await serve();
  await using ada = new Talker(server.url, { name: "\u202E" });
  await patiently(ada.client.join("lobby"), "entering as a guest");
  assert(ada.client.user?.name.startsWith("Guest"));
});

Deno.test("send() keeps the order of the messages after one that is too large", async () => {
  const limits = { ...welcome.limits, frameBytes: 200 };
  using ada = scripted({ ...welcome, limits });
  ada.received(joined(0));
  const refused = assertRejects(() => ada.client.send(room, "x".repeat(300)), ClientError);
  for (const payload of ["a", "b", "c"]) ada.client.send(room, payload).catch(() => {});
  assertEquals((await refused).code, "too_large");
  const sent = ada.sent.flatMap((command) => Reflect.get(Object(command), "payload") ?? []);
  assertEquals(sent, ["a", "b"], "what fits into one frame");
});

Deno.test("send() rejects with the reason when a message cannot be stored", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  await using ada = new Talker(proxy.url, { maxUnsent: 2 });
  await ada.client.join("lobby");
  const code = async (promise: Promise<unknown>) =>
    (await assertRejects(() => promise, ClientError)).code;
  assertEquals(await code(ada.client.send("lobby", "x".repeat(17_000))), "too_large");
  assertEquals(await code(ada.client.send("lobby", "nul\0")), "bad_field");
  proxy.refusing = true;
  proxy.cut();
  await until(() => ada.status !== "open", "the loss to be noticed");
  const kept = ada.client.send("lobby", "a");
  const closed = ada.client.send("gone", "b");
  assertEquals(await code(ada.client.send("lobby", "c")), "full");
  ada.client.join("gone");
  ada.client.leave("gone");
  assertEquals(await code(closed), "left");
  ada.client.close();
  assertEquals(await code(kept), "closed");
  assertEquals(await code(ada.client.send("lobby", "d")), "closed");
});

Deno.test("a server that forgot the log is told apart: recovered is false", async () => {
  await using proxy = faultProxy("http://127.0.0.1:1");
  await using ada = new Talker(proxy.url);
  {
    await using server = await serve({ returnSeconds: 0 });
    proxy.target = server.url;
    await ada.client.send("lobby", "forgotten");
  }
  await using server = await serve();
  proxy.target = server.url;
  await ada.client.send("lobby", "anew");
  const joined = ada.events.filter((event) => event.type === "joined");
  assertEquals(joined.map(({ recovered }) => recovered), [false, false]);
  assertEquals(ada.texts, ["anew"]);
});

Deno.test("a client comes back when the server that says bye told it to", async () => {
  await using server = await serve({ returnSeconds: 1000 });
  await using ada = new Talker(server.url, { backoffMs: { min: 1, max: 2 } });
  await ada.client.join("lobby");
  const before = Date.now();
  const stopped = server.stop();
  await until(() => ada.status === "waiting", "the goodbye");
  const bye = ada.events.find((event) => event.type === "bye");
  const { state } = ada.client;
  assert(bye && state.status === "waiting");
  const told = state.retryAt - bye.retryAfterMs;
  assert(before <= told && told <= Date.now(), "its own delay");
  await stopped;
});

Deno.test("a final close code ends the client, and all that waits for it", async () => {
  await using server = await serve({ badCommands: 1 });
  await using ada = new Talker(server.url);
  await ada.client.join("lobby");
  await assertRejects(() => ada.client.send("lobby", "\0"), ClientError);
  await assertRejects(() => ada.client.send("lobby", "\0"), ClientError);
  await until(() => ada.status === "closed", "the end");
  assert(ada.client.state.status === "closed" && ada.client.state.code === 1008);
});

Deno.test("retry(), and the browser being online again, try at once", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  proxy.refusing = true;
  const never = { backoffMs: { min: 1e9, max: 1e9 }, transport: webSocket };
  await using ada = new Talker(proxy.url, never);
  await until(() => ada.status === "waiting", "the first failure");
  ada.client.retry();
  await until(() => proxy.accepted === 2 && ada.status === "waiting", "the second");
  proxy.refusing = false;
  dispatchEvent(new Event("online"));
  await patiently(ada.client.join("lobby"), "the third try");
  dispatchEvent(new Event("offline"));
  assertEquals(ada.status, "waiting");
  dispatchEvent(new Event("visibilitychange"));
  await until(() => ada.status === "open", "coming back");
});

Deno.test("failed tries are spread at random over a time that grows", () => {
  const fake = fakeTransport();
  const client = connect("ws://test/ws", { transport: fake.open });
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    fake.closed(1006, "");
    assert(client.state.status === "waiting");
    waits.push(client.state.retryAt - Date.now());
    client.retry();
  }
  client.close();
  waits.forEach((wait, i) => assert(wait <= Math.min(20_000, 500 * 2 ** i) + 5, `${i}: ${wait}`));
  assert(Math.max(...waits) > 1_000, "it backs off");
});

Deno.test("a token of another server is given up, and one is somebody new", async () => {
  await using server = await serve();
  const identity = memory();
  identity.setItem("parley.me", '{"token":"not.from.here","name":"Ada"}');
  await using ada = new Talker(server.url, { identity });
  await ada.client.send("lobby", "still works");
  assert(JSON.parse(identity.getItem("parley.me") ?? "").token !== "not.from.here");
});

Deno.test("a room that was left is entered again where one left off, with the cursor of leave()", async () => {
  await using server = await serve();
  await using ada = new Talker(server.url);
  await using bob = new Talker(server.url);
  await ada.client.send("lobby", "one");
  await ada.hears(1);
  const since = ada.client.leave("lobby");
  assertEquals(since?.seq, 1);
  assertEquals(ada.client.leave("lobby"), undefined);
  await bob.client.send("lobby", "two");
  const { recovered } = await ada.client.join("lobby", since);
  assert(recovered);
  assertEquals(await ada.hears(2), ["one", "two"]);
});

Deno.test("listRooms() brings the rooms that have members, or says why not", async () => {
  await using server = await serve();
  await using ada = new Talker(server.url);
  await using bob = new Talker(server.url);
  await Promise.all([ada, bob].map(({ client }) => client.join("lobby")));
  await ada.client.join("design");
  assertEquals(await ada.client.listRooms(), [
    { name: "lobby", memberCount: 2 },
    { name: "design", memberCount: 1 },
  ]);
  await server.stop();
  const error = await assertRejects(() => ada.client.listRooms(), ClientError);
  assertEquals(error.code, "unavailable");
});

Deno.test("signOut() forgets the guest, but not another one that is saved by then", async () => {
  await using server = await serve();
  const kept = { identity: memory(), outbox: memory() };
  const saved = () => JSON.parse(kept.identity.getItem("parley.me") ?? "null");
  await using ada = new Talker(server.url, { ...kept, name: "Ada" });
  await ada.client.join("lobby");
  await using tab = new Talker(server.url, { identity: kept.identity });
  await tab.client.join("lobby");
  assertEquals(tab.client.user, ada.client.user);
  const unsent = ada.client.send("lobby", "never said");
  ada.client.signOut();
  assertEquals(await unsent.catch(({ code }) => code), "closed");
  assertEquals(saved(), {});
  assertEquals(kept.outbox.getItem("parley.unsent")?.includes("never said"), false);
  await using next = new Talker(server.url, kept);
  await next.client.join("lobby");
  assert(next.client.user?.id !== ada.client.user?.id);
  assert(next.client.user?.name !== "Ada");
  const { token } = saved();
  tab.client.signOut(); // it heard of it late
  assertEquals(saved().token, token);
});

Deno.test("rename() holds in all tabs and after a reconnect; a bad name is refused", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  const identity = memory();
  await using ada = new Talker(proxy.url, { identity });
  await ada.client.join("lobby");
  await using tab = new Talker(server.url, { identity });
  assertEquals((await tab.client.join("lobby")).memberCount, 1);
  tab.client.rename("Ada");
  await until(() => ada.client.user?.name === "Ada", "the new name in the other tab");
  proxy.cut();
  await until(() => proxy.accepted === 2 && ada.status === "open", "coming back");
  assertEquals([ada.client.user?.name, tab.client.user?.name], ["Ada", "Ada"]);
  ada.client.rename("\u202E");
  await until(() => ada.events.some((event) => event.type === "error"), "the refusal");
  assertEquals(ada.client.user?.name, "Ada");
});

Deno.test("a name taken while offline is said when back", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  await using ada = new Talker(proxy.url);
  await ada.client.join("lobby");
  proxy.refusing = true;
  proxy.cut();
  await until(() => ada.status !== "open", "the loss");
  ada.client.rename("Ada");
  proxy.refusing = false;
  await until(() => ada.client.user?.name === "Ada", "the new name");
});

Deno.test("a name taken between the hello and its answer is said after that, a refused one not again", () => {
  for (const answer of ["welcome", "error"]) {
    const fake = fakeTransport();
    const client = connect("ws://test/ws", { name: "Me", transport: fake.open });
    fake.opened();
    client.rename("Ada");
    if (answer === "error") {
      const about = { ref: "hello", field: "name", payload: "No." };
      fake.received({ type: "error", code: "bad_field", ...about });
    }
    fake.received(welcome);
    const names = fake.sent.map((command) => [Object(command).type, Object(command).name]);
    const second = answer === "welcome" ? "rename" : "hello";
    assertEquals(names, [["hello", "Me"], [second, "Ada"]]);
    client.close();
  }
});

Deno.test("typing() is seen by the others, once, and is over with the message", async () => {
  await using server = await serve();
  await using ada = new Talker(server.url);
  await using bob = new Talker(server.url);
  await ada.client.join("lobby");
  await bob.client.join("lobby");
  for (let i = 0; i < 5; i++) ada.client.typing("lobby");
  await ada.client.send("lobby", "said");
  await bob.hears(1);
  const typing = bob.events.filter((event) => event.type === "typing");
  assertEquals(typing.map(({ payload }) => payload), [true, false]);
  assertEquals(ada.events.filter(({ type }) => type === "typing"), []);
});

Deno.test("typing is over when the connection is lost", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  await using ada = new Talker(server.url);
  await using bob = new Talker(proxy.url);
  await ada.client.join("lobby");
  await bob.client.join("lobby");
  ada.client.typing("lobby");
  const typing = () => bob.events.filter((event) => event.type === "typing");
  await until(() => typing().length === 1, "typing");
  proxy.cut();
  await until(() => bob.states.some(({ status }) => status === "waiting"), "the loss");
  assertEquals(typing().map(({ payload }) => payload), [true, false]);
});

Deno.test("emit() tells all members; durable events are numbered and acknowledged", async () => {
  await using server = await serve();
  await using ada = new Talker(server.url);
  await using bob = new Talker(server.url);
  await ada.client.join("lobby");
  await bob.client.join("lobby");
  ada.client.emit("lobby", "cursor", { x: 1 });
  const stored = await ada.client.emit("lobby", "move", ["e2", "e4"], { durable: true });
  assertEquals(stored.seq, 1);
  const custom = () => bob.events.filter((event) => event.type === "custom");
  await until(() => custom().length === 2, "both events");
  assertEquals(custom().map(({ name, payload, seq }) => [name, payload, seq]), [
    ["cursor", { x: 1 }, undefined],
    ["move", ["e2", "e4"], 1],
  ]);
});

Deno.test("join() waits for a place in a full room, and leave() makes one", async () => {
  await using server = await serve({ maxMembersPerRoom: 1 });
  await using ada = new Talker(server.url);
  await ada.client.join("lobby");
  await using bob = new Talker(server.url, { transport: hurried() });
  const entered = bob.client.join("lobby");
  const sent = bob.client.send("lobby", "said at the door"); // and kept until the door opens
  await until(() => bob.events.some((event) => event.type === "error"), "the refusal");
  const error = bob.events.find((event) => event.type === "error");
  assertEquals([error?.code, Reflect.get(error ?? {}, "room")], ["room_full", "lobby"]);
  ada.client.leave("lobby");
  await patiently(entered, "the place");
  assertEquals((await patiently(sent, "the echo")).seq, 1);
});

Deno.test("join() is refused for good where one may not go", async () => {
  await using server = await serve({}, {
    authorize: (_, room) => room === "secret" ? "none" : "write",
  });
  await using ada = new Talker(server.url);
  const error = await assertRejects(() => ada.client.join("secret"), ClientError);
  assertEquals(error.code, "forbidden");
  await ada.client.send("lobby", "but here one may");
});

Deno.test("history() reads what was said before", async () => {
  await using server = await serve({ recentMessages: 2 });
  await using ada = new Talker(server.url);
  for (const text of numbers("m", 6)) await ada.client.send("lobby", text);
  await using bob = new Talker(server.url);
  await bob.hears(2);
  const { messages: page } = await bob.client.history("lobby", bob.messages[0]?.seq ?? 0, 3);
  assertEquals(page, ada.messages.slice(1, 4));
  assertEquals((await bob.client.history("lobby", 1)).messages.length, 0);
});

Deno.test("history() of a server that is not there fails with unavailable", async () => {
  await using ada = new Talker("http://127.0.0.1:1");
  const error = await assertRejects(() => ada.client.history("lobby", 5), ClientError);
  assertEquals(error.code, "unavailable");
});

Deno.test("a room that is pruned to nothing can still be spoken in", async () => {
  await using server = await serve({ recentMessages: 0 });
  await using ada = new Talker(server.url);
  await ada.client.send("lobby", "not shown to who comes later");
  await using bob = new Talker(server.url);
  const stored = await patiently(bob.client.send("lobby", "hello?"), "the echo");
  assertEquals([stored.seq, bob.texts], [2, ["hello?"]]);
});

// --- what a real server does too seldom to wait for -------------------------------------------

/** The real transport, with a server that lets one try again at once. */
function hurried(): NonNullable<ClientOptions["transport"]> {
  return (url, handlers) => {
    const socket = new WebSocket(url, "parley.v1.batched");
    socket.onopen = () => handlers.opened();
    socket.onclose = ({ code, reason }) => handlers.closed(code, reason);
    socket.onmessage = ({ data }) => {
      const events: WireEvent[] = JSON.parse(data);
      handlers.received(
        events.map((event) => event.type === "error" ? { ...event, retryAfterMs: 10 } : event),
      );
    };
    return {
      send: (commands) => socket.send(JSON.stringify(commands)),
      close() {
        socket.onopen = socket.onclose = socket.onmessage = null;
        socket.close();
      },
    };
  };
}

Deno.test("an answer that runs ahead of the log does not make the client leap over it", async () => {
  using it = scripted();
  it.received(joined(1), chat(1));
  const sent = it.client.send(room, "m4", "mine");
  await Promise.resolve();
  it.received(chat(4, me, "mine")); // the answer to a retry, while 2 and 3 are still to come
  assertEquals((await sent).seq, 4);
  it.received(chat(2), chat(3), chat(4, me, "mine"), chat(5));
  assertEquals(it.seqs, [1, 2, 3, 4, 5]);
});

Deno.test("nothing is sent again before what was missed has come, as it may be among it", async () => {
  using it = scripted();
  it.received(joined(3));
  const sent = it.client.send(room, "m3", "mine");
  await Promise.resolve();
  assertEquals(it.sent.filter((command) => Object(command).type === "chat"), []);
  it.received(chat(2), chat(3, me, "mine"));
  assertEquals((await sent).seq, 3);
  assertEquals(it.seqs, [2, 3]);
  assertEquals(it.sent.filter((command) => Object(command).type === "chat"), []);
});

Deno.test("a message that nobody answers is sent again, though the server still speaks", async () => {
  using it = scripted({ ...welcome, heartbeatSeconds: 0.02 });
  it.received(joined(0));
  it.client.send(room, "lost somewhere", "mine").catch(() => {});
  await until(() => {
    it.received({ type: "ping", at: 0 });
    return it.client.state.status !== "open";
  }, "giving up");
  it.client.retry();
  it.opened();
  it.received(welcome, joined(0));
  assertEquals(it.sent.filter((command) => Object(command).ref === "mine").length, 2);
});

Deno.test("a client that always has something under way is not taken for a stuck one", async () => {
  using clock = new StillClock();
  using it = scripted();
  it.received(joined(0));
  it.client.send(room, "first", "ref1").catch(() => {});
  for (let seq = 1; seq <= 30; seq++) { // three times the patience
    it.client.send(room, "next", `ref${seq + 1}`).catch(() => {});
    await clock.pass(1_000);
    it.received(chat(seq, me, `ref${seq}`));
  }
  assertEquals(it.client.state.status, "open");
});

Deno.test("a seq that one has is ignored, and an unasked joined starts afresh", () => {
  using it = scripted();
  it.received(joined(2), chat(1), chat(2), chat(2), chat(1), chat(3));
  it.received(joined(90), chat(89), chat(90));
  assertEquals(it.seqs, [1, 2, 3, 89, 90]);
});

Deno.test("what comes for a room after leaving it is not told", () => {
  using it = scripted();
  it.received(joined(1), chat(1));
  it.client.leave(room);
  it.client.join(room);
  it.received(chat(2)); // sent before the server heard of the leaving
  it.received(joined(2), chat(1), chat(2));
  assertEquals(it.seqs, [1, 1, 2]);
});
