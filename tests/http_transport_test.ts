/**
 * The client's transport over HTTP against a server that answers when the test says so.
 *
 * @module
 */
import type { Command, Event } from "../server/protocol/messages.ts";
import { overHttp } from "../static/client/http_transport.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { patiently } from "./support/harness.ts";

const JOIN: Command = {
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
