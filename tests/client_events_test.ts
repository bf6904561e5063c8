/**
 * What the client library tells an application: typed events, what the user may do, and everything that
 * is dropped. And `emit`, of which only the newest may matter.
 *
 * @module
 */
import type { Event as WireEvent } from "../server/protocol/messages.ts";
import { Client, ClientError, connect, type KeyValue } from "../static/client/mod.ts";
import { withFallback } from "../static/client/fallback.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { GatewayProxy } from "./support/gateway_proxy.ts";
import { member, patiently, serve, until } from "./support/harness.ts";
import {
  chat,
  fakeTransport,
  joined,
  me,
  room,
  scripted,
  welcome,
  you,
} from "./support/scripted_client.ts";

interface Events {
  cursor: { readonly x: number; readonly y: number };
  chat: string; // the name of a built-in event, which must not be taken for it
}

function custom(name: string, payload: number | { x: number; y: number } | string): WireEvent {
  return { type: "custom", room, name, from: you, payload };
}

/** Compiles only if both are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : never;

// --- on() -------------------------------------------------------------------------------------------

Deno.test("on() types the application's own events by name, apart from the built-in ones", () => {
  const fake = fakeTransport();
  const client = connect<Events>("ws://test/ws", { transport: fake.open });
  const heard: unknown[] = [];
  client.on("custom:cursor", ({ payload: { x, y }, from, room }) => {
    const isNumber: Same<typeof x, number> = true;
    heard.push([x, y, from.name, room, isNumber]);
  });
  client.on("custom:chat", ({ name, payload }) => {
    const isText: Same<typeof payload, string> = true;
    heard.push([name, payload.toUpperCase(), isText]);
  });
  client.on("chat", ({ seq }) => heard.push(seq));
  client.on("custom", ({ name }) => heard.push(name));
  // @ts-expect-error: the application has no such event
  client.on("custom:curser", () => {});
  // @ts-expect-error: there is no such event
  client.on("cursor", () => {});
  // @ts-expect-error: the payload is of another type
  const emit = () => client.emit(room, "cursor", 1);
  assertEquals(typeof emit, "function");
  client.join(room);
  fake.opened();
  fake.received(welcome, joined(0));
  fake.received(custom("cursor", { x: 1, y: 2 }), custom("chat", "hm"), chat(1));
  assertEquals(heard, ["cursor", [1, 2, "You", room, true], "chat", ["chat", "HM", true], 1]);
  client.close();
});

Deno.test("on() returns what ends it, and ends that listener only", () => {
  using it = scripted();
  it.received(joined(0));
  const heard: string[] = [];
  const end = it.client.on("chat", () => heard.push("first"));
  it.client.on("chat", () => heard.push("second"));
  it.received(chat(1));
  end();
  end();
  it.received(chat(2));
  assertEquals(heard, ["first", "second", "second"]);
});

Deno.test("connect() takes the server's address with and without /ws, of http: and ws:", () => {
  const urls: string[] = [];
  for (
    const [given, expected] of [
      ["http://a.test", "ws://a.test/ws"],
      ["https://a.test/realtime", "wss://a.test/realtime/ws"],
      ["https://a.test/realtime/", "wss://a.test/realtime/ws"],
      ["wss://a.test/realtime/ws", "wss://a.test/realtime/ws"],
      ["ws://http.test/news/?a=/ws", "ws://http.test/news/ws?a=/ws"],
      [new URL("http://a.test:81/ws/"), "ws://a.test:81/ws"],
    ] as const
  ) {
    const fake = fakeTransport();
    const open: typeof fake.open = (url, handlers) => (urls.push(url), fake.open(url, handlers));
    new Client(given, { transport: open }).close();
    assertEquals(urls.pop(), expected);
  }
});

// --- emit() -----------------------------------------------------------------------------------------

/** The payloads of the custom events that were sent. */
function emitted(sent: readonly unknown[]): unknown[] {
  return sent.map(Object).filter(({ type }) => type === "custom").map(({ payload }) => payload);
}

Deno.test("emit() with latest sends the newest of each name when the room is entered", () => {
  using it = scripted();
  assert(it.client.emit(room, "cursor", 1, { latest: true }));
  assert(it.client.emit(room, "cursor", 2, { latest: true }));
  assert(it.client.emit(room, "tool", "pen", { latest: true, retain: true }));
  assert(!it.client.emit(room, "click", 1));
  assertEquals(emitted(it.sent), []);
  it.received(joined(0));
  assertEquals(it.sent.slice(-2), [
    { type: "custom", room, name: "cursor", payload: 2 },
    { type: "custom", room, name: "tool", payload: "pen", retain: true },
  ]);
  it.received(joined(0));
  assertEquals(emitted(it.sent), [2, "pen"]);
});

Deno.test("emit() with latest stays within the server's rate, and holds up no message", async () => {
  await using server = await serve({ rate: 40, burst: 10 });
  await using bob = await member(server, { name: "Bob" });
  const ada = connect(server.url);
  try {
    await patiently(ada.join("lobby"), "the room");
    const told: unknown[] = [];
    ada.on("error", (error) => told.push(error));
    ada.on("lost", (lost) => told.push(lost));
    for (let n = 1; n <= 500; n++) {
      assert(ada.emit("lobby", "cursor", n, { latest: true }));
      if (n % 50 === 0) await Promise.resolve();
      if (n === 450) ada.send("lobby", "meanwhile").catch((error) => told.push(error));
    }
    const heard = () =>
      bob.pending.flatMap((event) =>
        event.type === "custom" || event.type === "chat" ? [event.payload] : []
      );
    // What is not stored overtakes what is: in which order they come says nothing.
    await until(() => heard().includes(500) && heard().includes("meanwhile"), "both");
    const cursors = heard().filter((payload) => payload !== "meanwhile");
    assertEquals(cursors, cursors.toSorted((a, b) => Number(a) - Number(b)));
    assert(cursors.length < 30, `${cursors.length} were sent`);
    assertEquals(told, []);
  } finally {
    ada.close();
  }
});

Deno.test("a room where one must wait between messages does not hold up the others", async () => {
  await using server = await serve({}, { rules: [{ match: "slow", slowSeconds: 600 }] });
  const ada = connect(server.url);
  try {
    await patiently(Promise.all([ada.join("slow"), ada.join("lobby")]), "the rooms");
    await ada.send("slow", "first");
    ada.send("slow", "second").catch(() => {});
    await patiently(ada.send("lobby", "meanwhile"), "the message elsewhere");
    await patiently(ada.send("lobby", "and again"), "the next one");
    assertEquals(ada.unsent.map(({ payload }) => payload), ["second"]);
  } finally {
    ada.close();
  }
});

Deno.test("emit() with retain is kept until the server has it", async () => {
  using it = scripted();
  const topic = it.client.emit(room, "topic", "tea", { retain: true });
  it.received(joined(0));
  const [command] = it.sent.slice(-1).map(Object);
  const { ref, ...rest } = command;
  assertEquals(rest, { type: "custom", room, name: "topic", payload: "tea", retain: true });
  const heard: unknown[] = [];
  it.client.on("custom:topic", ({ payload }) => heard.push(payload));
  it.received({ type: "custom", room, name: "topic", from: me, payload: "tea", ref });
  assertEquals([(await topic).payload, heard, it.client.unsent], ["tea", ["tea"], []]);
});

Deno.test("an event that is too large is lost, and nothing else with it", async () => {
  await using server = await serve({ frameBytes: 8_192 });
  const ada = connect(server.url);
  try {
    await patiently(ada.join("lobby"), "the room");
    const lost: unknown[] = [];
    ada.on("lost", ({ command, error }) => lost.push([command.type, error.code]));
    const large = "€".repeat(3_000);
    assert(!ada.emit("lobby", "large", large));
    assert(ada.emit("lobby", "large", large, { latest: true }));
    await assertRejects(() => ada.emit("lobby", "large", large, { durable: true }), ClientError);
    await ada.send("lobby", "still here");
    assertEquals(lost, [["custom", "too_large"], ["custom", "too_large"]]);
  } finally {
    ada.close();
  }
});

// --- rights -----------------------------------------------------------------------------------------

function right(right: "none" | "read" | "write", payload?: string): WireEvent {
  return { type: "right", room, right, ...(payload && { payload }) };
}

Deno.test("right() is what the user may do in a room, and right tells of its changes", () => {
  using it = scripted();
  assertEquals(it.client.right(room), undefined);
  it.received({ ...joined(0), right: "manage" } as WireEvent);
  assertEquals(it.client.right(room), "manage");
  const told: unknown[] = [];
  it.client.on("right", ({ right, payload, seconds }) => told.push(right, payload, seconds));
  it.received({ ...right("read", "Calm down."), seconds: 60 } as WireEvent);
  assertEquals([it.client.right(room), told], ["read", ["read", "Calm down.", 60]]);
});

Deno.test("the refusal of a join that was withdrawn does not hold back what is sent in other rooms", async () => {
  using it = scripted();
  it.received(joined(0));
  it.client.join("full").catch(() => {});
  await Promise.resolve(); // what comes in one turn is sent at its end
  const { ref } = Object(it.sent.at(-1));
  it.client.leave("full");
  it.received({ type: "error", code: "room_full", field: "room", payload: "", ref });
  it.client.send(room, "hello").catch(() => {});
  await Promise.resolve();
  assertEquals(Object(it.sent.at(-1)).payload, "hello");
});

Deno.test("a user who may no longer be in a room is out of it, and does not come back unasked", async () => {
  using it = scripted();
  it.received(joined(0));
  const sent = it.client.send(room, "unsent").catch(({ code, message }) => [code, message]);
  const lost: unknown[] = [];
  it.client.on("lost", ({ error }) => lost.push(error.code));
  const rights: unknown[] = [];
  it.client.on("right", () => rights.push(it.client.right(room)));
  it.client.emit(room, "cursor", 1, { latest: true });
  it.received(right("none", "You were removed."), chat(1));
  assertEquals(await sent, ["forbidden", "You were removed."]);
  assertEquals([lost, rights, it.seqs], [["forbidden"], [undefined], []]);
  it.closed(1006, "");
  it.client.retry();
  it.opened();
  it.received(welcome);
  const commands = () => it.sent.map(Object).map(({ type }) => type);
  assertEquals(commands(), ["hello", "join", "hello"]);
  const entered = it.client.join(room);
  await until(() => commands().at(-1) === "join", "the room to be asked for");
  it.received(joined(0));
  assertEquals((await patiently(entered, "the room")).room, room);
});

Deno.test("over HTTP a user who may no longer be in a room is out of it, and stays in the others", async () => {
  await using server = await serve();
  await using proxy = new GatewayProxy(server.url);
  const client = connect(proxy.url, {
    backoffMs: { min: 5, max: 20 },
    transport: (url, handlers) => withFallback({ webSocketTimeoutMs: 300 }, url, handlers),
  });
  const events = [joined(0), right("none", "You were removed.")];
  const body = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  void proxy.answerOnce("/events", { status: 200, type: "text/event-stream", body });
  const rights: unknown[] = [];
  client.on("right", ({ right }) => rights.push(right));
  client.join(room).catch(() => {});
  try {
    await patiently(client.join("another"), "the other room");
    assertEquals([rights, client.right(room), client.right("another")], [
      ["none"],
      undefined,
      "write",
    ]);
    const streams = proxy.asked.filter((path) => path.includes("/events?"));
    assertEquals(streams.map((path) => path.includes(`room=${room}`)), [true, false]);
  } finally {
    client.close();
  }
});

// --- what is dropped --------------------------------------------------------------------------------

Deno.test("what waits for a room that cannot be entered again fails with the reason", async () => {
  using it = scripted();
  it.received(joined(0));
  it.closed(1006, "");
  it.client.retry();
  it.opened();
  const sent = it.client.send(room, "unsent").catch(({ code }) => code);
  it.client.emit(room, "cursor", 1, { latest: true });
  const told: unknown[] = [];
  it.client.on("lost", ({ command, error }) => told.push(command.type, error.code));
  it.client.on("error", (error) => told.push(error.room, error.code));
  it.received(welcome);
  const { ref } = Object(it.sent.at(-1));
  it.received({ type: "error", code: "forbidden", payload: "", ref });
  assertEquals([await sent, told], ["forbidden", ["custom", "forbidden", room, "forbidden"]]);
});

Deno.test("leave() and close() tell of the events that were still to be sent", () => {
  for (const [how, code] of [["leave", "left"], ["close", "closed"]] as const) {
    using it = scripted();
    it.client.emit(room, "cursor", 1, { latest: true });
    const told: unknown[] = [];
    it.client.on("lost", ({ error }) => told.push(error.code));
    it.client[how](room);
    assertEquals(told, [code]);
  }
});

/** Storage that holds what it is given, until it is full. */
function storage(saved: Record<string, string> = {}): KeyValue & { isFull: boolean } {
  return {
    isFull: false,
    getItem: (key) => saved[key] ?? null,
    setItem(key, value) {
      if (this.isFull) throw new DOMException("full", "QuotaExceededError");
      saved[key] = value;
    },
  };
}

Deno.test("a message from before a reload that is refused is lost, which is told", async () => {
  const unsent = [{ type: "chat", room, payload: "old", ref: "r1" }];
  const outbox = storage({ "parley.unsent": JSON.stringify({ unsent }) });
  using it = scripted(welcome, { outbox });
  const told: unknown[] = [];
  it.client.on("lost", ({ command, error }) => told.push(command, error.code));
  it.received(joined(0));
  it.received({ type: "error", code: "bad_field", payload: "", ref: "r1" });
  await Promise.resolve();
  assertEquals([told, it.client.unsent], [[unsent[0], "bad_field"], []]);
});

Deno.test("storage that is full is told of once, until it has room again", async () => {
  const outbox = storage();
  using it = scripted(welcome, { outbox });
  const told: unknown[] = [];
  it.client.on("error", ({ code, field, payload }) => told.push(code, field, payload));
  const send = async (text: string) => {
    it.client.send(room, text).catch(() => {});
    await Promise.resolve();
    return told.splice(0);
  };
  const error = ["unavailable", "storage", 'Cannot save "parley.unsent".'];
  outbox.isFull = true;
  assertEquals([await send("1"), await send("2")], [error, []]);
  outbox.isFull = false;
  assertEquals(await send("3"), []);
  outbox.isFull = true;
  assertEquals(await send("4"), error);
});

Deno.test("history() fails with the server's own reason", async () => {
  await using server = await serve();
  await using proxy = new GatewayProxy(server.url);
  const body = JSON.stringify({ status: 403, code: "forbidden", detail: "Not you." });
  const refusal = { status: 403, type: "application/problem+json", body };
  const client = connect(proxy.url);
  try {
    void proxy.answerOnce("/messages", refusal);
    const { code, message } = await client.history("lobby", 5).catch((error) => error);
    assertEquals([code, message], ["forbidden", "Not you."]);
  } finally {
    client.close();
  }
});
