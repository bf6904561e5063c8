/**
 * The client's transport over HTTP against a server that answers when the test says so.
 *
 * @module
 */
import type { Command, Event, JoinCommand } from "../server/protocol/messages.ts";
import { overHttp } from "../static/client/http_transport.ts";
import { Client } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { patiently, serve } from "./support/harness.ts";
import { StillClock } from "./support/still_clock.ts";

const JOIN: JoinCommand = {
  type: "join",
  room: "red",
  ref: "1",
  since: { epoch: "e", seq: 0 },
};

function block(id: string, event: object): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${id && `id: ${id}\n`}data: ${JSON.stringify(event)}\n\n`);
}

/** A stream of the room "red", whose first message comes a little after `joined`. */
function eventStream(): Response {
  let timer: ReturnType<typeof setTimeout>;
  const body = new ReadableStream({
    start(controller) {
      const joined = { type: "joined", room: "red", epoch: "e", seq: 1, rev: 0, recovered: true };
      controller.enqueue(block("", joined));
      timer = setTimeout(
        () => controller.enqueue(block("e:1", { type: "chat", room: "red", seq: 1, at: 1 })),
        20,
      );
    },
    cancel: () => clearTimeout(timer),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

Deno.test("a transport that closes ends the hello that nobody waits for any more", async () => {
  const asked = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  await using server = Deno.serve({ port: 0, onListen() {} }, () => {
    asked.resolve();
    return new Response(new ReadableStream({ cancel: () => ended.resolve() }));
  });
  const transport = overHttp(5_000, `http://127.0.0.1:${server.addr.port}/ws`, {
    opened: () => transport.send([{ type: "hello", ref: "hello" }]),
    received() {},
    closed() {},
  });
  await patiently(asked.promise, "the hello");
  const closedAt = performance.now();
  transport.close();
  await patiently(ended.promise, "the end of the hello");
  assert(performance.now() - closedAt < 9_000, "it ended by its own timeout only");
});

Deno.test("whoever enters a room in answer to each joined still hears what was said", async () => {
  const heard = Promise.withResolvers<void>();
  let streams = 0;
  await using server = Deno.serve({ port: 0, onListen() {} }, () => {
    if (++streams > 20) heard.reject(new Error("The stream is opened in circles."));
    return eventStream();
  });
  const transport = overHttp(5_000, `http://127.0.0.1:${server.addr.port}/ws`, {
    opened: () => transport.send([JOIN]),
    received(events: readonly Event[]) {
      for (const { type } of events) {
        if (type === "joined") transport.send([JOIN]);
        else if (type === "chat") heard.resolve();
      }
    },
    closed: (code) => heard.reject(new Error(`closed: ${code}`)),
  });
  try {
    await patiently(heard.promise, "the message");
  } finally {
    transport.close();
  }
});

Deno.test("a transport that is closed by what it hears opens no other stream", async () => {
  const closed = Promise.withResolvers<void>();
  let streams = 0;
  await using server = Deno.serve({ port: 0, onListen() {} }, ({ url }) => {
    if (url.endsWith("/after")) return new Response();
    streams++;
    return eventStream();
  });
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const transport = overHttp(5_000, `${origin}/ws`, {
    opened: () => transport.send([JOIN]),
    received(events: readonly Event[]) {
      for (const { type } of events) {
        if (type === "joined") transport.send([{ ...JOIN, room: "blue", ref: "2" }]);
        else if (type === "chat") {
          transport.close();
          closed.resolve();
        }
      }
    },
    closed() {},
  });
  try {
    await patiently(closed.promise, "the message");
    await (await fetch(`${origin}/after`)).text(); // another stream would have been asked for before
    assertEquals(streams, 1);
  } finally {
    transport.close();
  }
});

/** Tells what a stream brings, so that a test can compare it: the type, the room, and the `ref` or the `seq`. */
function textOf(event: Event): string {
  const { room, ref, seq } = { room: "", ref: undefined, seq: undefined, ...event };
  return `${event.type} ${room} ${ref ?? seq}`;
}

/**
 * A transport that is in the rooms "red" and "blue" by one event stream. The test says what that brings, and no
 * other stream takes its place: the timers stand still.
 */
async function twoRooms() {
  const clock = new StillClock();
  const asked = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>>();
  const server = Deno.serve({ port: 0, onListen() {} }, () => {
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({ start: asked.resolve });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  const received: string[] = [];
  let marked = () => {};
  const transport = overHttp(5_000, `http://127.0.0.1:${server.addr.port}/ws`, {
    opened: () => transport.send([JOIN, { ...JOIN, room: "blue", ref: "2" }]),
    received(events: readonly Event[]) {
      for (const event of events) {
        if (event.type === "ping") marked();
        else received.push(textOf(event));
      }
    },
    closed() {},
  });
  for (let turn = 0; turn < 10; turn++) await Promise.resolve(); // until the commands are carried out
  await clock.pass(0);
  const stream = await asked.promise;
  return {
    send: (command: Command) => transport.send([command]),
    /** Brings events, and returns what the transport receives of them. */
    async brings(...events: object[]) {
      const isMarked = new Promise<void>((resolve) => marked = resolve);
      for (const event of [...events, { type: "ping" }]) stream.enqueue(block("", event));
      await isMarked;
      return received.splice(0);
    },
    async [Symbol.asyncDispose]() {
      transport.close();
      clock[Symbol.dispose]();
      await server.shutdown();
    },
  };
}

const said = (room: string, seq: number) => ({ type: "chat", room, seq, at: 1 });
const joined = (room: string, seq: number, epoch = "e") => (
  { type: "joined", room, epoch, seq, rev: 0, recovered: epoch === "e" }
);

Deno.test("the refusal of a join that was withdrawn is not received", async () => {
  await using it = await twoRooms();
  it.send({ type: "leave", room: "red" });
  const full = { type: "error", code: "room_full", payload: "", room: "red" };
  assertEquals(await it.brings(full, joined("blue", 0)), ["joined blue 2"]);
});

Deno.test("a stream that is to be replaced tells nothing of a log that took the place of another", async () => {
  await using it = await twoRooms();
  const first = await it.brings(joined("red", 1), said("red", 1), joined("blue", 5));
  assertEquals(first, ["joined red 1", "chat red 1", "joined blue 2"]);
  it.send({ ...JOIN, ref: "3" }); // of another tab: the first one goes on hearing
  assertEquals(await it.brings(said("red", 2)), ["chat red 2"]);
  const second = await it.brings(joined("red", 3, "new"), said("red", 3), said("blue", 5));
  assertEquals(second, ["chat blue 5"]);
});

Deno.test("over HTTP what cannot be sent is refused, also from before a reload, and the rest is sent", async () => {
  await using server = await serve();
  const broken = { type: "broken", room: "lobby", ref: "1" };
  const saved = new Map([["parley.unsent", JSON.stringify({ unsent: [broken] })]]);
  const client = new Client(server.url, {
    outbox: {
      getItem: (key) => saved.get(key) ?? null,
      setItem: (...what) => void saved.set(...what),
    },
    transport: (...where) => overHttp(5_000, ...where),
  });
  const lost: unknown[] = [];
  client.on("lost", ({ command, error }) => lost.push([command.type, error.code]));
  try {
    await patiently(client.join("lobby"), "the room");
    const refused: Promise<unknown>[] = [
      client.join("\ud800"),
      client.react("lobby", 1, "\ud800"),
      ...["", ".", ".."].map((step) => client.react("lobby", 1, step)),
      client.emit("lobby", "x", 1, { durable: true }),
    ];
    const codes = refused.map((promise) => promise.then(() => "stored", ({ code }) => code));
    const sent = client.send("lobby", "hello");
    const all = await patiently(Promise.all(codes), "the refusals");
    assertEquals(all, refused.map(() => "bad_command"));
    assertEquals((await patiently(sent, "the message")).seq, 1);
    assertEquals(lost, [["broken", "bad_command"]]);
  } finally {
    client.close();
  }
});
