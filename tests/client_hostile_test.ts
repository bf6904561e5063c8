/**
 * The client library where its surroundings are wrong: storage that is full or tampered with, a server that
 * sends nonsense or very long delays, answers that overtake others, and an application that changes its mind.
 *
 * @module
 */
import type { Event as WireEvent } from "../server/protocol/messages.ts";
import { connect, type KeyValue, type TransportHandlers } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { faultProxy } from "./support/proxy.ts";
import { chat, joined, me, room, scripted, welcome } from "./support/scripted_client.ts";
import { StillClock } from "./support/still_clock.ts";

const QUICK = { backoffMs: { min: 5, max: 50 } };

function memory(kept: Record<string, string> = {}): KeyValue {
  return {
    getItem: (key) => kept[key] ?? null,
    setItem: (key, value) => void (kept[key] = value),
  };
}

/** Storage that the browser lets nobody use. */
const BLOCKED: KeyValue = {
  getItem: () => null,
  setItem() {
    throw new DOMException("full", "QuotaExceededError");
  },
};

Deno.test("a guest whose storage is full stays the same guest after a reconnect", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  const client = connect(proxy.url, { ...QUICK, identity: BLOCKED, outbox: BLOCKED });
  try {
    await patiently(client.join("lobby"), "the room");
    const { user } = client;
    proxy.stall("down");
    const sent = client.send("lobby", "once");
    await until(async () => (await server.history("lobby")).head === 1, "the message");
    proxy.cut();
    proxy.flow();
    assertEquals((await patiently(sent, "its echo")).from, user);
    assertEquals([client.user, (await server.history("lobby")).head], [user, 1]);
  } finally {
    client.close();
  }
});

const TAMPERED: readonly Record<string, string>[] = [
  { "parley.unsent": '{"unsent":{}}' },
  { "parley.unsent": '{"unsent":[null,"x",{"type":"chat"}]}' },
  { "parley.me": '{"token":{},"name":[]}' },
];

for (const kept of TAMPERED) {
  Deno.test(`a client connects although its storage has ${JSON.stringify(kept)}`, async () => {
    await using server = await serve();
    const storage = memory({ ...kept });
    const client = connect(server.url, { ...QUICK, identity: storage, outbox: storage });
    try {
      await patiently(client.join("lobby"), "the room");
      assertEquals((await patiently(client.send("lobby", "hi"), "the message")).seq, 1);
    } finally {
      client.close();
    }
  });
}

const NONSENSE = [
  "not JSON",
  "null",
  '[{"type":"chat","room":"lobby"},null]',
];

for (const text of NONSENSE) {
  Deno.test(`a frame that says ${text} ends the connection, and no message is lost with it`, async () => {
    await using server = Deno.serve({ port: 0, onListen() {} }, (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request, {
        protocol: "parley.v1.batched",
      });
      const isFirst = connections++ === 0;
      socket.onmessage = ({ data }) => {
        const events = [JSON.parse(data)].flat().flatMap(({ type, since }): WireEvent[] => {
          if (type === "hello") return [welcome];
          if (type !== "join") return [];
          return since ? [joined(2, true), chat(2)] : [joined(1), chat(1)];
        });
        socket.send(JSON.stringify(events));
        if (isFirst && JSON.stringify(events).includes("joined")) socket.send(text);
      };
      return response;
    });
    let connections = 0;
    const client = connect(`http://127.0.0.1:${server.addr.port}`, QUICK);
    const seqs: number[] = [];
    client.on("chat", ({ seq }) => seqs.push(seq));
    client.join(room).catch(() => {});
    try {
      await until(() => seqs.length === 2, "what was missed");
      assertEquals([seqs, connections], [[1, 2], 2]);
    } finally {
      client.close();
    }
  });
}

/** Counts the timers that are set while `act` runs and for some turns after it. */
async function timersDuring(act: () => void): Promise<number> {
  const { setTimeout: original } = globalThis;
  let count = 0;
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    count++;
    return original(run, ms);
  }) as typeof setTimeout; // a cast: only the client calls it meanwhile
  try {
    act();
    await new Promise((resolve) => original(resolve, 30));
  } finally {
    globalThis.setTimeout = original;
  }
  return count;
}

const LONG = 2 ** 40;

Deno.test("a delay of years does not keep the client busy", async () => {
  using it = scripted();
  it.received(joined(0));
  it.client.send(room, "m", "r").catch(() => {});
  await until(() => it.sent.length === 3, "the message");
  const refusal = { type: "error", code: "rate_limited", payload: "", field: "room" } as const;
  const refuse = () => it.received({ ...refusal, ref: "r", retryAfterMs: LONG });
  assert(await timersDuring(refuse) < 5);
});

Deno.test("a bye for years does not bring the client back at once", async () => {
  using it = scripted();
  await timersDuring(() => {
    it.received({ type: "bye", payload: "", retryAfterMs: LONG });
    it.closed(1012, "");
  });
  assertEquals([it.isOpening(), it.client.state.status], [false, "waiting"]);
});

Deno.test("a welcome without a heartbeat does not keep the client busy", async () => {
  const { heartbeatSeconds: _, ...rest } = welcome;
  const clients: ReturnType<typeof scripted>[] = [];
  // A cast: that is what is wrong with it.
  const begin = () => void clients.push(scripted(rest as typeof welcome));
  assert(await timersDuring(begin) < 5);
  for (const { client } of clients) client.close();
});

for (const what of ["send", "join"]) {
  Deno.test(`a room that is left while a ${what} is unanswered does not cost the connection`, async () => {
    using clock = new StillClock();
    using it = scripted();
    if (what === "send") {
      it.received(joined(0));
      it.client.send(room, "m").catch(() => {});
      await Promise.resolve();
      assertEquals(it.sent.length, 3);
    }
    const states: string[] = [];
    it.client.on("state", ({ status }) => states.push(status));
    it.client.leave(room);
    // The server goes on: it answers probes and sends heartbeats, but nothing of that room.
    for (let beat = 0; beat < 15; beat++) {
      it.received({ type: "ping", at: 0 });
      await clock.pass(2_000);
    }
    assertEquals(states, []);
  });
}

Deno.test("a refusal concerns the message in flight, though another room has one with that ref", async () => {
  using it = scripted();
  it.client.join("other").catch(() => {});
  it.received(joined(0), { ...joined(0), room: "other" } as WireEvent); // a cast: `joined` makes one
  const one = it.client.send(room, "one", "same");
  const two = it.client.send("other", "two", "same").catch(({ code }) => code);
  const chats = () => it.sent.filter((command) => Object(command).type === "chat");
  await until(() => chats().length === 1, "the first");
  it.received(chat(1, me, "same"));
  await until(() => chats().length === 2, "the second");
  it.received({ type: "error", code: "forbidden", payload: "", ref: "same" });
  assertEquals([(await one).seq, await two], [1, "forbidden"]);
});

Deno.test('a message may have the ref "hello", which is that of the client\'s own hello', async () => {
  using it = scripted();
  it.received(joined(0));
  const sent = it.client.send(room, "m", "hello").catch(({ code }) => code);
  await until(() => it.sent.length === 3, "the message");
  it.received({ type: "error", code: "forbidden", payload: "", ref: "hello" });
  assertEquals([await sent, it.client.state.status], ["forbidden", "open"]);
});

Deno.test("over HTTP an answer that overtakes the recent messages does not hide them, and is read", async () => {
  let handlers: TransportHandlers | undefined;
  const sent: unknown[] = [];
  const client = connect("ws://test/ws", {
    transport(_url, given) {
      handlers = given;
      return { send: (commands) => void sent.push(...commands), close() {} };
    },
  });
  const seqs: number[] = [];
  client.on("chat", ({ seq }) => seqs.push(seq));
  try {
    client.join(room).catch(() => {});
    handlers?.opened();
    handlers?.received([welcome]);
    handlers?.received([Object.assign(joined(2), { read: 2 })]);
    const stored = client.send(room, "m", "r");
    await until(() => Object(sent.at(-1)).type === "chat", "the message");
    handlers?.received([chat(3, me, "r")], true);
    assertEquals((await stored).seq, 3);
    handlers?.received([chat(1), chat(2), chat(3, me, "r")]);
    assertEquals([seqs, client.unread(room)], [[1, 2, 3], 0]);
  } finally {
    client.close();
  }
});

Deno.test("a message that leaves a gap is not told: the client resumes from before the gap", async () => {
  using it = scripted();
  it.received(joined(1), chat(1), chat(3));
  await until(() => Object(it.sent.at(-1)).since?.seq === 1, "a resume");
  it.received(joined(3, true), chat(2), chat(3));
  assertEquals(it.seqs, [1, 2, 3]);
});

// --- read marks ------------------------------------------------------------------------------------

Deno.test("unread() is never below 0, though another device has read what is still under way here", () => {
  using it = scripted();
  it.received({ ...joined(1), read: 1 } as WireEvent, chat(1)); // a cast: `joined` makes one
  it.received({ type: "read", room, seq: 3 });
  assertEquals(it.client.unread(room), 0);
  it.received(chat(2), chat(3), chat(4));
  assertEquals(it.client.unread(room), 1);
});

Deno.test("what the application says in the user's name is unread, as on the server", () => {
  using it = scripted();
  it.received({ ...joined(1), read: 1 } as WireEvent, chat(1)); // a cast: `joined` makes one
  it.received(chat(2, me));
  assertEquals(it.client.unread(room), 1);
});

Deno.test("read() in a room without messages tells the server nothing, and counts nothing", async () => {
  using it = scripted();
  it.received(joined(0));
  const count = it.sent.length;
  it.client.read(room, 5);
  await Promise.resolve();
  it.received(chat(1));
  assertEquals([it.client.unread(room), it.sent.length], [0, count]);
});

Deno.test("a mark that the server was not told of yet survives a cursor that is of no use", async () => {
  using it = scripted(welcome, QUICK);
  it.received({ ...joined(2), read: 0 } as WireEvent, chat(1), chat(2)); // a cast: `joined` makes one
  it.closed(1006, "");
  it.client.read(room, 2);
  await until(it.isOpening, "the next connection");
  it.opened();
  it.received(welcome);
  it.received({ ...joined(2), read: 0 } as WireEvent, chat(2)); // a cast: `joined` makes one
  assertEquals(it.client.unread(room), 0);
  await until(() => Object(it.sent.at(-1)).type === "read", "the mark");
});
